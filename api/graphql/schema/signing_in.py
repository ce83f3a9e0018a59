"""Signing up and signing in."""

from typing import Annotated

import strawberry

from api import contract
from api.graphql.context import Info
from api.graphql.schema.arguments import (
    Code,
    DisplayName,
    Email,
    MailedTicket,
    NewDisplayName,
    NewPassword,
    Password,
    RedirectTo,
    Ticket,
    TrustDevice,
    argument,
    credential,
)
from api.graphql.types import Session, SignInResult, sign_in_result
from auth import tickets
from auth.accounts import sign_up
from auth.factors import recovery_codes, totp
from auth.new_accounts import Wishes
from auth.ways_in import email_code, email_link, email_password


@strawberry.type
class SigningIn:
    @strawberry.mutation(description=str(contract.SIGN_UP))
    async def sign_up_email_password(
        self,
        info: Info,
        email: Email,
        password: NewPassword,
        display_name: DisplayName = strawberry.UNSET,
        redirect_to: RedirectTo = strawberry.UNSET,
    ) -> Session:
        answer = await sign_up.sign_up_email_password(
            info.context.postern,
            info.context.caller,
            email,
            password,
            _wishes(display_name, redirect_to),
        )
        return Session.of(answer)

    @strawberry.mutation(description=str(contract.SIGN_IN))
    async def sign_in_email_password(
        self,
        info: Info,
        email: Email,
        password: Password,
        device_token: Annotated[
            str | None,
            argument(
                "The `deviceToken` that this browser got for this user, if any. If it is not good "
                "any more, the answer is the same as without it."
            ),
        ] = strawberry.UNSET,
    ) -> SignInResult:
        answer = await email_password.sign_in_email_password(
            info.context.postern, info.context.caller, email, password, device_token or None
        )
        return sign_in_result(answer)

    @strawberry.mutation(description=str(contract.VERIFY_TOTP))
    async def verify_sign_in_mfa_totp(
        self, info: Info, ticket: Ticket, otp: Code, trust_device: TrustDevice = False
    ) -> Session:
        answer = await tickets.redeem(
            info.context.postern,
            info.context.caller,
            ticket,
            totp,
            otp,
            trust_device=bool(trust_device),
        )
        return Session.of(answer)

    @strawberry.mutation(description=str(contract.VERIFY_RECOVERY_CODE))
    async def verify_sign_in_mfa_recovery_code(
        self,
        info: Info,
        ticket: Ticket,
        recovery_code: Annotated[
            str, credential("One of the user's codes; case, dashes and spaces make no difference.")
        ],
        trust_device: TrustDevice = False,
    ) -> Session:
        answer = await tickets.redeem(
            info.context.postern,
            info.context.caller,
            ticket,
            recovery_codes,
            recovery_code,
            trust_device=bool(trust_device),
        )
        return Session.of(answer)

    @strawberry.mutation(name="signInOTPEmail", description=str(contract.SEND_CODE))
    async def sign_in_otp_email(
        self, info: Info, email: Email, display_name: NewDisplayName = strawberry.UNSET
    ) -> bool:
        await email_code.sign_in_otp_email(
            info.context.postern, info.context.caller, email, _wishes(display_name, None)
        )
        return True

    @strawberry.mutation(name="verifySignInOTPEmail", description=str(contract.VERIFY_CODE))
    async def verify_sign_in_otp_email(
        self,
        info: Info,
        email: Email,
        otp: Annotated[str, credential("The six digits of the mail; spaces do not matter.")],
    ) -> SignInResult:
        answer = await email_code.verify_sign_in_otp_email(
            info.context.postern, info.context.caller, email, otp
        )
        return sign_in_result(answer)

    @strawberry.mutation(description=str(contract.SEND_LINK))
    async def sign_in_passwordless_email(
        self,
        info: Info,
        email: Email,
        display_name: NewDisplayName = strawberry.UNSET,
        redirect_to: RedirectTo = strawberry.UNSET,
    ) -> bool:
        await email_link.sign_in_passwordless_email(
            info.context.postern, info.context.caller, email, _wishes(display_name, redirect_to)
        )
        return True

    @strawberry.mutation(description=str(contract.VERIFY_LINK))
    async def verify_sign_in_passwordless_email(
        self, info: Info, ticket: MailedTicket
    ) -> SignInResult:
        answer = await email_link.verify_sign_in_passwordless_email(
            info.context.postern, info.context.caller, ticket
        )
        return sign_in_result(answer)


def _wishes(display_name: str | None, redirect_to: str | None) -> Wishes:
    return Wishes(display_name=display_name or None, redirect_to=redirect_to or None)

"""The GraphQL schema: each resolver reads its arguments, calls one flow and shapes the answer."""

from dataclasses import dataclass, field
from typing import Annotated

import strawberry
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from api.types import (
    ErrorCode,
    MfaChange,
    Session,
    SignInResult,
    TotpEnrollment,
    User,
    sign_in_result,
)
from auth import mfa, sessions, sign_in, sign_up
from auth.postern import Postern

CACHED_OPERATIONS = 256
"""How many different operations stay parsed and validated; clients send few, attackers many."""


@dataclass(frozen=True)
class Context:
    """What a resolver needs beside its arguments."""

    postern: Postern
    access_token: str | None = field(repr=False)


Info = strawberry.Info[Context, None]


def _argument(description: str) -> object:
    return strawberry.argument(description=description)


Email = Annotated[
    str,
    _argument("The e-mail address. White space around it and upper case make no difference."),
]
Password = Annotated[
    str,
    _argument("The password, taken exactly as sent; at most 1024 bytes of UTF-8."),
]
Code = Annotated[
    str,
    _argument("The six digits that the authenticator app shows now. Spaces are passed over."),
]


@strawberry.type(description="Everything that can be asked without changing anything.")
class Query:
    @strawberry.field(
        description="Who is signed in: the user of the access token in the `Authorization` header, "
        "or null without one. Errors: UNAUTHENTICATED (the token is malformed, expired or not "
        "ours), DISABLED_USER."
    )
    async def me(self, info: Info) -> User | None:
        user = await sessions.me(info.context.postern, info.context.access_token)
        return User.of(user) if user else None


@strawberry.type(description="Everything that changes something.")
class Mutation:
    @strawberry.mutation(
        description="Make an account and sign in to it. Errors: INVALID_REQUEST, "
        "PASSWORD_TOO_SHORT, EMAIL_ALREADY_IN_USE, SIGNUP_DISABLED, DISABLED_USER (the account is "
        "made, and waits for the operator), TOO_MANY_REQUESTS."
    )
    async def sign_up_email_password(
        self,
        info: Info,
        email: Email,
        password: Annotated[
            str,
            _argument(
                "The password, taken exactly as sent; at least as many characters as the operator "
                "asks for (8 by default), at most 1024 bytes of UTF-8."
            ),
        ],
        display_name: Annotated[
            str | None,
            _argument("The name to show, at most 100 characters. Without it: the e-mail address."),
        ] = strawberry.UNSET,
    ) -> Session:
        return Session.of(
            await sign_up.sign_up_email_password(
                info.context.postern, email, password, display_name or None
            )
        )

    @strawberry.mutation(
        description="Sign in with e-mail address and password. Errors: INVALID_EMAIL_PASSWORD, "
        "DISABLED_USER, DISABLED_ENDPOINT (the user has a second factor, and the operator has "
        "switched factors off), INVALID_REQUEST, TOO_MANY_REQUESTS."
    )
    async def sign_in_email_password(
        self, info: Info, email: Email, password: Password
    ) -> SignInResult:
        return sign_in_result(
            await sign_in.sign_in_email_password(info.context.postern, email, password)
        )

    @strawberry.mutation(
        description="Redeem a sign-in ticket with a one-time code. A wrong code leaves the ticket "
        "good for the attempts left. Errors: INVALID_TICKET, INVALID_TOTP (with `attemptsLeft`), "
        "DISABLED_MFA_TOTP, DISABLED_USER, DISABLED_ENDPOINT."
    )
    async def verify_sign_in_mfa_totp(
        self,
        info: Info,
        ticket: Annotated[str, _argument("The `ticket` of an `MfaTicket`.")],
        otp: Code,
    ) -> Session:
        return Session.of(await sign_in.verify_sign_in_mfa_totp(info.context.postern, ticket, otp))

    @strawberry.mutation(
        description="Begin to set up a second factor for the signed-in user: a fresh secret and "
        "its QR code. Nothing is on until `verifyChangeUserMfa`; asked again before that, a new "
        "secret replaces the old. Errors: UNAUTHENTICATED, TOTP_ALREADY_ACTIVE, DISABLED_USER, "
        "DISABLED_ENDPOINT."
    )
    async def change_user_mfa(self, info: Info) -> TotpEnrollment:
        return TotpEnrollment.of(
            await mfa.change_user_mfa(info.context.postern, info.context.access_token)
        )

    @strawberry.mutation(
        description="Turn the signed-in user's second factor on or off with a current code. "
        "Errors: UNAUTHENTICATED, INVALID_TOTP, INVALID_REQUEST (an unknown type), NO_TOTP_SECRET "
        "and TOTP_ALREADY_ACTIVE (turning on), DISABLED_MFA_TOTP (turning off), DISABLED_USER, "
        "DISABLED_ENDPOINT."
    )
    async def verify_change_user_mfa(
        self,
        info: Info,
        active_mfa_type: Annotated[
            str, _argument('`"totp"` turns the pending factor on, `""` turns the active one off.')
        ],
        code: Code,
    ) -> MfaChange:
        return MfaChange.of(
            await mfa.verify_change_user_mfa(
                info.context.postern, info.context.access_token, active_mfa_type, code
            )
        )


class _Schema(strawberry.Schema):
    def process_errors(
        self,
        errors: list[object],  # type: ignore[override]
        execution_context: ExecutionContext | None = None,
    ) -> None:
        """Nothing: Strawberry would log the query's text, and with it what stands in it.

        `api.graphql` logs what is unforeseen.
        """


schema = _Schema(
    query=Query,
    mutation=Mutation,
    types=[ErrorCode],
    config=StrawberryConfig(auto_camel_case=True),
    extensions=[
        lambda: ParserCache(maxsize=CACHED_OPERATIONS),
        lambda: ValidationCache(maxsize=CACHED_OPERATIONS),
    ],
)

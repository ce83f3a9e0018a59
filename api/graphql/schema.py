"""The GraphQL schema: each resolver reads its arguments, calls one flow and shapes the answer."""

from typing import Annotated

import strawberry
from strawberry.schema.config import StrawberryConfig

from api.graphql.context import Info
from api.graphql.types import (
    ErrorCode,
    MfaChange,
    Session,
    SignInResult,
    TotpEnrollment,
    User,
    sign_in_result,
)
from auth import admission
from auth.accounts import enrolment, password_change, profile, sign_up
from auth.factors import recovery_codes, totp
from auth.sessions import current, elevation, ending, refreshing
from auth.ways_in import email_password


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
NewPassword = Annotated[
    str,
    _argument(
        "The password, taken exactly as sent; at least as many characters as the operator asks "
        "for (8 by default), at most 1024 bytes of UTF-8, and none that everybody would guess."
    ),
]
DisplayName = Annotated[
    str | None,
    _argument("The name to show, at most 100 characters; an empty one is the e-mail address."),
]
Code = Annotated[
    str,
    _argument(
        "The six digits that the authenticator app shows now, in any script; spaces and dashes do "
        "not matter."
    ),
]
Ticket = Annotated[str, _argument("The `ticket` of an `MfaTicket`.")]


@strawberry.type(description="Everything that can be asked without changing anything.")
class Query:
    @strawberry.field(
        description="Who is signed in: the user of the access token in the `Authorization` header, "
        "or null without one. Errors: UNAUTHENTICATED (the token is malformed, expired or not "
        "ours, or its session has ended), DISABLED_USER, UNVERIFIED_USER."
    )
    async def me(self, info: Info) -> User | None:
        viewer = await current.me(info.context.postern, info.context.caller)
        return _seen_by(viewer) if viewer else None


@strawberry.type(description="Everything that changes something.")
class Mutation:
    @strawberry.mutation(
        description="Make an account and sign in to it. Errors: INVALID_REQUEST, "
        "PASSWORD_TOO_SHORT, PASSWORD_TOO_COMMON, EMAIL_ALREADY_IN_USE, SIGNUP_DISABLED, "
        "DISABLED_USER or UNVERIFIED_USER (the account is made, and waits for the operator), "
        "TOO_MANY_REQUESTS."
    )
    async def sign_up_email_password(
        self,
        info: Info,
        email: Email,
        password: NewPassword,
        display_name: DisplayName = strawberry.UNSET,
    ) -> Session:
        answer = await sign_up.sign_up_email_password(
            info.context.postern,
            info.context.caller,
            email,
            password,
            sign_up.Wishes(display_name=display_name or None),
        )
        return Session.of(answer)

    @strawberry.mutation(
        description="Sign in with e-mail address and password. Errors: INVALID_EMAIL_PASSWORD, "
        "DISABLED_USER, UNVERIFIED_USER, DISABLED_ENDPOINT (the user has a factor, and factors "
        "are switched off), INVALID_REQUEST, TOO_MANY_REQUESTS."
    )
    async def sign_in_email_password(
        self, info: Info, email: Email, password: Password
    ) -> SignInResult:
        answer = await email_password.sign_in_email_password(
            info.context.postern, info.context.caller, email, password
        )
        return sign_in_result(answer)

    @strawberry.mutation(
        description="Redeem a sign-in ticket with a one-time code. A wrong code leaves the ticket "
        "good for the attempts left. Errors: INVALID_TICKET, INVALID_TOTP (with `attemptsLeft`), "
        "DISABLED_MFA_TOTP, DISABLED_USER, UNVERIFIED_USER, DISABLED_ENDPOINT, TOO_MANY_REQUESTS."
    )
    async def verify_sign_in_mfa_totp(self, info: Info, ticket: Ticket, otp: Code) -> Session:
        answer = await admission.redeem(
            info.context.postern, info.context.caller, ticket, totp, otp
        )
        return Session.of(answer)

    @strawberry.mutation(
        description="Redeem a sign-in ticket with a recovery code, for users without their phone. "
        "The code is used up; a wrong one counts like a wrong one-time code. Errors: "
        "INVALID_TICKET, INVALID_RECOVERY_CODE (with `attemptsLeft`), DISABLED_MFA_TOTP, "
        "DISABLED_USER, UNVERIFIED_USER, DISABLED_ENDPOINT, TOO_MANY_REQUESTS."
    )
    async def verify_sign_in_mfa_recovery_code(
        self,
        info: Info,
        ticket: Ticket,
        recovery_code: Annotated[
            str, _argument("One of the user's codes; case, dashes and spaces make no difference.")
        ],
    ) -> Session:
        answer = await admission.redeem(
            info.context.postern, info.context.caller, ticket, recovery_codes, recovery_code
        )
        return Session.of(answer)

    @strawberry.mutation(
        description="Begin to set up a second factor for the signed-in user: a fresh secret and "
        "its QR code. Nothing is on until `verifyChangeUserMfa`, within an hour; called again "
        "before that, the same secret is answered. Errors: UNAUTHENTICATED, "
        "ELEVATED_CLAIM_REQUIRED, TOTP_ALREADY_ACTIVE, DISABLED_USER, UNVERIFIED_USER, "
        "DISABLED_ENDPOINT."
    )
    async def change_user_mfa(
        self,
        info: Info,
        new_secret: Annotated[
            bool | None,
            _argument("Make a new secret, even where one is pending: the old one is forgotten."),
        ] = False,
    ) -> TotpEnrollment:
        answer = await enrolment.change_user_mfa(
            info.context.postern, info.context.caller, new_secret=bool(new_secret)
        )
        return TotpEnrollment.of(answer)

    @strawberry.mutation(
        description="Turn the signed-in user's second factor on or off with a current code. The "
        "older refresh tokens of the session are dead: go on with those of `session`. "
        "Errors: UNAUTHENTICATED, ELEVATED_CLAIM_REQUIRED, INVALID_TOTP, INVALID_REQUEST (an "
        "unknown type), NO_TOTP_SECRET and TOTP_ALREADY_ACTIVE (turning on), DISABLED_MFA_TOTP "
        "(turning off), DISABLED_USER, UNVERIFIED_USER, DISABLED_ENDPOINT, TOO_MANY_REQUESTS."
    )
    async def verify_change_user_mfa(
        self,
        info: Info,
        active_mfa_type: Annotated[
            str, _argument('`"totp"` turns the pending factor on, `""` turns the active one off.')
        ],
        code: Annotated[
            str,
            _argument(
                "The six digits that the authenticator app shows now; to turn the factor off, a "
                "recovery code does too. Spaces are passed over."
            ),
        ],
    ) -> MfaChange:
        answer = await enrolment.verify_change_user_mfa(
            info.context.postern, info.context.caller, active_mfa_type, code
        )
        return MfaChange.of(answer)

    @strawberry.mutation(
        description="A new set of recovery codes for the signed-in user, to be shown once; the old "
        "ones are worth nothing from now on, and neither are the older refresh tokens of the "
        "session. Errors: UNAUTHENTICATED, ELEVATED_CLAIM_REQUIRED, INVALID_TOTP, "
        "DISABLED_MFA_TOTP, DISABLED_USER, UNVERIFIED_USER, DISABLED_ENDPOINT, TOO_MANY_REQUESTS."
    )
    async def regenerate_recovery_codes(self, info: Info, code: Code) -> MfaChange:
        answer = await enrolment.regenerate_recovery_codes(
            info.context.postern, info.context.caller, code
        )
        return MfaChange.of(answer)

    @strawberry.mutation(
        description="Exchange a refresh token for a fresh session; the token is replaced by a new "
        "one. A token that comes again is answered with the same new one, unless that was used "
        "meanwhile and a few seconds are over: then one of them may be stolen, and the session "
        "ends. Errors: INVALID_REFRESH_TOKEN, DISABLED_USER, UNVERIFIED_USER, "
        "TOO_MANY_REQUESTS (only for tokens that are wrong)."
    )
    async def refresh_session(
        self,
        info: Info,
        refresh_token: Annotated[str, _argument("The `refreshToken` of the last `Session`.")],
    ) -> Session:
        answer = await refreshing.refresh_session(
            info.context.postern, info.context.caller, refresh_token
        )
        return Session.of(answer)

    @strawberry.mutation(
        description="End a session: that of the refresh token, or without one that of the access "
        "token. True also if it was over before; its access tokens stop working at once. Errors: "
        "UNAUTHENTICATED (`all`, or no refresh token, and no valid access token), DISABLED_USER, "
        "UNVERIFIED_USER."
    )
    async def sign_out(
        self,
        info: Info,
        refresh_token: Annotated[
            str | None, _argument("The `refreshToken` of the session to end.")
        ] = strawberry.UNSET,
        all_: Annotated[
            bool | None,
            strawberry.argument(
                name="all", description="End all sessions of the signed-in user instead."
            ),
        ] = False,
    ) -> bool:
        await ending.sign_out(
            info.context.postern, info.context.caller, refresh_token or None, everywhere=bool(all_)
        )
        return True

    @strawberry.mutation(
        description="End one of the signed-in user's sessions, for a list of devices. False if "
        "there is no such session. Errors: UNAUTHENTICATED, DISABLED_USER, UNVERIFIED_USER."
    )
    async def revoke_session(
        self,
        info: Info,
        id: Annotated[strawberry.ID, _argument("The `id` of a `UserSession`.")],  # noqa: A002
    ) -> bool:
        return await ending.revoke_session(info.context.postern, info.context.caller, id)

    @strawberry.mutation(
        description="Confirm that it is the user who asks, before a change that matters: answers a "
        "fresh session with which ELEVATED_CLAIM_REQUIRED does not come for a while (15 minutes by "
        "default). The older refresh tokens of the session are dead. Errors: UNAUTHENTICATED, "
        "INVALID_REQUEST (what is required is missing), INVALID_PASSWORD, INVALID_TOTP, "
        "DISABLED_USER, UNVERIFIED_USER, TOO_MANY_REQUESTS."
    )
    async def elevate(
        self,
        info: Info,
        password: Annotated[
            str | None, _argument("The password; required while the second factor is off.")
        ] = strawberry.UNSET,
        code: Annotated[
            str | None,
            _argument(
                "A one-time code or a recovery code; required while the second factor is on."
            ),
        ] = strawberry.UNSET,
    ) -> Session:
        answer = await elevation.elevate(
            info.context.postern, info.context.caller, password or None, code or None
        )
        return Session.of(answer)

    @strawberry.mutation(
        description="Replace the signed-in user's password. Every other session ends, and so does "
        "every sign-in that waits for its code. The answer is the session that asks with new "
        "tokens; its older refresh tokens are dead. Errors: UNAUTHENTICATED, "
        "ELEVATED_CLAIM_REQUIRED, INVALID_PASSWORD (the current one is another), "
        "PASSWORD_TOO_SHORT, PASSWORD_TOO_COMMON, INVALID_REQUEST, DISABLED_USER, "
        "UNVERIFIED_USER, TOO_MANY_REQUESTS."
    )
    async def change_user_password(
        self,
        info: Info,
        current_password: Annotated[str, _argument("The password that is replaced.")],
        new_password: NewPassword,
    ) -> Session:
        answer = await password_change.change_user_password(
            info.context.postern, info.context.caller, current_password, new_password
        )
        return Session.of(answer)

    @strawberry.mutation(
        description="Change what is shown of the signed-in user, and their language. What is left "
        "out or null stays as it is. Errors: UNAUTHENTICATED, INVALID_REQUEST, LOCALE_NOT_ALLOWED, "
        "DISABLED_USER, UNVERIFIED_USER."
    )
    async def change_user(
        self,
        info: Info,
        display_name: DisplayName = strawberry.UNSET,
        locale: Annotated[
            str | None, _argument("One of the locales that the operator allows, such as `en`.")
        ] = strawberry.UNSET,
    ) -> User:
        viewer = await profile.change_user(
            info.context.postern,
            info.context.caller,
            display_name=None if display_name is strawberry.UNSET else display_name,
            locale=locale or None,
        )
        return _seen_by(viewer)


def _seen_by(viewer: current.SignedIn) -> User:
    return User.of(viewer.user, viewer.session.id)


schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    types=[ErrorCode],
    config=StrawberryConfig(auto_camel_case=True),
)

"""The GraphQL schema: each resolver reads its arguments, calls one flow and shapes the answer."""

from typing import Annotated

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.types.base import StrawberryObjectDefinition

from api import contract
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
from auth.accounts import (
    enrolment,
    password_change,
    password_reset,
    profile,
    sign_up,
    verification,
)
from auth.factors import recovery_codes, totp
from auth.sessions import current, elevation, ending, refreshing
from auth.ways_in import email_password

_CREDENTIAL = "credential"


def _argument(description: str) -> object:
    return strawberry.argument(description=description)


def _credential(description: str) -> object:
    """Declare an argument with a guessable secret: an operation may have one such field."""
    return strawberry.argument(description=description, metadata={_CREDENTIAL: True})


Email = Annotated[
    str,
    _argument("The e-mail address. White space around it and upper case make no difference."),
]
Password = Annotated[
    str,
    _credential("The password, taken exactly as sent; at most 1024 bytes of UTF-8."),
]
NewPassword = Annotated[
    str,
    _credential(
        "The new password, taken exactly as sent: at least as many characters as the operator "
        "asks for (8 by default), and at most 1024 bytes of UTF-8. Common passwords are refused."
    ),
]
DisplayName = Annotated[
    str | None,
    _argument("The name to show, at most 100 characters; an empty one is the e-mail address."),
]
Code = Annotated[
    str,
    _credential(
        "The six digits that the authenticator app shows now, in any script; spaces and dashes do "
        "not matter."
    ),
]
RedirectTo = Annotated[
    str | None,
    _argument(
        "Where the link leads in the end: the front end, unless you name another address that "
        "the operator allows."
    ),
]
MailedTicket = Annotated[
    str, _credential("The `ticket` in the address of the link that was sent by mail.")
]
Ticket = Annotated[str, _credential("The `ticket` of an `MfaTicket`.")]


@strawberry.type(description="Everything that can be asked without changing anything.")
class Query:
    @strawberry.field(description=str(contract.ME))
    async def me(self, info: Info) -> User | None:
        viewer = await current.me(info.context.postern, info.context.caller)
        return _seen_by(viewer) if viewer else None


@strawberry.type(description="Everything that changes something.")
class Mutation:
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
            sign_up.Wishes(display_name=display_name or None, redirect_to=redirect_to or None),
        )
        return Session.of(answer)

    @strawberry.mutation(description=str(contract.SIGN_IN))
    async def sign_in_email_password(
        self, info: Info, email: Email, password: Password
    ) -> SignInResult:
        answer = await email_password.sign_in_email_password(
            info.context.postern, info.context.caller, email, password
        )
        return sign_in_result(answer)

    @strawberry.mutation(description=str(contract.VERIFY_TOTP))
    async def verify_sign_in_mfa_totp(self, info: Info, ticket: Ticket, otp: Code) -> Session:
        answer = await admission.redeem(
            info.context.postern, info.context.caller, ticket, totp, otp
        )
        return Session.of(answer)

    @strawberry.mutation(description=str(contract.VERIFY_RECOVERY_CODE))
    async def verify_sign_in_mfa_recovery_code(
        self,
        info: Info,
        ticket: Ticket,
        recovery_code: Annotated[
            str, _credential("One of the user's codes; case, dashes and spaces make no difference.")
        ],
    ) -> Session:
        answer = await admission.redeem(
            info.context.postern, info.context.caller, ticket, recovery_codes, recovery_code
        )
        return Session.of(answer)

    @strawberry.mutation(description=str(contract.ENROL))
    async def change_user_mfa(
        self,
        info: Info,
        new_secret: Annotated[
            bool | None,
            _argument("Make a new secret, even if one is pending; the old one stops working."),
        ] = False,
    ) -> TotpEnrollment:
        answer = await enrolment.change_user_mfa(
            info.context.postern, info.context.caller, new_secret=bool(new_secret)
        )
        return TotpEnrollment.of(answer)

    @strawberry.mutation(description=str(contract.CHANGE_FACTOR))
    async def verify_change_user_mfa(
        self,
        info: Info,
        active_mfa_type: Annotated[
            str, _argument('`"totp"` turns the pending factor on, `""` turns the active one off.')
        ],
        code: Annotated[
            str,
            _credential(
                "The six digits that the authenticator app shows now; to turn the factor off, a "
                "recovery code does too. Spaces are passed over."
            ),
        ],
    ) -> MfaChange:
        answer = await enrolment.verify_change_user_mfa(
            info.context.postern, info.context.caller, active_mfa_type, code
        )
        return MfaChange.of(answer)

    @strawberry.mutation(description=str(contract.NEW_RECOVERY_CODES))
    async def regenerate_recovery_codes(self, info: Info, code: Code) -> MfaChange:
        answer = await enrolment.regenerate_recovery_codes(
            info.context.postern, info.context.caller, code
        )
        return MfaChange.of(answer)

    @strawberry.mutation(description=str(contract.REFRESH))
    async def refresh_session(
        self,
        info: Info,
        refresh_token: Annotated[str, _credential("The `refreshToken` of the last `Session`.")],
    ) -> Session:
        answer = await refreshing.refresh_session(
            info.context.postern, info.context.caller, refresh_token
        )
        return Session.of(answer)

    @strawberry.mutation(description=str(contract.SIGN_OUT))
    async def sign_out(
        self,
        info: Info,
        refresh_token: Annotated[
            str | None, _credential("The `refreshToken` of the session to end.")
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

    @strawberry.mutation(description=str(contract.REVOKE_SESSION))
    async def revoke_session(
        self,
        info: Info,
        id: Annotated[strawberry.ID, _argument("The `id` of a `UserSession`.")],  # noqa: A002
    ) -> bool:
        return await ending.revoke_session(info.context.postern, info.context.caller, id)

    @strawberry.mutation(description=str(contract.ELEVATE))
    async def elevate(
        self,
        info: Info,
        password: Annotated[
            str | None, _credential("The password; required while the second factor is off.")
        ] = strawberry.UNSET,
        code: Annotated[
            str | None,
            _credential(
                "A one-time code or a recovery code; required while the second factor is on."
            ),
        ] = strawberry.UNSET,
    ) -> Session:
        answer = await elevation.elevate(
            info.context.postern, info.context.caller, password or None, code or None
        )
        return Session.of(answer)

    @strawberry.mutation(description=str(contract.CHANGE_PASSWORD))
    async def change_user_password(
        self,
        info: Info,
        current_password: Annotated[str, _credential("The password that is replaced.")],
        new_password: NewPassword,
    ) -> Session:
        answer = await password_change.change_user_password(
            info.context.postern, info.context.caller, current_password, new_password
        )
        return Session.of(answer)

    @strawberry.mutation(description=str(contract.SEND_VERIFICATION))
    async def send_verification_email(
        self, info: Info, email: Email, redirect_to: RedirectTo = strawberry.UNSET
    ) -> bool:
        await verification.send_verification_email(
            info.context.postern, info.context.caller, email, redirect_to or None
        )
        return True

    @strawberry.mutation(description=str(contract.VERIFY_EMAIL))
    async def verify_email(self, info: Info, ticket: MailedTicket) -> bool:
        await verification.verify_email(info.context.postern, info.context.caller, ticket)
        return True

    @strawberry.mutation(description=str(contract.SEND_RESET))
    async def send_password_reset_email(
        self, info: Info, email: Email, redirect_to: RedirectTo = strawberry.UNSET
    ) -> bool:
        await password_reset.send_password_reset_email(
            info.context.postern, info.context.caller, email, redirect_to or None
        )
        return True

    @strawberry.mutation(description=str(contract.RESET_PASSWORD))
    async def reset_password(
        self, info: Info, ticket: MailedTicket, new_password: NewPassword
    ) -> bool:
        await password_reset.reset_password(
            info.context.postern, info.context.caller, ticket, new_password
        )
        return True

    @strawberry.mutation(description=str(contract.CHANGE_USER))
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


def _credentials() -> frozenset[str]:
    """Return the schema's names of the arguments that are declared as credentials."""
    mutation = schema.get_type_by_name("Mutation")
    assert isinstance(mutation, StrawberryObjectDefinition)  # noqa: S101 - it is the schema above
    return frozenset(
        schema.config.name_converter.from_argument(argument)
        for field in mutation.fields
        for argument in field.arguments
        if argument.metadata.get(_CREDENTIAL)
    )


CREDENTIALS = _credentials()

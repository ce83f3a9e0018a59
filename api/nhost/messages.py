"""Requests and responses of Nhost's routes: pydantic validates and describes both."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from auth import public_fields
from auth.accounts import reset_session
from auth.sessions import opening
from models import User


class RequestBody(BaseModel):
    """What a client sends, with the names of Nhost's client; unknown ones are refused."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", strict=True, hide_input_in_errors=True
    )


class Answer(BaseModel):
    """What a client gets."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)


class Options(RequestBody):
    """What somebody who signs up may ask for."""

    display_name: str | None = None
    locale: str | None = None
    default_role: str | None = None
    allowed_roles: Annotated[list[str] | None, Field(fail_fast=True)] = None
    metadata: dict[str, Any] | None = None
    redirect_to: str | None = Field(
        default=None, description="Where the link of the verification mail leads in the end."
    )


class MailOptions(RequestBody):
    """What somebody who asks for a mail may ask for."""

    redirect_to: str | None = None


class MailRequest(RequestBody):
    """To which address a mail is to be sent."""

    email: str
    options: MailOptions | None = None


class SignInMailRequest(RequestBody):
    """To which address a mail to sign in with is to be sent, and the options of a new account."""

    email: str
    options: Options | None = None


class CodeRequest(RequestBody):
    """The code that was sent to an address."""

    email: str
    otp: str = Field(description="The six digits.")


class EmailChangeRequest(RequestBody):
    """The address to move the account to."""

    new_email: str
    options: MailOptions | None = None


class SignUpRequest(RequestBody):
    """A new account."""

    email: str
    password: str
    options: Options | None = None


class SignInRequest(RequestBody):
    """E-mail address and password."""

    email: str
    password: str


class TotpRequest(RequestBody):
    """A ticket, and the code that redeems it."""

    ticket: str
    otp: str = Field(description="A one-time code of six digits, or a recovery code.")


class MfaRequest(RequestBody):
    """A change of the second factor, and the code that allows it."""

    code: str
    active_mfa_type: Literal["totp", ""] = Field(
        default="", description="`totp` for on, empty for off."
    )


class PasskeySignInRequest(RequestBody):
    """Begin to sign in with a passkey; the address has no effect, so that it tells nothing."""

    email: str | None = None


class PasskeySignUpRequest(RequestBody):
    """Begin to sign up with a passkey."""

    email: str
    options: Options | None = None


class CredentialRequest(RequestBody):
    """What a browser answers when a passkey is used."""

    credential: dict[str, Any] = Field(description="A `PublicKeyCredential` as JSON.")
    email: str | None = Field(default=None, description="Has no effect.")


class NewCredentialRequest(RequestBody):
    """What a browser answers when a passkey is made."""

    credential: dict[str, Any] = Field(description="A `PublicKeyCredential` as JSON.")
    nickname: str | None = None
    options: Options | None = Field(
        default=None, description="Have no effect: those of the first request hold."
    )


class RefreshRequest(RequestBody):
    """The refresh token of the last session."""

    refresh_token: str


class VerifyTokenRequest(RequestBody):
    """An access token to look at, instead of the one in the header."""

    token: str | None = None


class SignOutRequest(RequestBody):
    """Which session to end."""

    refresh_token: str | None = None
    all: bool = Field(default=False, description="All sessions of the signed-in user.")


class PasswordRequest(RequestBody):
    """A new password for the signed-in user."""

    new_password: str
    ticket: str | None = Field(
        default=None, description="From the link of a reset mail; then no bearer token is needed."
    )


class UserAnswer(Answer):
    """Someone who has an account."""

    id: str
    email: str
    display_name: str
    avatar_url: str
    locale: str
    created_at: str = Field(json_schema_extra={"format": "date-time"})
    is_anonymous: bool
    default_role: str
    roles: list[str]
    metadata: dict[str, Any] | None
    email_verified: bool
    phone_number_verified: bool
    active_mfa_type: str | None


class SessionAnswer(Answer):
    """A user who is signed in, and the tokens that prove it."""

    access_token: str
    access_token_expires_in: int
    refresh_token: str
    refresh_token_id: str
    user: UserAnswer


class SessionPayload(Answer):
    """A session, wrapped."""

    session: SessionAnswer


class MfaChallenge(Answer):
    """A sign-in that waits for its second factor."""

    ticket: str


class EnrolmentChallenge(MfaChallenge):
    """A sign-in for which a second factor has to be set up, by `enrolMfaTotp` of GraphQL."""

    enrolment: list[str]


class SignUpAnswer(Answer):
    """A session; left out where the e-mail address has to be verified first."""

    session: SessionAnswer | None = None


class SignInAnswer(Answer):
    """A session, or a ticket where the user has a second factor; the other one is left out."""

    session: SessionAnswer | None = None
    mfa: EnrolmentChallenge | MfaChallenge | None = None


class TotpAnswer(Answer):
    """A secret for an authenticator app, as text and as the picture of a QR code."""

    image_url: str
    totp_secret: str


class PasskeyAnswer(Answer):
    """A passkey that was added."""

    id: str
    nickname: str


class ErrorAnswer(Answer):
    """Why a request was refused."""

    status: int
    error: str
    message: str


OK = Literal["OK"]


def session_answer(session: opening.Session) -> SessionAnswer:
    """Return a session in Nhost's format."""
    return SessionAnswer(
        access_token=session.access_token,
        access_token_expires_in=session.access_token_expires_in,
        refresh_token=session.refresh_token,
        refresh_token_id=str(session.refresh_token_id),
        user=user_answer(session.user),
    )


def reset_answer(reset: reset_session.ResetSession) -> SessionAnswer:
    """Return the tokens of a password reset in the form of a session."""
    return SessionAnswer(
        access_token=reset.access_token,
        access_token_expires_in=reset_session.LIFE,
        refresh_token=reset.refresh_token,
        refresh_token_id=reset.id,
        user=user_answer(reset.user),
    )


def user_answer(user: User) -> UserAnswer:
    """Return a user in Nhost's format."""
    always = {"avatarUrl": "", "isAnonymous": False, "phoneNumberVerified": False}
    return UserAnswer.model_validate(public_fields.as_json(user) | always)

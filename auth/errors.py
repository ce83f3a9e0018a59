"""Every refusal that a client can see, in one table."""

from enum import Enum, unique
from typing import Any


@unique
class ErrorCode(Enum):
    """Why a request was refused: a message for the person, a meaning for the developer."""

    def __init__(self, message: str, meaning: str) -> None:
        self.message = message
        self.meaning = meaning

    INVALID_EMAIL_PASSWORD = (
        "The e-mail address or the password is wrong.",
        "No account has this e-mail address and password. The same answer, after the same time, "
        "whether or not the account exists. Let the user try again.",
    )
    INVALID_TICKET = (
        "This sign-in is no longer valid. Please sign in again.",
        "The ticket is unknown, expired, already redeemed, or was tried with too many wrong codes. "
        "Go back to the first step. Of a mail: its link was used, has expired, or was replaced by "
        "a later one; ask for a new mail.",
    )
    INVALID_TOTP = (
        "The code is wrong or was already used.",
        "The one-time code does not match, or it was accepted before (each code is good once: wait "
        "for the next one). While redeeming a ticket, `extensions.attemptsLeft` says how many "
        "tries the ticket has left; at 0 go back to the e-mail and password step.",
    )
    INVALID_OTP = (
        "The code is wrong or not valid any more.",
        "The code is not the last one that was sent to this address, was used, is older than ten "
        "minutes, or five answers were tried already. The same answer if nothing was sent there. "
        "Let the user try again, or ask for a new code.",
    )
    INVALID_RECOVERY_CODE = (
        "The recovery code is wrong or was already used.",
        "No unused recovery code of the user is like this one. While redeeming a ticket, "
        "`extensions.attemptsLeft` says how many tries the ticket has left.",
    )
    INVALID_PASSKEY = (
        "The passkey was not accepted. Please try again.",
        "The answer of the browser proves nothing here: its passkey is unknown or another user's, "
        "its challenge was used, is older than five minutes or was for another step, or its page "
        "is not one that the operator allows; the server's log says which. Begin again, with new "
        "options. While redeeming a ticket, `extensions.attemptsLeft` says how many tries the "
        "ticket has left.",
    )
    PASSKEY_WITHOUT_VERIFICATION = (
        "Your device has not checked that it is you. Set a screen lock or a PIN, or sign in "
        "another way.",
        "The passkey is right, but its authenticator has not verified the user (by a PIN, a finger "
        "or a face). Alone it is one factor only; after a password it works as the second.",
    )
    PASSKEY_ALREADY_ADDED = (
        "This passkey was added before.",
        "An account has this passkey already.",
    )
    NO_PASSKEY = (
        "Your account has no passkey.",
        "The user has no passkey, or no such one. `MfaTicket.factors` and `User.factors` say what "
        "the user has.",
    )
    INVALID_REFRESH_TOKEN = (
        "Your session has ended. Please sign in again.",
        "The refresh token is unknown, its session has ended or expired, a change of password or "
        "factor has made it worthless, or it was replaced and its successor used (then the session "
        "is ended, as one of them may be stolen). Sign in again.",
    )
    ELEVATED_CLAIM_REQUIRED = (
        "Please confirm that it is you.",
        "The user's last sign-in is too long ago for this change, or the session has not shown the "
        "second factor. Call `elevate` (or `startElevatePasskey`), then repeat the operation with "
        "the new access token.",
    )
    DISABLED_MFA_TOTP = (
        "The second factor is not turned on.",
        "The user has no active TOTP factor, so there is nothing to verify or to turn off.",
    )
    NO_TOTP_SECRET = (
        "There is no authenticator app to confirm. Please start over.",
        "No enrolment is pending. Call `changeUserMfa` first, or `enrolMfaTotp` with the same "
        "ticket, and show its QR code.",
    )
    TOTP_ALREADY_ACTIVE = (
        "The second factor is already turned on.",
        "The user has an active TOTP factor, and it was not touched. Turn it off first, with "
        '`verifyChangeUserMfa(activeMfaType: "")`.',
    )
    SECOND_FACTOR_REQUIRED = (
        "Your account needs a second factor. Please sign in to set it up.",
        "The operator requires a second factor of this user. At sign-up, the account is made: sign "
        "in, and use the `enrolment` of the `MfaTicket`. A change that would remove the last "
        "factor is not made. In the operators' interface, the operator has no factor: enrol one.",
    )
    DISABLED_ENDPOINT = (
        "The second factor is switched off on this server.",
        "The operator has switched this off; the message says what. If it is every second factor "
        "that the user has (`auth.totp.enabled`, `auth.method.webauthn.enabled`), the user cannot "
        "sign in until it is on, or until the operator resets the user's factors.",
    )
    DISABLED_USER = (
        "This account is disabled.",
        "The credentials are right, but the operator has disabled the account.",
    )
    UNVERIFIED_USER = (
        "Please confirm your e-mail address first.",
        "The credentials are right, or the account has just been made, but the operator lets in "
        "only users whose e-mail address is verified. Show the message; signing in works once it "
        "is.",
    )
    UNAUTHENTICATED = (
        "Please sign in.",
        "The operation needs an access token in the header `Authorization: Bearer …`, and the one "
        "sent is missing, malformed or expired, or its session has ended. Refresh the session, or "
        "sign in again.",
    )
    INVALID_REQUEST = (
        "The request is not valid.",
        "The operation or one of its arguments cannot be used as sent; the message says which and "
        "what is accepted. Repeating it unchanged will not help.",
    )
    EMAIL_ALREADY_IN_USE = (
        "This e-mail address is already in use.",
        "An account with this e-mail address exists (upper and lower case are the same).",
    )
    EMAIL_NOT_ALLOWED = (
        "This e-mail address cannot be used here.",
        "The operator's lists of addresses and domains do not allow it.",
    )
    PASSWORD_TOO_SHORT = (
        "The password is too short.",
        "The password has fewer characters than the server asks for; `extensions.minLength` is "
        "that number.",
    )
    PASSWORD_TOO_COMMON = (
        "This password is too easy to guess. Please choose another.",
        "The password is the first that an attacker would try. `extensions.reason` says why: "
        '`"common"` (among the most used ones), `"email"` or `"issuer"` (the name of the service).',
    )
    NO_PASSWORD = (
        "Your account has no password. Please sign in again, by mail.",
        "The user signs in by mail and has set no password. Instead of `elevate`, open a new "
        "session by mail. To set a first password, call `changeUserPassword` without the current "
        "one, not long after a sign-in.",
    )
    INVALID_PASSWORD = (
        "The password is wrong.",
        "The current password of the signed-in user is another one. Let the user try again.",
    )
    LOCALE_NOT_ALLOWED = (
        "This language is not available.",
        "The operator has not allowed this locale; `extensions.allowed` lists those that are.",
    )
    ROLE_NOT_ALLOWED = (
        "This role is not available.",
        "The operator has not allowed one of the roles that were asked for; `extensions.allowed` "
        "lists those that are.",
    )
    DEFAULT_ROLE_MUST_BE_IN_ALLOWED_ROLES = (
        "The default role must be one of the allowed roles.",
        "The default role that was asked for, or the operator's, is not among the roles that were "
        "asked for.",
    )
    REDIRECT_TO_NOT_ALLOWED = (
        "This return address is not allowed.",
        "`redirectTo` is neither the front end's address nor another one that the operator allows.",
    )
    MAIL_NOT_CONFIGURED = (
        "This server cannot send mail.",
        "The operation needs a mail, and the operator has set no mail server, or not said how "
        "clients reach this server.",
    )
    SIGNUP_DISABLED = (
        "Signing up is switched off on this server.",
        "The operator creates the accounts on this server.",
    )
    TOO_MANY_REQUESTS = (
        "Too many attempts. Please wait a moment and try again.",
        "This client or this account was tried too often, or the server is busy. What was sent "
        "had no effect. `extensions.retryAfter` says after how many seconds to try again, and so "
        "does the header `Retry-After`.",
    )
    NOT_AN_OPERATOR = (
        "You are not an operator of this server.",
        "Only a user with the role `admin` may call this, with the access token of a session.",
    )
    LAST_OPERATOR = (
        "There must be another operator before this can be done.",
        "No enabled operator would be left. Give another user the role `admin` first.",
    )
    SETTING_LOCKED = (
        "This setting cannot be changed here.",
        "The environment of the server sets it, or it can only be set before the start; the "
        "message says which.",
    )
    CHANGED_MEANWHILE = (
        "Somebody else has changed the settings meanwhile. Look at them again first.",
        "`version` is not that of the settings in force. Read them again, and repeat the change.",
    )
    NOT_FOUND = (
        "There is nothing with this id.",
        "It does not exist, or not any more.",
    )
    SERVICE_UNAVAILABLE = (
        "The service cannot be reached at the moment. Please try again later.",
        "The server cannot reach or write its database. The operation was not done; if it was one "
        "that changes something, ask for what has become of it before repeating it. With "
        "`retryAfter`, the server is answering too many requests, and nothing was begun: repeat it "
        "after so many seconds.",
    )
    INTERNAL_SERVER_ERROR = (
        "Something went wrong on the server.",
        "An unforeseen error. `extensions.id` stands in the server's log beside the cause; give it "
        "to the operator.",
    )


CONCEALED = {
    ErrorCode.DISABLED_MFA_TOTP,
    ErrorCode.DISABLED_USER,
    ErrorCode.EMAIL_ALREADY_IN_USE,
    ErrorCode.INVALID_EMAIL_PASSWORD,
    ErrorCode.INVALID_OTP,
    ErrorCode.INVALID_PASSKEY,
    ErrorCode.INVALID_PASSWORD,
    ErrorCode.INVALID_RECOVERY_CODE,
    ErrorCode.INVALID_REFRESH_TOKEN,
    ErrorCode.INVALID_TICKET,
    ErrorCode.INVALID_TOTP,
    ErrorCode.NO_PASSKEY,
    ErrorCode.NO_TOTP_SECRET,
    ErrorCode.ROLE_NOT_ALLOWED,
    ErrorCode.SIGNUP_DISABLED,
    ErrorCode.UNAUTHENTICATED,
    ErrorCode.UNVERIFIED_USER,
}
"""Codes that `AUTH_CONCEAL_ERRORS` turns into INVALID_REQUEST, as they tell about an account."""


FOR_OPERATORS = {
    ErrorCode.NOT_AN_OPERATOR,
    ErrorCode.LAST_OPERATOR,
    ErrorCode.SETTING_LOCKED,
    ErrorCode.CHANGED_MEANWHILE,
    ErrorCode.NOT_FOUND,
}
"""Codes of the operators' interface alone; the public schema does not have them."""


class AuthError(Exception):
    """An intended refusal: a code, a message for a person, and details for the client.

    `details` become the `extensions` of the GraphQL error: their names are camelCase, and their
    values can be written as JSON. Neither may contain a secret.
    """

    def __init__(
        self, code: ErrorCode, message: str = "", *, tells_of_account: bool = False, **details: Any
    ) -> None:
        """With `tells_of_account`, conceal it here though the code is not in CONCEALED."""
        super().__init__(message or code.message)
        self.code = code
        self.is_concealable = tells_of_account or code in CONCEALED
        self.details = details
        self.extensions = {"code": code.name, **details}

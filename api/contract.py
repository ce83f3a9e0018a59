"""What each operation does, and which refusals it can return: declared in one place.

The descriptions of the GraphQL schema, the OpenAPI document and the table in docs/clients.md are
written from here. The fuzzing tests fail on a refusal that is not declared.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from auth.errors import ErrorCode
from auth.errors import ErrorCode as E

EVERYWHERE = frozenset(
    {E.INVALID_REQUEST, E.TOO_MANY_REQUESTS, E.SERVICE_UNAVAILABLE, E.INTERNAL_SERVER_ERROR}
)
"""Refusals that any request can get, before or instead of its operation."""


@dataclass(frozen=True)
class Contract:
    """An operation: its name, what it does, and its refusals, with notes on some of them."""

    name: str
    does: str
    refusals: tuple[ErrorCode, ...]
    notes: Mapping[ErrorCode, str] = field(default_factory=dict)

    def __str__(self) -> str:
        codes = (
            f"{code.name} ({self.notes[code]})" if code in self.notes else code.name
            for code in self.refusals
        )
        return f"{self.does} Errors: {', '.join(codes)}."

    def declares(self, code: ErrorCode) -> bool:
        """Return whether the operation can return this refusal."""
        return code in self.refusals or code in EVERYWHERE


_ACCOUNT = (E.DISABLED_USER, E.UNVERIFIED_USER)
"""Refusals of a user who may not sign in, or no longer."""
_FACTOR = (E.INVALID_TICKET, E.DISABLED_MFA_TOTP, *_ACCOUNT, E.DISABLED_ENDPOINT)
"""Refusals of redeeming a ticket, with any factor."""
_RECENT = (E.UNAUTHENTICATED, E.ELEVATED_CLAIM_REQUIRED)
"""Refusals of operations that need a recent sign-in."""

ME = Contract(
    "me",
    "Who is signed in: the user of the access token in the `Authorization` header, or null without "
    "one.",
    (E.UNAUTHENTICATED, *_ACCOUNT),
    {
        E.UNAUTHENTICATED: "the token is malformed, expired or not ours, or its session has ended",
    },
)
SIGN_UP = Contract(
    "signUpEmailPassword",
    "Make an account and sign in to it.",
    (
        E.INVALID_REQUEST, E.PASSWORD_TOO_SHORT, E.PASSWORD_TOO_COMMON, E.EMAIL_ALREADY_IN_USE,
        E.SIGNUP_DISABLED, E.EMAIL_NOT_ALLOWED, E.REDIRECT_TO_NOT_ALLOWED, *_ACCOUNT,
        E.SECOND_FACTOR_REQUIRED, E.TOO_MANY_REQUESTS,
    ),
    {
        E.SECOND_FACTOR_REQUIRED: "the account is made; sign in to set up its factor",
        E.EMAIL_ALREADY_IN_USE: "not where addresses are verified by mail: the mail tells it",
        E.DISABLED_USER: "the account is made, and waits for the operator",
        E.UNVERIFIED_USER: "the address has to be verified first; a mail says how",
    },
)  # fmt: skip
SIGN_IN = Contract(
    "signInEmailPassword",
    "Sign in with e-mail address and password.",
    (
        E.INVALID_EMAIL_PASSWORD, *_ACCOUNT, E.DISABLED_ENDPOINT, E.INVALID_REQUEST,
        E.TOO_MANY_REQUESTS,
    ),
    {E.DISABLED_ENDPOINT: "the user has a factor, and factors are switched off"},
)  # fmt: skip
VERIFY_TOTP = Contract(
    "verifySignInMfaTotp",
    "Redeem a sign-in ticket with a one-time code. A wrong code leaves the ticket good for the "
    "attempts left.",
    (E.INVALID_TOTP, *_FACTOR, E.TOO_MANY_REQUESTS),
    {E.INVALID_TOTP: "with `attemptsLeft`"},
)
VERIFY_RECOVERY_CODE = Contract(
    "verifySignInMfaRecoveryCode",
    "Redeem a sign-in ticket with a recovery code, for users without their phone. The code is used "
    "up; a wrong one counts like a wrong one-time code.",
    (E.INVALID_RECOVERY_CODE, *_FACTOR, E.TOO_MANY_REQUESTS),
    {E.INVALID_RECOVERY_CODE: "with `attemptsLeft`"},
)
ENROL = Contract(
    "changeUserMfa",
    "Begin to set up an authenticator app for the signed-in user: the answer has a secret and "
    "its QR code. The factor is off until `verifyChangeUserMfa`, within an hour. If you call this "
    "again before that, the answer has the same secret.",
    (*_RECENT, E.TOTP_ALREADY_ACTIVE, *_ACCOUNT, E.DISABLED_ENDPOINT),
)
CHANGE_FACTOR = Contract(
    "verifyChangeUserMfa",
    "Turn the signed-in user's authenticator app on or off with a current code. The older refresh "
    "tokens of the session stop working: use those of `session`.",
    (
        *_RECENT, E.INVALID_TOTP, E.INVALID_REQUEST, E.NO_TOTP_SECRET, E.TOTP_ALREADY_ACTIVE,
        E.DISABLED_MFA_TOTP, E.SECOND_FACTOR_REQUIRED, *_ACCOUNT, E.DISABLED_ENDPOINT,
        E.TOO_MANY_REQUESTS,
    ),
    {
        E.SECOND_FACTOR_REQUIRED: "it is the last factor, and the operator requires one",
        E.INVALID_REQUEST: "an unknown type",
        E.NO_TOTP_SECRET: "turning on",
        E.TOTP_ALREADY_ACTIVE: "turning on",
        E.DISABLED_MFA_TOTP: "turning off",
    },
)  # fmt: skip
NEW_RECOVERY_CODES = Contract(
    "regenerateRecoveryCodes",
    "Replace the recovery codes of the signed-in user. Show the new ones once. The old codes and "
    "the older refresh tokens of the session stop working.",
    (
        *_RECENT, E.INVALID_TOTP, E.DISABLED_MFA_TOTP, E.INVALID_REQUEST, *_ACCOUNT,
        E.DISABLED_ENDPOINT, E.TOO_MANY_REQUESTS,
    ),
    {E.INVALID_REQUEST: "the code is missing, and the user has an authenticator app"},
)  # fmt: skip
ENROL_BY_TICKET = Contract(
    "enrolMfaTotp",
    "Begin to set up an authenticator app with an `MfaTicket` that has `enrolment`. If you call "
    "this again with the same ticket, the answer has the same secret.",
    (E.INVALID_TICKET, *_ACCOUNT, E.DISABLED_ENDPOINT, E.TOO_MANY_REQUESTS),
)
ACTIVATE_BY_TICKET = Contract(
    "activateMfaTotp",
    "Turn the app on with the code that it shows, and sign in by that. The answer has recovery "
    "codes: show them once.",
    (
        E.INVALID_TOTP, E.INVALID_TICKET, E.NO_TOTP_SECRET, *_ACCOUNT, E.DISABLED_ENDPOINT,
        E.TOO_MANY_REQUESTS,
    ),
    {E.INVALID_TOTP: "with `attemptsLeft`"},
)  # fmt: skip
REFRESH = Contract(
    "refreshSession",
    "Exchange a refresh token for a fresh session, which has the next refresh token. If you send "
    "the same token again, the answer has the same next one. If that one was used meanwhile and a "
    "few seconds have passed, one of them may be stolen, and the session ends.",
    (E.INVALID_REFRESH_TOKEN, *_ACCOUNT, E.TOO_MANY_REQUESTS),
    {E.TOO_MANY_REQUESTS: "only for tokens that are wrong"},
)
SIGN_OUT = Contract(
    "signOut",
    "End a session: the one of the refresh token or, without one, the one of the access token. "
    "True also if it had ended before. Its access tokens stop working at once.",
    (E.UNAUTHENTICATED, *_ACCOUNT),
    {E.UNAUTHENTICATED: "`all`, or no refresh token, and no valid access token"},
)
REVOKE_SESSION = Contract(
    "revokeSession",
    "End one of the signed-in user's sessions, for a list of devices. False if there is no such "
    "session.",
    (E.UNAUTHENTICATED, *_ACCOUNT),
)
REVOKE_DEVICE = Contract(
    "revokeTrustedDevice",
    "Stop trusting one of the signed-in user's browsers: signing in there asks for the second "
    "factor again. False if there is no such one.",
    (E.UNAUTHENTICATED, *_ACCOUNT),
)
ELEVATE = Contract(
    "elevate",
    "Confirm that it is the user who asks, before an important change. With the access token of "
    "the answer, ELEVATED_CLAIM_REQUIRED does not occur for a while (15 minutes by default). The "
    "older refresh tokens of the session stop working.",
    (
        E.UNAUTHENTICATED, E.INVALID_REQUEST, E.NO_PASSWORD, E.INVALID_PASSWORD, E.INVALID_TOTP,
        *_ACCOUNT, E.SECOND_FACTOR_REQUIRED, E.TOO_MANY_REQUESTS,
    ),
    {
        E.INVALID_REQUEST: "what is required is missing",
        E.SECOND_FACTOR_REQUIRED: "it has to be set up: sign in again",
    },
)  # fmt: skip
CHANGE_PASSWORD = Contract(
    "changeUserPassword",
    "Replace the signed-in user's password. Every other session ends, and so does every sign-in "
    "that waits for its code. The answer is the current session with new tokens; its older refresh "
    "tokens stop working.",
    (
        *_RECENT, E.INVALID_PASSWORD, E.PASSWORD_TOO_SHORT, E.PASSWORD_TOO_COMMON,
        E.INVALID_REQUEST, *_ACCOUNT, E.SECOND_FACTOR_REQUIRED, E.TOO_MANY_REQUESTS,
    ),
    {
        E.INVALID_PASSWORD: "the current one is another",
        E.SECOND_FACTOR_REQUIRED: "it has to be set up: sign in again",
    },
)  # fmt: skip
CHANGE_USER = Contract(
    "changeUser",
    "Change what is shown of the signed-in user, and their language. What is left out or null "
    "stays as it is.",
    (E.UNAUTHENTICATED, E.INVALID_REQUEST, E.LOCALE_NOT_ALLOWED, *_ACCOUNT),
)
_CODE = (E.MAIL_NOT_CONFIGURED, E.INVALID_REQUEST, E.TOO_MANY_REQUESTS)
"""Of asking for a mail with a code."""
_MAIL = (*_CODE, E.REDIRECT_TO_NOT_ALLOWED)
"""Of asking for a mail with a link."""
SEND_VERIFICATION = Contract(
    "sendVerificationEmail",
    "Send a link that verifies an e-mail address to that address. True whether or not there is an "
    "account that needs it: nobody learns who has one.",
    _MAIL,
)
_WISHES = (E.ROLE_NOT_ALLOWED, E.DEFAULT_ROLE_MUST_BE_IN_ALLOWED_ROLES)
SEND_CODE = Contract(
    "signInOTPEmail",
    "Send a code to sign in with, good for ten minutes, to an e-mail address. It replaces an "
    "earlier one. True whether or not there is an account; an unknown address gets one, unless the "
    "operator has switched that off.",
    (E.DISABLED_ENDPOINT, *_CODE),
)
VERIFY_CODE = Contract(
    "verifySignInOTPEmail",
    "Sign in with the code that was sent. It also verifies the address; a password and sessions "
    "from before that end.",
    (E.INVALID_OTP, E.DISABLED_USER, E.DISABLED_ENDPOINT, E.TOO_MANY_REQUESTS),
)
SEND_LINK = Contract(
    "signInPasswordlessEmail",
    "Send a link to sign in with, good for an hour, to an e-mail address. It opens a page whose "
    "button leads to `redirectTo`, with `refreshToken` in the query for `refreshSession`, or with "
    "`mfaTicket` if the user has a second factor. True whether or not there is an account; an "
    "unknown address gets one, unless the operator has switched that off.",
    (E.DISABLED_ENDPOINT, *_MAIL),
)
VERIFY_LINK = Contract(
    "verifySignInPasswordlessEmail",
    "Sign in with the ticket of a link that was sent, for front ends that its mail leads to "
    "directly. It also verifies the address; a password and sessions from before that end.",
    (E.INVALID_TICKET, E.DISABLED_USER, E.DISABLED_ENDPOINT, E.TOO_MANY_REQUESTS),
)
CHANGE_EMAIL = Contract(
    "changeUserEmail",
    "Move the signed-in user's account to another e-mail address. Nothing changes until the link "
    "that is sent there is followed. The old address is told at once, and can undo it for seven "
    "days. A later request replaces an earlier one. True also if another account has the address: "
    "its owner gets a mail.",
    (*_RECENT, E.EMAIL_NOT_ALLOWED, *_MAIL, *_ACCOUNT),
)
VERIFY_CHANGE_EMAIL = Contract(
    "verifyChangeUserEmail",
    "Confirm a new e-mail address with the ticket that was sent there. It opens no session.",
    (E.INVALID_TICKET, E.EMAIL_ALREADY_IN_USE, E.DISABLED_USER, E.TOO_MANY_REQUESTS),
)
UNDO_CHANGE_EMAIL = Contract(
    "undoChangeUserEmail",
    "Give an account the e-mail address back that it had, or cancel a change, with the ticket that "
    "was sent to that address. All sessions of the user end, and the password is removed: a mail "
    "with a link for a new one follows.",
    (E.INVALID_TICKET, E.EMAIL_ALREADY_IN_USE, E.DISABLED_USER, E.TOO_MANY_REQUESTS),
)
VERIFY_EMAIL = Contract(
    "verifyEmail",
    "Verify the e-mail address of the account for which a ticket was sent. It opens no session.",
    (E.INVALID_TICKET, E.DISABLED_USER, E.TOO_MANY_REQUESTS),
)
SEND_RESET = Contract(
    "sendPasswordResetEmail",
    "Send a link for a new password to the e-mail address of an account. True whether or not there "
    "is one: nobody learns who has an account.",
    _MAIL,
)
RESET_PASSWORD = Contract(
    "resetPassword",
    "Set a new password with a ticket that was sent by mail. It opens no session: sign in "
    "after it, with the second factor if there is one. All sessions of the user end. A password "
    "that is refused costs the ticket nothing.",
    (
        E.INVALID_TICKET, E.PASSWORD_TOO_SHORT, E.PASSWORD_TOO_COMMON, E.INVALID_REQUEST,
        E.DISABLED_USER, E.TOO_MANY_REQUESTS,
    ),
)  # fmt: skip
_PASSKEYS = (E.DISABLED_ENDPOINT, E.INVALID_PASSKEY)
ADD_PASSKEY = Contract(
    "addPasskey",
    "Begin to add a passkey for the signed-in user: the answer is for "
    "`navigator.credentials.create`, and what that returns is for `verifyAddPasskey`.",
    (*_RECENT, E.INVALID_REQUEST, *_ACCOUNT, E.DISABLED_ENDPOINT),
    {E.INVALID_REQUEST: "the user has 20 passkeys"},
)
VERIFY_ADD_PASSKEY = Contract(
    "verifyAddPasskey",
    "Add the passkey that the browser has made. From then on, a password alone does not sign the "
    "user in. If it is the first factor, the answer has recovery codes: show them once. The older "
    "refresh tokens of the session stop working: use those of `session`.",
    (
        *_RECENT, *_PASSKEYS, E.PASSKEY_ALREADY_ADDED, E.INVALID_REQUEST, *_ACCOUNT,
        E.TOO_MANY_REQUESTS,
    ),
)  # fmt: skip
RENAME_PASSKEY = Contract(
    "renamePasskey",
    "Give a passkey of the signed-in user another name.",
    (*_RECENT, E.NO_PASSKEY, E.INVALID_REQUEST, *_ACCOUNT),
)
REMOVE_PASSKEY = Contract(
    "removePasskey",
    "Delete a passkey of the signed-in user. Recovery codes go with the last factor. The older "
    "refresh tokens of the session stop working. Then pass "
    "`me { acceptedPasskeysJson }` to the browser, so that the authenticator does not offer it.",
    (*_RECENT, E.NO_PASSKEY, E.NO_PASSWORD, E.SECOND_FACTOR_REQUIRED, *_ACCOUNT),
    {
        E.NO_PASSWORD: "it is the only way to sign in",
        E.SECOND_FACTOR_REQUIRED: "it is the last factor, and the operator requires one",
    },
)
START_SIGN_IN_PASSKEY = Contract(
    "startSignInPasskey",
    "Begin to sign in with a passkey, without an e-mail address: the answer is for "
    "`navigator.credentials.get`. Call it when the page is loaded, and pass "
    '`mediation: "conditional"`, to offer passkeys in the autofill of the form.',
    (E.DISABLED_ENDPOINT,),
)
VERIFY_SIGN_IN_PASSKEY = Contract(
    "verifySignInPasskey",
    "Sign in with what the browser answers. No second factor is asked for: the authenticator has "
    "verified its user, so a passkey is two factors.",
    (*_PASSKEYS, E.PASSKEY_WITHOUT_VERIFICATION, *_ACCOUNT, E.TOO_MANY_REQUESTS),
)
START_MFA_PASSKEY = Contract(
    "startSignInMfaPasskey",
    "Begin to redeem a sign-in ticket with one of the user's passkeys: the answer is for "
    "`navigator.credentials.get`. It takes no attempt from the ticket.",
    (E.INVALID_TICKET, E.NO_PASSKEY, *_ACCOUNT, E.DISABLED_ENDPOINT, E.TOO_MANY_REQUESTS),
)
VERIFY_MFA_PASSKEY = Contract(
    "verifySignInMfaPasskey",
    "Redeem a sign-in ticket with what the browser answers. A wrong answer counts like a wrong "
    "one-time code.",
    (
        E.INVALID_PASSKEY, E.INVALID_TICKET, E.NO_PASSKEY, *_ACCOUNT, E.DISABLED_ENDPOINT,
        E.TOO_MANY_REQUESTS,
    ),
    {E.INVALID_PASSKEY: "with `attemptsLeft`"},
)  # fmt: skip
ENROL_PASSKEY_BY_TICKET = Contract(
    "enrolMfaPasskey",
    "Begin to add a first passkey with an `MfaTicket` that has `enrolment`: the answer is for "
    "`navigator.credentials.create`.",
    (E.INVALID_TICKET, *_ACCOUNT, E.DISABLED_ENDPOINT, E.TOO_MANY_REQUESTS),
)
ACTIVATE_PASSKEY_BY_TICKET = Contract(
    "activateMfaPasskey",
    "Add the passkey that the browser has made, and sign in by that. The answer has recovery "
    "codes: show them once.",
    (
        E.INVALID_PASSKEY, E.INVALID_TICKET, E.PASSKEY_ALREADY_ADDED, E.INVALID_REQUEST, *_ACCOUNT,
        E.DISABLED_ENDPOINT, E.TOO_MANY_REQUESTS,
    ),
    {E.INVALID_PASSKEY: "with `attemptsLeft`"},
)  # fmt: skip
SIGN_UP_PASSKEY = Contract(
    "signUpPasskey",
    "Begin to make an account with a passkey and no password: the answer is for "
    "`navigator.credentials.create`, and what that returns is for `verifySignUpPasskey`. Nothing "
    "is created yet.",
    (
        E.DISABLED_ENDPOINT, E.INVALID_REQUEST, E.EMAIL_ALREADY_IN_USE, E.SIGNUP_DISABLED,
        E.EMAIL_NOT_ALLOWED, E.REDIRECT_TO_NOT_ALLOWED, E.TOO_MANY_REQUESTS,
    ),
    {E.EMAIL_ALREADY_IN_USE: "not where addresses are verified by mail: the mail tells it"},
)  # fmt: skip
VERIFY_SIGN_UP_PASSKEY = Contract(
    "verifySignUpPasskey",
    "Make the account and sign in to it. The answer has its recovery codes: show them once.",
    (
        *_PASSKEYS, E.PASSKEY_WITHOUT_VERIFICATION, E.PASSKEY_ALREADY_ADDED, E.INVALID_REQUEST,
        E.EMAIL_ALREADY_IN_USE, *_ACCOUNT, E.TOO_MANY_REQUESTS,
    ),
    {
        E.DISABLED_USER: "the account is made, and waits for the operator",
        E.UNVERIFIED_USER: "the address has to be verified first; a mail says how. Recovery codes "
        "have to be made after the first sign-in",
    },
)  # fmt: skip
START_ELEVATE_PASSKEY = Contract(
    "startElevatePasskey",
    "Begin what `elevate` does, with a passkey: the answer is for `navigator.credentials.get`.",
    (E.UNAUTHENTICATED, E.NO_PASSKEY, *_ACCOUNT, E.DISABLED_ENDPOINT),
)
VERIFY_ELEVATE_PASSKEY = Contract(
    "verifyElevatePasskey",
    "Confirm with a passkey that it is the user who asks; the answer is as that of `elevate`.",
    (
        E.UNAUTHENTICATED, *_PASSKEYS, E.NO_PASSKEY, *_ACCOUNT, E.TOO_MANY_REQUESTS,
    ),
)  # fmt: skip
GRAPHQL = (
    ME, SIGN_UP, SIGN_IN, VERIFY_TOTP, VERIFY_RECOVERY_CODE, ENROL_BY_TICKET, ACTIVATE_BY_TICKET,
    ENROL_PASSKEY_BY_TICKET, ACTIVATE_PASSKEY_BY_TICKET, ENROL, CHANGE_FACTOR,
    NEW_RECOVERY_CODES, REFRESH, SIGN_OUT, REVOKE_SESSION, REVOKE_DEVICE, ELEVATE,
    CHANGE_PASSWORD, CHANGE_USER,
    SEND_VERIFICATION, VERIFY_EMAIL, SEND_RESET, RESET_PASSWORD, CHANGE_EMAIL, VERIFY_CHANGE_EMAIL,
    UNDO_CHANGE_EMAIL, SEND_CODE, VERIFY_CODE, SEND_LINK, VERIFY_LINK,
    ADD_PASSKEY, VERIFY_ADD_PASSKEY, RENAME_PASSKEY, REMOVE_PASSKEY, START_SIGN_IN_PASSKEY,
    VERIFY_SIGN_IN_PASSKEY, START_MFA_PASSKEY, VERIFY_MFA_PASSKEY, SIGN_UP_PASSKEY,
    VERIFY_SIGN_UP_PASSKEY, START_ELEVATE_PASSKEY, VERIFY_ELEVATE_PASSKEY,
)  # fmt: skip

NHOST_SIGN_UP = Contract(
    SIGN_UP.name,
    SIGN_UP.does,
    (
        *(code for code in SIGN_UP.refusals if code is not E.UNVERIFIED_USER),
        *_WISHES,
    ),
)
NHOST_VERIFY = Contract(
    VERIFY_TOTP.name,
    "Redeem a sign-in ticket with a one-time code or a recovery code.",
    (*VERIFY_TOTP.refusals, E.INVALID_RECOVERY_CODE),
)
NHOST_REFRESH = Contract(
    "refreshToken", "Exchange a refresh token for a fresh session.", REFRESH.refusals
)
NHOST_SEND_CODE = Contract(
    SEND_CODE.name,
    SEND_CODE.does,
    (*SEND_CODE.refusals, E.REDIRECT_TO_NOT_ALLOWED, *_WISHES),
)
NHOST_SEND_LINK = Contract(SEND_LINK.name, SEND_LINK.does, (*SEND_LINK.refusals, *_WISHES))
NHOST_SIGN_UP_CODE = Contract(
    "signUpOTPEmail",
    "Make an account for an e-mail address and send a code to it. An address that has an account "
    "already gets no mail, and the answer is the same.",
    (*NHOST_SEND_CODE.refusals, E.SIGNUP_DISABLED),
)
NHOST_SIGN_UP_LINK = Contract(
    "signUpPasswordlessEmail",
    "Make an account for an e-mail address and send a link to it. An address that has an account "
    "already gets no mail, and the answer is the same.",
    (*NHOST_SEND_LINK.refusals, E.SIGNUP_DISABLED),
)
NHOST_VERIFY_TOKEN = Contract(
    "verifyToken", "Whether an access token is good.", (E.UNAUTHENTICATED, *_ACCOUNT)
)
NHOST_GET_USER = Contract("getUser", "Who is signed in.", (E.UNAUTHENTICATED, *_ACCOUNT))
NHOST_SET_PASSWORD = Contract(
    CHANGE_PASSWORD.name,
    "Replace the password of a user who has signed in not long ago, or who has a ticket from a "
    "mail.",
    (
        *_RECENT, E.INVALID_TICKET, E.INVALID_PASSWORD, E.PASSWORD_TOO_SHORT,
        E.PASSWORD_TOO_COMMON, *_ACCOUNT, E.TOO_MANY_REQUESTS,
    ),
)  # fmt: skip
NHOST_ADD_PASSKEY = Contract("addSecurityKey", ADD_PASSKEY.does, ADD_PASSKEY.refusals)
NHOST_VERIFY_ADD_PASSKEY = Contract(
    "verifyAddSecurityKey",
    "Add the passkey that the browser has made.",
    VERIFY_ADD_PASSKEY.refusals,
)
NHOST_SIGN_IN_PASSKEY = Contract(
    "signInWebauthn",
    "Begin to sign in with a passkey, of whatever account.",
    START_SIGN_IN_PASSKEY.refusals,
)
NHOST_VERIFY_SIGN_IN_PASSKEY = Contract(
    "verifySignInWebauthn", VERIFY_SIGN_IN_PASSKEY.does, VERIFY_SIGN_IN_PASSKEY.refusals
)
NHOST_SIGN_UP_PASSKEY = Contract(
    "signUpWebauthn",
    "Begin to make an account with a passkey and no password. Nothing is created yet.",
    (*SIGN_UP_PASSKEY.refusals, *_WISHES),
)
NHOST_VERIFY_SIGN_UP_PASSKEY = Contract(
    "verifySignUpWebauthn",
    "Make the account and sign in to it.",
    (
        *(code for code in VERIFY_SIGN_UP_PASSKEY.refusals if code is not E.UNVERIFIED_USER),
        *_WISHES,
    ),
)
NHOST_ELEVATE_PASSKEY = Contract(
    "elevateWebauthn",
    "Begin to confirm with a passkey that it is the user who asks.",
    START_ELEVATE_PASSKEY.refusals,
)
NHOST_VERIFY_ELEVATE_PASSKEY = Contract(
    "verifyElevateWebauthn",
    "Confirm with a passkey that it is the user who asks.",
    VERIFY_ELEVATE_PASSKEY.refusals,
)

"""The mails that there are, by the names of their templates; Nhost's names where Nhost has them."""

from collections.abc import Mapping

from auth.events import EventType
from models.mail_ticket import MailPurpose

VERIFY_EMAIL, RESET_PASSWORD = "email-verify", "password-reset"
SIGN_UP_AGAIN = "sign-up-again"
INVITATION = "invitation"
SIGN_IN_CODE, SIGN_IN_LINK = "signin-otp", "signin-passwordless"
CHANGE_EMAIL, EMAIL_TAKEN = "email-confirm-change", "email-taken"
CHANGE_ASKED, EMAIL_CHANGED = "email-change-asked", "email-changed"

TICKETS: Mapping[str, MailPurpose] = {
    VERIFY_EMAIL: MailPurpose.VERIFY_EMAIL,
    RESET_PASSWORD: MailPurpose.RESET_PASSWORD,
    SIGN_UP_AGAIN: MailPurpose.RESET_PASSWORD,  # perhaps it was somebody else who signed up first
    INVITATION: MailPurpose.RESET_PASSWORD,
    SIGN_IN_CODE: MailPurpose.SIGN_IN_CODE,
    SIGN_IN_LINK: MailPurpose.SIGN_IN,
    CHANGE_EMAIL: MailPurpose.CHANGE_EMAIL,
    CHANGE_ASKED: MailPurpose.UNDO_EMAIL_CHANGE,
    EMAIL_CHANGED: MailPurpose.UNDO_EMAIL_CHANGE,
}
"""What the ticket of a mail is good for, if it has one."""

REQUESTED = {
    VERIFY_EMAIL, RESET_PASSWORD, SIGN_UP_AGAIN, INVITATION, SIGN_IN_CODE, SIGN_IN_LINK,
    CHANGE_EMAIL,
}  # fmt: skip
"""Mails that somebody asks for by an address: whom they are for is decided when they are sent."""

NOTICES: Mapping[EventType, str] = {
    EventType.NEW_SIGN_IN: "new-sign-in",
    EventType.PASSWORD_CHANGED: "password-changed",
    EventType.PASSWORD_RESET: "password-changed",
    EventType.PASSWORD_SET: "password-changed",
    EventType.PASSWORD_REMOVED: "password-removed",
    EventType.FACTOR_ON: "factor-on",
    EventType.FACTOR_OFF: "factor-off",
    EventType.FACTOR_RESET: "factor-reset",
    EventType.PASSKEY_ADDED: "passkey-added",
    EventType.PASSKEY_RENAMED: "passkey-renamed",
    EventType.PASSKEY_REMOVED: "passkey-removed",
    EventType.PASSKEY_COUNTER_WENT_BACK: "passkey-copied",
    EventType.RECOVERY_CODE_USED: "recovery-code-used",
    EventType.RECOVERY_CODES_REPLACED: "recovery-codes-replaced",
    EventType.REFRESH_TOKEN_REUSED: "refresh-token-reused",
    EventType.USER_DISABLED: "account-disabled",
    EventType.USER_ENABLED: "account-enabled",
    EventType.USER_DELETED: "account-deleted",
    EventType.ALL_SESSIONS_ENDED: "sessions-ended",
    EventType.EMAIL_VERIFIED: "email-verified",
    EventType.ROLES_CHANGED: "roles-changed",
    EventType.METADATA_CHANGED: "metadata-changed",
    EventType.THROTTLE_LIFTED: "throttle-lifted",
}
"""The mail that tells the user of an event."""

KINDS = (*TICKETS, EMAIL_TAKEN, *dict.fromkeys(NOTICES.values()))

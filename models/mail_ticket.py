"""What a link or a code in a mail is good for."""

from enum import StrEnum

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from models.user import User


class MailPurpose(StrEnum):
    """What a ticket in a mail is good for; the value is the type of Nhost's links."""

    VERIFY_EMAIL = "emailVerify"
    RESET_PASSWORD = "passwordReset"  # noqa: S105 - the name of a purpose
    CHANGE_EMAIL = "emailConfirmChange"
    UNDO_EMAIL_CHANGE = "emailUndoChange"
    SIGN_IN = "signinPasswordless"
    SIGN_IN_CODE = "signinOtp"


class MailTicket(Model):
    """A ticket that was sent to a mailbox, by its digest. Using it deletes it."""

    id = fields.UUIDField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", "mail_tickets", db_index=True
    )
    purpose = fields.CharField(max_length=32)
    digest = fields.CharField(max_length=64, unique=True)
    """Of a code, which could be guessed from a plain digest, a keyed one."""
    address = fields.CharField(max_length=320)
    """The mailbox that it was sent to, which it proves."""
    keeps_address = fields.BooleanField(default=False, db_default=False)
    """Whether nobody else may take the address while the ticket is good."""
    asked_at = fields.DatetimeField(null=True)
    """When somebody asked for what it is good for; it may have been made later."""
    expires_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "mail_tickets"
        indexes = (Index(fields=["address"], name="mail_tickets_address"),)
        table_description = "What links and codes in mails are good for"

"""Mails that wait to be sent."""

from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.user import User


class Mail(Model):
    """A mail, written in the transaction of the change that it tells of.

    Whoever sends it moves `due_at` forward first: if that process dies, another one sends the mail
    once that time has come.
    """

    id = fields.UUIDField(primary_key=True)
    created_at = fields.DatetimeField()
    kind = fields.CharField(max_length=64)
    """The name of its template."""
    recipient = fields.CharField(max_length=320)
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", "mails", null=True, db_index=True
    )
    """Whose account it is about; null until somebody has looked whose address the recipient is."""
    variables: dict[str, Any] = fields.JSONField()
    """What its template shows, but for secrets."""
    sealed = fields.CharField(max_length=2048, null=True)
    """What its template shows of secrets, as JSON, encrypted by `auth.keys.vault`."""
    attempts = fields.IntField(default=0)
    due_at = fields.DatetimeField(null=True, db_index=True)
    """When the next attempt is due; null once it was delivered, or was given up."""
    delivered_at = fields.DatetimeField(null=True)
    """When it was put into the mailbox of this server; a mail that was sent is deleted."""

    class Meta:
        table = "mails"
        table_description = "Mails that wait to be sent"

"""What happened to an account."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from models.user import User


class SecurityEvent(Model):
    """One security event: appended, never changed, and without secrets."""

    id = fields.BigIntField(primary_key=True)
    """Increasing, so it gives the order of events too."""
    created_at = fields.DatetimeField(db_index=True)
    type = fields.CharField(max_length=32)
    """A name of `auth.events.EventType`."""
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", "security_events", null=True
    )
    """None if the account is unknown, such as a password tried for an unknown address."""
    address = fields.CharField(max_length=45, null=True)
    user_agent = fields.CharField(max_length=255, null=True)
    operator_id = fields.UUIDField(null=True)
    """The account of the operator who did it, if it was one who has an account."""
    reason = fields.CharField(max_length=255, null=True)
    """Why an operator did it."""
    detail = fields.CharField(max_length=255, null=True)
    """What exactly was done, such as the names of the settings that were changed."""

    class Meta:
        table = "security_events"
        table_description = "What happened to an account"
        indexes = (
            Index(fields=("user_id", "id")),
            Index(fields=("user_id", "type", "id")),
            Index(fields=("type", "id")),
            Index(fields=("address", "id")),
        )

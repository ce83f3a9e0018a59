"""What happened to an account."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from models.user import User


class SecurityEvent(Model):
    """One entry of the trail: appended, never changed, and never a secret in it."""

    id = fields.BigIntField(primary_key=True)
    """Counts up, so it is the order of the trail too."""
    created_at = fields.DatetimeField(db_index=True)
    type = fields.CharField(max_length=32)
    """A name of `auth.events.EventType`."""
    user: fields.ForeignKeyNullableRelation[User] = fields.ForeignKeyField(
        "models.User", "security_events", null=True
    )
    """None where nobody knows whose password was tried."""
    address = fields.CharField(max_length=45, null=True)
    user_agent = fields.CharField(max_length=255, null=True)

    class Meta:
        table = "security_events"
        table_description = "What happened to an account"
        indexes = (Index(fields=("user_id", "id")), Index(fields=("user_id", "type", "id")))

"""Browsers that stand for a user's second factor."""

from tortoise import fields
from tortoise.models import Model

from models.user import User


class TrustedDevice(Model):
    """A browser that has shown the user's second factor, and need not for a while."""

    id = fields.UUIDField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", "trusted_devices", db_index=True
    )
    digest = fields.CharField(max_length=64, unique=True)
    """Of the token that the browser keeps."""
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(db_index=True)
    """Fixed, however often it is used."""
    last_used_at = fields.DatetimeField(null=True)
    address = fields.CharField(max_length=45, null=True)
    user_agent = fields.CharField(max_length=255, null=True)

    class Meta:
        table = "trusted_devices"
        table_description = "Browsers that stand for a second factor"

"""Recovery codes, for users who have lost their authenticator."""

from tortoise import fields
from tortoise.models import Model

from models.user import User


class RecoveryCode(Model):
    """One unused recovery code, hashed with the salt of its set. Using the code deletes it."""

    id = fields.UUIDField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", "recovery_codes", db_index=True
    )
    digest = fields.CharField(max_length=64)

    class Meta:
        table = "recovery_codes"
        table_description = "The way in without the phone"

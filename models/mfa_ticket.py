"""Sign-ins that wait for their second factor."""

from tortoise import fields
from tortoise.models import Model

from models.user import User


class MfaTicket(Model):
    """A password that was right, good for a few codes and a few minutes. Redeeming deletes it."""

    id = fields.UUIDField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", "mfa_tickets", db_index=True
    )
    digest = fields.CharField(max_length=64, unique=True)
    attempts_left = fields.IntField()
    expires_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "mfa_tickets"
        table_description = "Sign-ins that wait for their second factor"

"""Sign-ins that wait for a second factor."""

from enum import StrEnum

from tortoise import fields
from tortoise.models import Model

from models.user import User


class Purpose(StrEnum):
    """What a ticket is good for."""

    SIGN_IN = "sign-in"
    """To redeem with a factor that the user has."""
    ENROL = "enrol"
    """To set a factor up, which the user lacks and needs."""


class MfaTicket(Model):
    """A sign-in that waits for a second factor, for a few attempts. Redeeming it deletes it."""

    id = fields.UUIDField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", "mfa_tickets", db_index=True
    )
    digest = fields.CharField(max_length=64, unique=True)
    purpose = fields.CharField(max_length=32, default="sign-in", db_default="sign-in")
    """A `Purpose`: no other flow takes the ticket."""
    methods = fields.CharField(max_length=255, default="pwd", db_default="pwd")
    """How the user has authenticated so far: `amr` values (RFC 8176), separated by spaces."""
    attempts_left = fields.IntField()
    expires_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "mfa_tickets"
        table_description = "Sign-ins that wait for their second factor"

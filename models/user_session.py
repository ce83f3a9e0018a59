"""Sessions."""

from tortoise import fields
from tortoise.models import Model

from models.user import User


class UserSession(Model):
    """One sign-in, and the family of refresh tokens that keep it alive. Ending it deletes it."""

    id = fields.UUIDField(primary_key=True)
    """The `sid` of its access tokens."""
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", "sessions", db_index=True
    )
    methods: list[str] = fields.JSONField()
    """How its user signed in: `amr` values (RFC 8176)."""
    created_at = fields.DatetimeField()
    authenticated_at = fields.DatetimeField()
    """When its user last proved a credential (`auth_time`)."""
    last_used_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(db_index=True)
    """When the session ends, however often it is refreshed."""
    address = fields.CharField(max_length=45, null=True)
    user_agent = fields.CharField(max_length=255, null=True)

    class Meta:
        table = "user_sessions"
        table_description = "Who is signed in where"

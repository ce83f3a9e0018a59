"""What keeps a session alive after its access token has expired."""

from tortoise import fields
from tortoise.models import Model

from models.user_session import UserSession


class RefreshToken(Model):
    """A refresh token, by its digest.

    Rotated ones stay as long as their session, so that one that turns up again is noticed.
    """

    id = fields.UUIDField(primary_key=True)
    session: fields.ForeignKeyRelation[UserSession] = fields.ForeignKeyField(
        "models.UserSession", "refresh_tokens", db_index=True
    )
    digest = fields.CharField(max_length=64, unique=True)
    rotated_at = fields.DatetimeField(null=True)
    """When its successor was handed out for the first time."""
    revoked_at = fields.DatetimeField(null=True)
    """When a change of credentials made it worthless; it can still sign its session out."""

    class Meta:
        table = "refresh_tokens"
        table_description = "What keeps a session alive"

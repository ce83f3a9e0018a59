"""Refresh tokens, which keep a session alive after its access token has expired."""

from tortoise import fields
from tortoise.models import Model

from models.user_session import UserSession


class RefreshToken(Model):
    """A refresh token, stored as a digest.

    A rotated token is kept as long as its session, for reuse detection.
    """

    id = fields.UUIDField(primary_key=True)
    session: fields.ForeignKeyRelation[UserSession] = fields.ForeignKeyField(
        "models.UserSession", "refresh_tokens", db_index=True
    )
    digest = fields.CharField(max_length=64, unique=True)
    rotated_at = fields.DatetimeField(null=True)
    """When its successor was issued for the first time."""
    revoked_at = fields.DatetimeField(null=True)
    """When a change of credentials revoked it; the token can still sign its session out."""

    class Meta:
        table = "refresh_tokens"
        table_description = "What keeps a session alive"

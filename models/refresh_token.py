"""What keeps a session alive after its access token has expired."""

from tortoise import fields
from tortoise.models import Model

from models.user import User


class RefreshToken(Model):
    """One session's refresh token, by its digest."""

    id = fields.UUIDField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", "refresh_tokens", db_index=True
    )
    digest = fields.CharField(max_length=64, unique=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    expires_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "refresh_tokens"
        table_description = "What keeps a session alive"

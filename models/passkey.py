"""Passkeys: the public keys of users' authenticators (WebAuthn)."""

from tortoise import fields
from tortoise.models import Model

from models.user import User


class Passkey(Model):
    """A credential of an authenticator. The private key never leaves it, or its provider."""

    id = fields.UUIDField(primary_key=True)
    user: fields.ForeignKeyRelation[User] = fields.ForeignKeyField(
        "models.User", "passkeys", db_index=True
    )
    credential_id = fields.CharField(max_length=1364, unique=True)
    """Base64url without padding, of at most 1023 bytes (WebAuthn Level 3, section 7.1, step 25)."""
    public_key = fields.BinaryField()
    """A COSE key (RFC 9052)."""
    sign_count = fields.BigIntField(default=0)
    """The signature counter as it was last seen; 0 for authenticators without one."""
    transports: list[str] = fields.JSONField()
    """How a browser reaches the authenticator, such as `internal` or `usb`."""
    backup_eligible = fields.BooleanField(null=True)
    """Whether it may be copied to the user's other devices; None until its first use here."""
    backed_up = fields.BooleanField(default=False)
    verifies_user = fields.BooleanField(default=False)
    """Whether its authenticator has ever verified the user, so that it can sign in alone."""
    nickname = fields.CharField(max_length=100)
    created_at = fields.DatetimeField()
    last_used_at = fields.DatetimeField(null=True)

    class Meta:
        table = "passkeys"
        table_description = "Public keys of users' authenticators"

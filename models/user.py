"""User accounts."""

from typing import Any

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

METADATA_MAX = 64 * 1024
"""Maximum size of a user's metadata as JSON, in bytes; a request body is not larger either."""


class User(Model):
    """A subscriber account, its password and its TOTP factor.

    The TOTP factor is stored in this row, so that each change of its state is one conditional
    UPDATE: no secret (none), a secret without an activation time (pending), both (active).
    """

    id = fields.UUIDField(primary_key=True)
    email = fields.CharField(max_length=320, unique=True)
    """As normalised by `auth.email_addresses.normalise`."""
    email_verified = fields.BooleanField(default=False)
    new_email = fields.CharField(max_length=320, null=True)
    """The address that the user wants instead, until somebody confirms it from there."""
    password_hash = fields.CharField(max_length=255, null=True)
    """None for a user who has set no password."""
    display_name = fields.CharField(max_length=320)
    locale = fields.CharField(max_length=255)
    default_role = fields.CharField(max_length=255)
    roles: list[str] = fields.JSONField()
    metadata: dict[str, Any] | None = fields.JSONField(null=True)
    """The application's data about the user; custom claims may be read from it."""
    has_second_factor = fields.BooleanField(default=False, db_default=False)
    """Whether signing in needs a second factor, of any kind."""
    has_passkeys = fields.BooleanField(default=False, db_default=False)
    """Whether there is a passkey; then there is a second factor."""
    user_handle = fields.CharField(max_length=86, null=True)
    """What authenticators know the user by, in Base64url: random, set with the first passkey."""
    disabled = fields.BooleanField(default=False)
    created_at = fields.DatetimeField(auto_now_add=True)
    last_signed_in_at = fields.DatetimeField(null=True)

    factor_due_at = fields.DatetimeField(null=True)
    """When the user's period without a required second factor ends; set once."""

    totp_secret = fields.CharField(max_length=255, null=True)
    """Encrypted by `auth.keys.vault`."""
    totp_enrolled_at = fields.DatetimeField(null=True, db_index=True)
    """When the secret was issued."""
    totp_begun_by = fields.CharField(max_length=64, null=True)
    """Who has begun the pending enrolment: a session's id, or the digest of a ticket. Nobody else
    gets its secret, or can confirm it."""
    totp_activated_at = fields.DatetimeField(null=True)
    totp_last_step = fields.BigIntField(default=0)
    """The newest time step whose code was accepted. Neither it nor an older one is accepted again,
    even with a new secret."""
    recovery_salt = fields.CharField(max_length=64, null=True)
    """Salt and Argon2 parameters of the recovery codes: see `auth.factors.recovery_codes`."""

    class Meta:
        table = "users"
        table_description = "Whoever can sign in"
        indexes = (Index(fields=("created_at", "id")),)

    @property
    def has_password(self) -> bool:
        """Whether the user can sign in with a password."""
        return self.password_hash is not None

    @property
    def active_mfa_type(self) -> str | None:
        """`"totp"` once the factor is active, else None."""
        return "totp" if self.totp_activated_at else None

"""Challenges of WebAuthn ceremonies that have begun."""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.models import Model


class CeremonyPurpose(StrEnum):
    """What a ceremony is good for."""

    ADD = "add"
    SIGN_UP = "sign-up"
    SIGN_IN = "sign-in"
    SECOND_FACTOR = "second-factor"
    ELEVATE = "elevate"


class PasskeyChallenge(Model):
    """A challenge that one answer may use. Taking it deletes it, whatever the answer is worth."""

    digest = fields.CharField(max_length=64, primary_key=True)
    """SHA-256 of the challenge."""
    purpose = fields.CharField(max_length=32)
    """A `CeremonyPurpose`: no other flow takes the challenge."""
    bound_to = fields.CharField(max_length=64)
    """The ticket or the session that it is for; empty if it is for whoever answers."""
    account: dict[str, Any] | None = fields.JSONField(null=True)
    """The account that a sign-up asks for."""
    expires_at = fields.DatetimeField(db_index=True)

    class Meta:
        table = "passkey_challenges"
        table_description = "WebAuthn ceremonies that have begun"

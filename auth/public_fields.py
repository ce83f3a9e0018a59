"""The fields of a user that clients may see: one list for every API."""

from typing import Any

from models import User

PUBLIC_FIELDS = {
    "id": "id",
    "email": "email",
    "display_name": "displayName",
    "email_verified": "emailVerified",
    "active_mfa_type": "activeMfaType",
    "default_role": "defaultRole",
    "roles": "roles",
    "locale": "locale",
    "created_at": "createdAt",
    "metadata": "metadata",
}
"""Attributes of a user, with their names in JSON."""


def as_json(user: User) -> dict[str, Any]:
    """Return the user's public fields as JSON values: ids and times are text."""
    fields = {name: getattr(user, attribute) for attribute, name in PUBLIC_FIELDS.items()}
    return fields | {"id": str(user.id), "createdAt": user.created_at.isoformat()}

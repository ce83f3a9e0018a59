"""What an access token says of its user beyond the usual: the operator's custom claims."""

import json
from functools import lru_cache
from typing import Any

import jsonpath

from models import User

_PREFIX = "x-hasura-"
_OURS = {"user-id", "default-role", "allowed-roles", "user-is-anonymous", "auth-elevated"}
"""What no custom claim can say."""


def custom_claims(user: User, paths: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """The claims that these paths (RFC 9535) find in the user's record, as Hasura reads them.

    A claim's name gets the prefix `x-hasura-` unless it has it, in lower case. Its value is text:
    a list is written as PostgreSQL writes an array, and what is not there is `null`.
    """
    record = _record(user) if paths else {}
    claims = {}
    for name, path in paths:
        found = _compiled(path).findall(record)
        bare = name.lower().removeprefix(_PREFIX)
        if bare not in _OURS:
            claims[_PREFIX + bare] = _text(found if _is_many(path) else (found or [None])[0])
    return claims


@lru_cache
def _compiled(path: str) -> Any:
    return jsonpath.compile(path if path.startswith("$") else f"$.{path}")


def _is_many(path: str) -> bool:
    """Whether the path can find more than one value."""
    return not _compiled(path).singular_query()


def _record(user: User) -> dict[str, Any]:
    return {
        "id": str(user.id),
        "email": user.email,
        "displayName": user.display_name,
        "locale": user.locale,
        "defaultRole": user.default_role,
        "roles": user.roles,
        "emailVerified": user.email_verified,
        "createdAt": user.created_at.isoformat(),
        "activeMfaType": user.active_mfa_type,
        "metadata": user.metadata,
    }


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "{" + ",".join(json.dumps(_text(item)) for item in value) + "}"
    return json.dumps(value)

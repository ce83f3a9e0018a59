"""Hasura's claims in an access token: the user, their roles, and the operator's custom claims."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jsonpath

from auth import public_fields
from models import User

_PREFIX = "x-hasura-"
_USER_ID = f"{_PREFIX}user-id"
_DEFAULT_ROLE = f"{_PREFIX}default-role"
_ALLOWED_ROLES = f"{_PREFIX}allowed-roles"
_IS_ANONYMOUS = f"{_PREFIX}user-is-anonymous"
_ELEVATED = f"{_PREFIX}auth-elevated"
_OURS = {_USER_ID, _DEFAULT_ROLE, _ALLOWED_ROLES, _IS_ANONYMOUS, _ELEVATED}
"""Claims that a custom claim cannot override."""


def hasura_claims(
    user: User, paths: tuple[tuple[str, str], ...] = (), *, elevated: bool = False
) -> Mapping[str, object]:
    """Return all claims of a user, with the custom claims that `paths` select.

    `elevated` marks a session in which the user proved a credential again, as in Nhost.
    """
    return {
        **custom_claims(user, paths),
        _USER_ID: str(user.id),
        _DEFAULT_ROLE: user.default_role,
        _ALLOWED_ROLES: user.roles,
        _IS_ANONYMOUS: "false",
        **({_ELEVATED: str(user.id)} if elevated else {}),
    }


def custom_claims(user: User, paths: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Return the claims that these JSONPaths (RFC 9535) select in the user's record, for Hasura.

    A claim's name is in lower case and has the prefix `x-hasura-`. Its value is text: a list is
    written as a PostgreSQL array, and a missing value as `null`.
    """
    record = public_fields.as_json(user) if paths else {}
    claims = {}
    for name, path in paths:
        found = _compiled(path).findall(record)
        full = _PREFIX + name.lower().removeprefix(_PREFIX)
        if full not in _OURS:
            claims[full] = _text(found if _is_many(path) else (found or [None])[0])
    return claims


@lru_cache
def _compiled(path: str) -> Any:
    return jsonpath.compile(path if path.startswith("$") else f"$.{path}")


def _is_many(path: str) -> bool:
    """Return whether the path can select more than one value."""
    return not _compiled(path).singular_query()


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "{" + ",".join(json.dumps(_text(item)) for item in value) + "}"
    return json.dumps(value)

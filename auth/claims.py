"""What Hasura reads in an access token: its user, their roles, and the operator's custom claims."""

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
"""What no custom claim can say."""


def hasura_claims(
    user: User, paths: tuple[tuple[str, str], ...] = (), *, elevated: bool = False
) -> Mapping[str, object]:
    """All the claims of a user, with the custom ones that `paths` find.

    `elevated` marks a session in which a credential was shown again, as Nhost does.
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
    """The claims that these paths (RFC 9535) find in the user's record, as Hasura reads them.

    A claim's name gets the prefix `x-hasura-` unless it has it, in lower case. Its value is text:
    a list is written as PostgreSQL writes an array, and what is not there is `null`.
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
    """Whether the path can find more than one value."""
    return not _compiled(path).singular_query()


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "{" + ",".join(json.dumps(_text(item)) for item in value) + "}"
    return json.dumps(value)

"""Parsing of JSON, for GraphQL and for Nhost's routes."""

import json
import math
import re
from typing import Any, NoReturn

from starlette.exceptions import HTTPException

MAX_NESTING = 64
"""Maximum nesting of objects and lists (RFC 8259, section 9, allows a limit)."""
_HALF_A_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


class _UnacceptableError(ValueError):
    """JSON that Postern rejects; the message names what is not accepted."""


def parse_json(data: str | bytes) -> Any:
    """Parse a JSON text (RFC 8259) in UTF-8, with or without a byte order mark.

    Rejects NaN and infinity, numbers that are too large, unpaired surrogates, a name that occurs
    twice in an object (two parsers could take different values), and more than 64 levels of
    nesting.
    Raises HTTPException: 400.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig")
        value = json.loads(
            text.removeprefix("\ufeff"),
            object_pairs_hook=_object,
            parse_constant=_not_json,
            parse_float=_finite,
        )
        if _HALF_A_PAIR.search(text):
            json.dumps(value, ensure_ascii=False).encode()
        if text.count("[") + text.count("{") > MAX_NESTING:
            _check_nesting(value)
    except _UnacceptableError as error:
        raise HTTPException(400, f"Expected JSON without {error}.") from None
    except (ValueError, RecursionError):
        raise HTTPException(400, "Expected JSON in UTF-8.") from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _UnacceptableError("a name that stands twice in one object")
    return value


def _not_json(constant: str) -> NoReturn:
    raise _UnacceptableError(constant)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _UnacceptableError("numbers that are too large")
    return value


def _check_nesting(value: Any) -> None:
    level = [value]
    for _ in range(MAX_NESTING + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, list | dict)
            for inner in (outer if isinstance(outer, list) else outer.values())
        ]
        if not level:
            return
    raise _UnacceptableError(f"more than {MAX_NESTING} levels of nesting")

"""A user's metadata: a JSON object of the application, of bounded size."""

import json
from typing import Any

from models.user import METADATA_MAX as MAX_BYTES

MAX_DEPTH = 100
"""Maximum nesting of objects and lists in metadata, since later readers use recursion."""


def parse(text: str) -> dict[str, Any]:
    """Parse a JSON object. Raises ValueError, which says what is wrong with it.

    Rejects other JSON values, NaN and infinities, NUL characters (PostgreSQL cannot store them),
    unpaired surrogates (they are not valid text), and what exceeds MAX_BYTES or MAX_DEPTH.
    """
    if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise ValueError(f"metadata of more than {MAX_BYTES} bytes")
    try:
        parsed = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise ValueError("metadata that is not JSON") from None
    if not isinstance(parsed, dict):
        raise ValueError("metadata that is not an object")  # noqa: TRY004 - a wrong value
    _refuse_unfit(parsed)
    return parsed


def _refuse_unfit(parsed: dict[str, Any]) -> None:
    level: list[Any] = [parsed]
    for _ in range(MAX_DEPTH):
        texts = [item for item in level if isinstance(item, str)]
        texts += [key for item in level if isinstance(item, dict) for key in item]
        if any("\0" in text for text in texts):
            raise ValueError("metadata with a NUL character")
        if any("\ud800" <= c <= "\udfff" for text in texts for c in text):
            raise ValueError("metadata with half of a surrogate pair")
        if any(isinstance(item, float) and item in _INFINITIES for item in level):
            raise ValueError("metadata with a number that is too large")
        level = [inner for item in level for inner in _inside(item)]
        if not level:
            return
    raise _too_deep()


_INFINITIES = {float("inf"), float("-inf")}


def _inside(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else []


def _too_deep() -> ValueError:
    return ValueError(f"metadata of more than {MAX_DEPTH} levels")


def _refuse_constant(name: str) -> None:
    raise ValueError(name)

"""What an application keeps with its user: a JSON object within bounds."""

import json
from typing import Any

from models.user import METADATA_MAX as MAX_BYTES

MAX_DEPTH = 100
"""Levels of objects and lists in metadata: what reads it later does so by recursion."""


def parse(text: str) -> dict[str, Any]:
    """The object that a JSON text holds. Raises ValueError that says what is wrong with it.

    Refused are other values, NaN and infinities, a NUL (PostgreSQL stores none), half of a
    surrogate pair (it is no text), and what is beyond MAX_BYTES or MAX_DEPTH.
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

"""A look at CBOR (RFC 8949) before a library decodes it: only what authenticators send passes.

The library decodes what anybody sends, and encodes it again to learn its length. With tags, a few
hundred bytes can stand for gigabytes. Authenticators use none (CTAP 2.2, section 8, "Message
Encoding": canonical CBOR without tags and without indefinite lengths, nested at most four levels).
"""

MAX_DEPTH = 4
"""Levels of arrays and maps."""
_BYTES, _TEXT, _ARRAY, _MAP, _TAG = 2, 3, 4, 5, 6
_KEYS = (0, 1, _TEXT)
"""What is a key of a map: a number or a text."""
_BYTES_OF_LENGTH = {24: 1, 25: 2, 26: 4, 27: 8}


class NotPlainError(ValueError):
    """What was sent is not what an authenticator sends."""


def end_of_item(data: bytes, start: int = 0, *, depth: int = 0) -> int:
    """Return where the item that begins at `start` ends. Raises NotPlainError."""
    major, count, at = _head(data, start)
    if major in (_BYTES, _TEXT):
        at += count
    elif major in (_ARRAY, _MAP):
        if depth == MAX_DEPTH:
            raise NotPlainError("nested too deep")
        for _ in range(count):  # fails at the end of the data
            if major == _MAP:
                at = _end_of_key(data, at)
            at = end_of_item(data, at, depth=depth + 1)
    if at > len(data):
        raise NotPlainError("cut short")
    return at


def _head(data: bytes, start: int) -> tuple[int, int, int]:
    """Return the type of an item, its number (of bytes, of items), and where its head ends."""
    if start >= len(data):
        raise NotPlainError("cut short")
    major, short = data[start] >> 5, data[start] & 0x1F
    if major == _TAG or short > max(_BYTES_OF_LENGTH):
        raise NotPlainError("a tag, or an indefinite length")
    size = _BYTES_OF_LENGTH.get(short, 0)
    at = start + 1 + size
    if at > len(data):
        raise NotPlainError("cut short")
    return major, int.from_bytes(data[start + 1 : at], "big") if size else short, at


def _end_of_key(data: bytes, start: int) -> int:
    """Return where a key of a map ends: others can be made to collide in a hash table."""
    if _head(data, start)[0] not in _KEYS:
        raise NotPlainError("a key that is neither a number nor a text")
    return end_of_item(data, start)


def refuse_more_than_one_item(data: bytes) -> None:
    """Raise NotPlainError unless the data is one plain item and nothing else."""
    if end_of_item(data) != len(data):
        raise NotPlainError("more than one item")

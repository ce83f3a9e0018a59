"""JSON Web Signatures in compact form (RFC 7515), with keys that each have one header.

PyJWT makes and checks the signatures. The rest of it costs three times as much as an Ed25519
signature, mostly because a token's header chooses the key and the algorithm. Here the header is
compared: that of a known key, byte for byte, or the token is refused (RFC 8725, section 3.1).
"""

import hashlib
import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from jwt import get_algorithm_by_name

from auth.keys.key_ring import SigningKey

KNOWN = 4096
"""How many verified tokens a process remembers: 3 MB of the usual ones."""
KNOWN_LENGTH = 2048
"""Characters of the longest token that is remembered."""
_ALPHABET = str.maketrans("-_+/=", "+/!!!")  # ! is not in Base64
_encode = json.JSONEncoder(separators=(",", ":")).encode


class InvalidSignatureError(Exception):
    """It is malformed, or signed with an unknown key."""


def sign(key: SigningKey, claims: Mapping[str, object]) -> str:
    """Return the claims, as JSON, with a signature of the key."""
    content = f"{_header(key.algorithm, key.kid)}.{_in_base64(_encode(claims).encode())}"
    signature = get_algorithm_by_name(key.algorithm).sign(content.encode(), key.private)
    return f"{content}.{_in_base64(signature)}"


def verified(token: str, keys: Iterable[SigningKey]) -> Any:
    """Return the JSON that one of these keys has signed. Raises InvalidSignatureError."""
    content, _, signature = token.rpartition(".")
    header, _, claims = content.partition(".")
    for key in keys:
        if header == _header(key.algorithm, key.kid):
            break
    else:
        raise InvalidSignatureError
    try:
        digest = hashlib.sha256(token.encode("ascii")).digest()
        known = _known.get(digest)
        if known and known[0] is key:
            return json.loads(known[1])
        signed = content.encode()
        if get_algorithm_by_name(key.algorithm).verify(signed, key.public, _decoded(signature)):
            said = _decoded(claims)
            if len(token) <= KNOWN_LENGTH:
                _remember(digest, key, said)
            return json.loads(said)
    except (ValueError, RecursionError):
        pass
    raise InvalidSignatureError


_known: dict[bytes, tuple[SigningKey, bytes]] = {}
"""What tokens say whose signature was verified, by the digest of the whole token, with the key.

A client sends the same access token until it expires. A signature takes a tenth of a millisecond to
verify, a fifth of a request for `me`. Only a key that is still in use finds its tokens here.
"""


def _remember(digest: bytes, key: SigningKey, said: bytes) -> None:
    """Remember a verified token, and forget the one that was verified first."""
    if len(_known) >= KNOWN:
        del _known[next(iter(_known))]
    _known[digest] = key, said


@lru_cache
def _header(algorithm: str, kid: str | None) -> str:
    named = {"kid": kid} if kid else {}
    return _in_base64(_encode({"alg": algorithm, **named, "typ": "JWT"}).encode())


def _in_base64(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    """Return the bytes of URL-safe Base64 without padding, in its one form. Raises ValueError."""
    content = b64decode(text.translate(_ALPHABET) + "=" * (-len(text) % 4), validate=True)
    if _in_base64(content) != text:
        raise ValueError
    return content

"""The public keys of passkeys (COSE, RFC 9052): which ones are accepted."""

from collections.abc import Mapping

import cbor2
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from webauthn.helpers import decode_credential_public_key, decoded_public_key_to_cryptography

from auth.factors import plain_cbor

_LONGEST = 1024
"""Bytes. A key of RSA with 4096 bits has about 530."""
_KTY, _ALG = 1, 3
_ES256, _EDDSA, _RS256 = (2, -7), (1, -8), (3, -257)
"""Key type and algorithm (RFC 9053, sections 2 and 7; RFC 8812, section 2)."""
_HEADER = {_KTY, _ALG, -1}
_MEMBERS: Mapping[object, set[int]] = {
    _ES256: _HEADER | {-2, -3},
    _EDDSA: _HEADER | {-2},
    _RS256: _HEADER | {-2},
}
_CURVES: Mapping[object, int] = {_ES256: 1, _EDDSA: 6}
_POINT = 32
_RSA_BITS, _RSA_EXPONENTS = range(2048, 4096 + 1), (3, 65537)
_P = 2**255 - 19
_ORDER_EIGHT = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER = {0, 1, _P - 1, _ORDER_EIGHT, _P - _ORDER_EIGHT}
"""The y of the points of order 1, 2, 4 and 8: a signature for them needs no private key."""


class UnfitKeyError(Exception):
    """The key is not one that is accepted; the message says why."""


def refuse_unfit(public_key: bytes) -> None:
    """Raise UnfitKeyError unless this COSE key is one of ours, with nothing else in it.

    ES256 takes the curve P-256, and EdDSA Ed25519 (section 5.8.5). A longer RSA key costs time.
    """
    try:
        _refuse_unfit(public_key)
    except UnfitKeyError:
        raise
    except Exception as error:  # of the library, which raises whatever it meets
        raise UnfitKeyError(f"an unusable key: {type(error).__name__}") from None


def _refuse_unfit(public_key: bytes) -> None:
    if len(public_key) > _LONGEST:
        raise UnfitKeyError("a key that is too long")
    plain_cbor.refuse_more_than_one_item(public_key)
    members = cbor2.loads(public_key)
    algorithm = tuple(members.get(name) for name in (_KTY, _ALG))
    names = _MEMBERS.get(algorithm)
    whole = all(type(each) is int for each in (*algorithm, *members))
    if names != set(members) or not whole:
        raise UnfitKeyError("a key of another algorithm")
    if algorithm != _RS256 and (type(members[-1]) is not int or members[-1] != _CURVES[algorithm]):
        raise UnfitKeyError("a key of another curve")
    if algorithm != _RS256 and any(len(members[name]) != _POINT for name in names - _HEADER):
        raise UnfitKeyError("a point of another length")
    if algorithm == _EDDSA and _is_of_small_order(members[-2]):
        raise UnfitKeyError("a key that anybody can sign for")
    key = decoded_public_key_to_cryptography(decode_credential_public_key(public_key))
    if isinstance(key, RSAPublicKey):
        numbers = key.public_numbers()
        right = numbers.e in _RSA_EXPONENTS and numbers.n % 2 and key.key_size in _RSA_BITS
        if not right or len(members[-1]) != -(-key.key_size // 8):
            raise UnfitKeyError("an unusual RSA key")


def _is_of_small_order(point: bytes) -> bool:
    """Return whether a point of Ed25519 has small order, or is not in its canonical form."""
    y = int.from_bytes(point, "little") & (2**255 - 1)  # without the sign of x
    return y >= _P or y in _SMALL_ORDER

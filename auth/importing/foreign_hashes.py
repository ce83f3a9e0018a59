"""Password hashes of other servers: which of them Postern can verify, at a bounded cost."""

import re
from base64 import b64decode

from argon2 import extract_parameters
from argon2.exceptions import InvalidHashError

MAX_MEMORY = 256 * 1024
"""Memory of one Argon2 hash in KiB: a small machine has room for a few sign-ins at once."""
MAX_WORK = 1024 * 1024
"""Memory times passes of one Argon2 hash, in KiB: about a second."""
MAX_LANES = 16
MIN_COST, MAX_COST = 4, 14
"""Cost of bcrypt: 2**14 rounds take about a second; each step up takes twice as long."""
MAX_LENGTH = 255
"""Maximum length of a hash in characters, as the column has it."""
_BCRYPT = re.compile(
    r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]"
)
"""The last characters of salt and hash hold 2 and 4 bits; bcrypt writes no others there."""
_ARGON2 = re.compile(
    r"\$argon2id\$v=19\$m=\d{1,10},t=\d{1,10},p=\d{1,10}\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)"
)


def why_not(password_hash: str) -> str | None:
    """Return why a hash cannot be imported, or None. The reason contains no part of the hash."""
    if password_hash.startswith("$2"):
        return _why_not_bcrypt(password_hash)
    if password_hash.startswith("$argon2id$"):
        return _why_not_argon2(password_hash)
    return "a password hash of another kind"


def _why_not_bcrypt(password_hash: str) -> str | None:
    match = _BCRYPT.fullmatch(password_hash)
    if not match:
        return "a broken bcrypt hash"
    cost = int(match[1])
    if not MIN_COST <= cost <= MAX_COST:
        return f"a bcrypt hash of cost {cost} ({MIN_COST} to {MAX_COST} are taken)"
    return None


def _why_not_argon2(password_hash: str) -> str | None:
    match = _ARGON2.fullmatch(password_hash)
    broken = "a broken Argon2 hash"
    if not match or len(password_hash) > MAX_LENGTH:
        return broken
    try:
        chosen = extract_parameters(password_hash)
        salt, digest = map(_from_base64, match.groups())
    except (InvalidHashError, ValueError):
        return broken
    # What Argon2 itself requires (RFC 9106, section 3.1).
    lanes_fit = 1 <= chosen.parallelism <= chosen.memory_cost // 8
    if not lanes_fit or chosen.time_cost < 1 or len(salt) < 8 or len(digest) < 4:
        return broken
    work = chosen.memory_cost * chosen.time_cost
    if chosen.memory_cost > MAX_MEMORY or work > MAX_WORK or chosen.parallelism > MAX_LANES:
        return (
            f"an Argon2 hash that costs too much (m={chosen.memory_cost}, t={chosen.time_cost}, "
            f"p={chosen.parallelism})"
        )
    return None


def _from_base64(text: str) -> bytes:
    """Decode Base64 without padding. Raises ValueError."""
    return b64decode(text + "=" * (-len(text) % 4), validate=True)

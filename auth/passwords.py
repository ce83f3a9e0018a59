"""Passwords: Argon2id (RFC 9106), always off the event loop and never more at once than planned."""

import re
import secrets

import bcrypt
from argon2 import PasswordHasher, Type
from argon2.exceptions import VerificationError
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from auth.errors import AuthError, ErrorCode
from auth.hashing_threads import HashingThreads
from config import Settings

MAX_BYTES = 1024
"""Longer passwords are refused: nobody types them, and hashing them is work for nothing."""
_BCRYPT_BYTES = 72
_COMMON = frozenset(FREQUENCY_LISTS["passwords"])


class Passwords(HashingThreads):
    """Hashes and verifies passwords on threads of its own, and does what else is as costly there.

    Argon2 frees the interpreter while it works, so threads use every core and the event loop goes
    on answering. What waits is bounded; past that, TOO_MANY_REQUESTS is raised at once.
    """

    def __init__(self, *, memory_cost: int, time_cost: int, parallelism: int, threads: int) -> None:
        """Memory in KiB for each hash; `threads` hashes are made at the same time."""
        super().__init__(threads)
        self._hasher = PasswordHasher(
            memory_cost=memory_cost, time_cost=time_cost, parallelism=parallelism, type=Type.ID
        )
        self._nobodys_hash = self._hasher.hash(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        """The password's Argon2id hash in PHC form, with a fresh 128-bit salt.

        Raises AuthError: TOO_MANY_REQUESTS.
        """
        return await self.run(lambda: self._hasher.hash(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the one of this hash.

        For None, an account that does not exist, the same work is done and the answer is False;
        and so for an empty password, which nobody can have chosen here: some of the hashes that
        come from elsewhere are of one, and mean that there is no password.
        Raises AuthError: TOO_MANY_REQUESTS.
        """
        matches = await self.run(lambda: self._verify(password_hash, password))
        return matches and password_hash is not None and password != ""

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than those in force, or by bcrypt."""
        return _is_bcrypt(password_hash) or self._hasher.check_needs_rehash(password_hash)

    def _verify(self, password_hash: str | None, password: str) -> bool:
        if password_hash and _is_bcrypt(password_hash):
            return _verify_bcrypt(password_hash, password)
        try:
            return self._hasher.verify(password_hash or self._nobodys_hash, password)
        except VerificationError:
            return False


def _is_bcrypt(password_hash: str) -> bool:
    return re.fullmatch(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}", password_hash) is not None


def _verify_bcrypt(password_hash: str, password: str) -> bool:
    """Bcrypt looks at 72 bytes, so nobody can have set a longer password with it."""
    typed = password.encode()
    return len(typed) <= _BCRYPT_BYTES and bcrypt.checkpw(typed, password_hash.encode())


def refuse_oversized(password: str) -> None:
    """Raises AuthError: INVALID_REQUEST beyond 1024 bytes of UTF-8."""
    if len(password.encode()) > MAX_BYTES:
        raise AuthError(ErrorCode.INVALID_REQUEST, f"password: expected at most {MAX_BYTES} bytes.")


def refuse_unfit(password: str, *, email: str, settings: Settings) -> None:
    """Raises AuthError for what may not become the password of the account with this address.

    INVALID_REQUEST beyond 1024 bytes; PASSWORD_TOO_SHORT; and PASSWORD_TOO_COMMON for what every
    attacker tries first: the 30,000 most common passwords as zxcvbn counts them, and the names
    that stand on the page itself (NIST SP 800-63B, section 3.1.1.2). No other rule is put on it.
    """
    refuse_oversized(password)
    if len(password) < settings.password_min_length:
        raise AuthError(ErrorCode.PASSWORD_TOO_SHORT, minLength=settings.password_min_length)
    folded = password.casefold()
    for reason, guessable, message in [
        ("email", folded == email.casefold(), "Your e-mail address is no password."),
        (
            "issuer",
            folded == settings.mfa_totp_issuer.casefold(),
            "The name of this service is no password.",
        ),
        (
            "common",
            settings.password_check_common and folded in _COMMON,
            "This is one of the passwords that are used most.",
        ),
    ]:
        if guessable:
            raise AuthError(ErrorCode.PASSWORD_TOO_COMMON, message, reason=reason)

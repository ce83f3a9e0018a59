"""Passwords: Argon2id (RFC 9106), always off the event loop and never more at once than planned."""

import asyncio
import os
import re
import secrets
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import bcrypt
from argon2 import PasswordHasher, Type
from argon2.exceptions import VerificationError
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from auth.errors import AuthError, ErrorCode
from config import Settings

MAX_BYTES = 1024
"""Longer passwords are refused: nobody types them, and hashing them is work for nothing."""
QUEUE_PER_THREAD = 64
"""How many passwords may wait for one thread."""
QUEUE_SECONDS = 2
"""About how long so many take with the defaults."""
NICENESS = 10
"""How far the hashing threads step back, of 19; bench/README.md has the measurement."""

_BCRYPT_BYTES = 72
_COMMON = frozenset(FREQUENCY_LISTS["passwords"])

Result = TypeVar("Result")


class Passwords:
    """Hashes and verifies passwords on threads of its own.

    Argon2 frees the interpreter while it works, so threads use every core and the event loop goes
    on answering. What waits is bounded; past that, TOO_MANY_REQUESTS is raised at once.
    """

    def __init__(self, *, memory_cost: int, time_cost: int, parallelism: int, threads: int) -> None:
        """Memory in KiB for each hash; `threads` hashes are made at the same time."""
        self._hasher = PasswordHasher(
            memory_cost=memory_cost, time_cost=time_cost, parallelism=parallelism, type=Type.ID
        )
        self._pool = ThreadPoolExecutor(threads, "argon2", initializer=_step_back)
        self._free = threads * (QUEUE_PER_THREAD + 1)
        self._nobodys_hash = self._hasher.hash(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        """The password's Argon2id hash in PHC form, with a fresh 128-bit salt.

        Raises AuthError: TOO_MANY_REQUESTS.
        """
        return await self.run(lambda: self._hasher.hash(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the one of this hash.

        For None, an account that does not exist, the same work is done and the answer is False.
        Raises AuthError: TOO_MANY_REQUESTS.
        """
        matches = await self.run(lambda: self._verify(password_hash, password))
        return matches and password_hash is not None

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than those in force, or by bcrypt."""
        return _is_bcrypt(password_hash) or self._hasher.check_needs_rehash(password_hash)

    async def run(self, work: Callable[[], Result]) -> Result:
        """Any other work as costly as a hash, on the same threads under the same bound.

        Raises AuthError: TOO_MANY_REQUESTS.
        """
        self.refuse_when_busy()
        self._free -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._free += 1

    def refuse_when_busy(self) -> None:
        """Raises AuthError: TOO_MANY_REQUESTS, where as much is waiting as may wait."""
        if self._free == 0:
            raise AuthError(ErrorCode.TOO_MANY_REQUESTS, retryAfter=QUEUE_SECONDS)

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(cancel_futures=True)

    def _verify(self, password_hash: str | None, password: str) -> bool:
        if password_hash and _is_bcrypt(password_hash):
            return _verify_bcrypt(password_hash, password)
        try:
            return self._hasher.verify(password_hash or self._nobodys_hash, password)
        except VerificationError:
            return False


def _step_back() -> None:
    """Let every other thread go first: a hash takes long anyway, and the event loop never does.

    Linux alone has a priority for each thread.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        ours = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, min(19, ours + NICENESS))


def is_known(password_hash: str) -> bool:
    """Whether it is a hash that can be verified here: Argon2id, or bcrypt from elsewhere."""
    return _is_bcrypt(password_hash) or password_hash.startswith("$argon2id$")


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

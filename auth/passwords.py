"""Passwords: Argon2id (RFC 9106), off the event loop, with a bounded number of hashes at once."""

import asyncio
import re
import secrets
import time
import unicodedata
from collections.abc import Callable, Iterable
from enum import IntEnum
from functools import partial
from math import ceil

import bcrypt
from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import hash_secret_raw
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from auth.errors import AuthError, ErrorCode
from auth.limits.hashing_threads import HashingThreads
from config import Settings

MAX_BYTES = 1024
"""Longer passwords are refused: nobody types them, and hashing them would only cost time."""
_BCRYPT_BYTES = 72
_MOST_BCRYPT_ROUNDS = 16
"""The base-2 logarithm of the rounds; each step up takes twice as long, and this one about 4 s."""
_COMMON = frozenset(FREQUENCY_LISTS["passwords"])
_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_SMALLEST_REST = 0.02
"""As a fraction of one hash; smaller differences in time are not equalised."""


class Match(IntEnum):
    """Whether a password matches a hash; NO is false."""

    NO = 0
    YES = 1
    OUTDATED = 2
    """It matches, and should be hashed anew: the hash has other parameters or an older form."""


class Passwords(HashingThreads):
    """Hashes and verifies passwords on its own threads; `run` does other slow work there.

    Argon2 releases the interpreter lock while it works, so threads use every core and the event
    loop keeps running. The queue is bounded; if it is full, TOO_MANY_REQUESTS is raised at once.

    A refusal takes as much work as the costliest kind of hash that is known to be stored (`learn`),
    whatever is stored for the account. Otherwise its time would tell which accounts exist.
    """

    def __init__(self, *, memory_cost: int, time_cost: int, parallelism: int, threads: int) -> None:
        """Each hash takes `memory_cost` KiB; up to `threads` hashes run at the same time."""
        super().__init__(threads)
        self._hasher = PasswordHasher(
            memory_cost=memory_cost, time_cost=time_cost, parallelism=parallelism, type=Type.ID
        )
        self._nobodys_hash = self._hasher.hash(secrets.token_urlsafe())
        in_force = _kind(self._nobodys_hash)
        self._work = {in_force: _seconds(in_force)}
        """Seconds that each kind of hash takes, the configured kind first."""
        self._lately = self._work[in_force]
        """Recent duration of a verification in seconds, under the current load."""

    async def hash(self, password: str) -> str:
        """Return the password's Argon2id hash in PHC form, with a new 128-bit salt.

        Raises AuthError: TOO_MANY_REQUESTS.
        """
        return await self.run(lambda: self._hasher.hash(prepared(password)))

    async def verify(self, password_hash: str | None, password: str) -> Match:
        """Return whether the password matches; None stands for the hash of a missing account.

        NO takes the same work whatever is stored. An empty password never matches: nobody can have
        chosen it here, and an imported hash of it means "no password".
        Raises AuthError: TOO_MANY_REQUESTS.
        """
        return await self.run(lambda: self._timed(password_hash, password))

    async def pretend(self, password: str) -> None:
        """Take as long as `verify` does. While other jobs wait, queue like them but do no work.

        The time to wait then comes from recent verifications.

        Raises AuthError: TOO_MANY_REQUESTS.
        """
        if self.at_leisure:
            await self.verify(None, password)
        else:
            await self.run(lambda: None)
            await asyncio.sleep(self._lately)

    async def learn(self, password_hashes: Iterable[str]) -> None:
        """Time one hash of each kind that is stored."""
        known = filter(is_known, password_hashes)
        for kind in {_kind(found) for found in known} - self._work.keys():
            self._work[kind] = await self.run(partial(_seconds, kind))

    def _timed(self, password_hash: str | None, password: str) -> Match:
        began = time.perf_counter()
        try:
            return self._verify(password_hash, password)
        finally:
            self._lately = (7 * self._lately + time.perf_counter() - began) / 8

    def _verify(self, password_hash: str | None, password: str) -> Match:
        ready = prepared(password)
        forms = [ready] if ready == password else [ready, password]
        stored = password_hash or self._nobodys_hash
        kind, clock = _kind(stored), _clock(_kind(stored))
        began = clock()
        for form in forms:
            if self._matches(stored, form) and password_hash and password:
                current = form == ready and not self._is_outdated(stored)
                return Match.YES if current else Match.OUTDATED
        each = (clock() - began) / len(forms)
        self._work[kind] = (7 * self._work.get(kind, each) + each) / 8  # a moving average
        self._make_up((max(list(self._work.values())) - each) * len(forms))
        return Match.NO

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            if not is_known(password_hash):
                return False
            if not _BCRYPT.fullmatch(password_hash):
                return self._hasher.verify(password_hash, password)
            # Bcrypt reads 72 bytes, so nobody can have set a longer password with it.
            typed = password.encode()
            same = bcrypt.checkpw(typed[:_BCRYPT_BYTES], password_hash.encode())
            return same and len(typed) <= _BCRYPT_BYTES
        except (VerificationError, ValueError):  # a broken hash matches nothing
            return False

    def _is_outdated(self, password_hash: str) -> bool:
        is_bcrypt = _BCRYPT.fullmatch(password_hash) is not None
        return is_bcrypt or self._hasher.check_needs_rehash(password_hash)

    def _make_up(self, seconds: float) -> None:
        """Run Argon2id for about this long, with the configured memory or a part of it."""
        in_force = next(iter(self._work.values()))
        hashes = seconds / in_force
        if hashes < _SMALLEST_REST:
            return
        passes = ceil(hashes * self._hasher.time_cost)
        memory = self._hasher.memory_cost * hashes * self._hasher.time_cost / passes
        hash_secret_raw(
            b"nobody's password",
            b"nobody's salt...",
            time_cost=passes,
            memory_cost=max(8 * self._hasher.parallelism, int(memory)),
            parallelism=self._hasher.parallelism,
            hash_len=32,
            type=Type.ID,
        )


def prepared(password: str) -> str:
    """Return the form of a password that is hashed: RFC 8265, OpaqueString, rejecting nothing.

    Every space becomes U+0020, and characters are composed (NFC, not NFKC). So a password typed on
    another system gives the same hash.
    """
    spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in password)
    return unicodedata.normalize("NFC", spaced)


def is_known(password_hash: str) -> bool:
    """Return whether Postern can verify this hash: Argon2id, or bcrypt from an import."""
    if found := _BCRYPT.fullmatch(password_hash):
        return int(found[1]) <= _MOST_BCRYPT_ROUNDS
    try:
        return extract_parameters(password_hash).type is Type.ID
    except InvalidHashError:
        return False


def _kind(password_hash: str) -> str:
    """Return the part of a hash before its salt: the algorithm and its parameters."""
    if found := _BCRYPT.match(password_hash):
        return password_hash[: found.end(1) + 1]
    return password_hash[: password_hash.find("$", password_hash.find("p=")) + 1]


def _seconds(kind: str) -> float:
    """Measure how long a hash of this kind takes, in seconds."""
    clock = _clock(kind)
    began = clock()
    if kind.startswith("$2"):
        bcrypt.hashpw(b"nobody's password", f"{kind}{'.' * 22}".encode())
    else:
        chosen = extract_parameters(f"{kind}{'A' * 22}${'A' * 43}")
        PasswordHasher.from_parameters(chosen).hash("nobody's password")
    return clock() - began


def _clock(kind: str) -> Callable[[], float]:
    """Return the thread's processor time as the clock, or wall time if lanes use other threads."""
    alone = kind.startswith("$2") or kind.endswith("p=1$")
    return time.thread_time if alone else time.perf_counter


def refuse_oversized(password: str) -> None:
    """Raise AuthError: INVALID_REQUEST beyond 1024 bytes of UTF-8."""
    if len(password.encode()) > MAX_BYTES:
        raise AuthError(ErrorCode.INVALID_REQUEST, f"password: expected at most {MAX_BYTES} bytes.")


def refuse_unfit(password: str, *, email: str, settings: Settings) -> None:
    """Raise AuthError if this may not become the password of the account with this address.

    INVALID_REQUEST beyond 1024 bytes; PASSWORD_TOO_SHORT; and PASSWORD_TOO_COMMON for what every
    attacker tries first: the 30,000 most common passwords in zxcvbn's list, the e-mail address and
    the service's name (NIST SP 800-63B, section 3.1.1.2). There are no other rules.
    """
    refuse_oversized(password)
    ready = prepared(password)
    if len(ready) < settings.password_min_length:
        least = settings.password_min_length
        raise AuthError(
            ErrorCode.PASSWORD_TOO_SHORT,
            f"Your password needs at least {least} characters.",
            minLength=least,
        )
    folded = ready.casefold()
    common = ErrorCode.PASSWORD_TOO_COMMON
    if folded == email.casefold():
        raise AuthError(common, "Your password cannot be your e-mail address.", reason="email")
    if folded == settings.mfa_totp_issuer.casefold():
        raise AuthError(
            common, "Your password cannot be the name of this service.", reason="issuer"
        )
    if settings.password_check_common and folded in _COMMON:
        raise AuthError(
            common,
            "This is one of the most common passwords. Please choose another.",
            reason="common",
        )

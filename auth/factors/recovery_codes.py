"""Recovery codes, for a lost authenticator: look-up secrets (NIST SP 800-63B, section 3.1.2)."""

import asyncio
import secrets
from dataclasses import dataclass, field
from functools import partial

from argon2.low_level import Type, hash_secret_raw

from auth.errors import ErrorCode
from auth.factors.factor_type import FactorType
from auth.factors.typed_codes import plain
from auth.postern import Postern
from config import Settings
from config.settings import OPERATOR_ROLE
from models import RecoveryCode, User, proofs
from models.proofs import Proof

kind = FactorType.RECOVERY_CODE
wrong = ErrorCode.INVALID_RECOVERY_CODE
missing = ErrorCode.DISABLED_MFA_TOTP
stands_alone = False

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 characters, 5 bits each; without 0, O, 1 and I, which look alike."""
LENGTH = 10
"""Characters of a code: 50 random bits."""
SET_SIZE = 10


@dataclass(frozen=True)
class Salt:
    """How a set of codes is hashed: with one salt, so that checking a code costs one hash."""

    memory_cost: int
    time_cost: int
    parallelism: int
    salt: bytes

    @classmethod
    def fresh(cls, *, memory_cost: int, time_cost: int, parallelism: int) -> "Salt":
        """Return a new 128-bit salt with these Argon2id parameters (memory in KiB)."""
        return cls(memory_cost, time_cost, parallelism, secrets.token_bytes(16))

    @classmethod
    def parse(cls, text: str) -> "Salt":
        """Parse what `str` has written."""
        memory, time, parallelism, salt = text.split(":")
        return cls(int(memory), int(time), int(parallelism), bytes.fromhex(salt))

    def __str__(self) -> str:
        return f"{self.memory_cost}:{self.time_cost}:{self.parallelism}:{self.salt.hex()}"

    def digest(self, code: str) -> str:
        """Return the code's Argon2id hash in hex. Slow like a password's: keep it off the loop."""
        return hash_secret_raw(
            normalise(code).encode(),
            self.salt,
            time_cost=self.time_cost,
            memory_cost=self.memory_cost,
            parallelism=self.parallelism,
            hash_len=32,
            type=Type.ID,
        ).hex()


def new_code() -> str:
    """Return a new code as it is shown: `XXXXX-XXXXX`."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return f"{letters[:5]}-{letters[5:]}"


def normalise(code: str) -> str:
    """Return the code as it is hashed: in upper case, without dashes, spaces, invisible marks."""
    return plain(code).upper()


def looks_like_one(code: str) -> bool:
    """Return whether this has the form of a recovery code; anything else is not hashed."""
    normal = normalise(code)
    return len(normal) == LENGTH and set(normal) <= set(ALPHABET)


@dataclass(frozen=True)
class CodeSet:
    """Recovery codes as they are shown, and as they are stored."""

    shown: tuple[str, ...] = field(repr=False)
    salt: Salt = field(repr=False)
    digests: tuple[str, ...] = field(repr=False)


def is_enabled(settings: Settings, user: User | None = None) -> bool:
    """Return whether users may have a factor that the codes can stand in for; operators always."""
    if user is not None and OPERATOR_ROLE in user.roles:
        return True
    return settings.totp_is_on or settings.passkeys_enabled


def belongs_to(user: User) -> bool:
    """Return whether the user has a set of recovery codes, even if all are used."""
    return user.recovery_salt is not None


def refuse_uncheckable(_postern: Postern, _user: User) -> None:
    """Do nothing: a recovery code can always be checked."""


async def check(postern: Postern, user: User, answer: str) -> Proof | None:
    """Hash a recovery code into a proof. Only spending the proof tells whether the code is right.

    Raises AuthError: TOO_MANY_REQUESTS.
    """
    if user.recovery_salt is None or not looks_like_one(answer):
        return None
    salt = Salt.parse(user.recovery_salt)
    return proofs.recovery_code(user, await postern.passwords.run(partial(salt.digest, answer)))


async def new_set(postern: Postern) -> CodeSet:
    """Return a new set of recovery codes, not stored yet. Takes the work of ten hashes.

    Raises AuthError: TOO_MANY_REQUESTS.
    """
    chosen = postern.settings
    salt = Salt.fresh(
        memory_cost=chosen.argon2_memory_cost,
        time_cost=chosen.argon2_time_cost,
        parallelism=chosen.argon2_parallelism,
    )
    shown = tuple(new_code() for _ in range(SET_SIZE))
    work = (partial(salt.digest, code) for code in shown)
    digests = await asyncio.gather(*map(postern.passwords.run, work))
    return CodeSet(shown, salt, tuple(digests))


class NoCodesError(Exception):
    """The user has lost the set that was there before the transaction: make one, and repeat."""


async def give(user: User, codes: CodeSet | None) -> tuple[str, ...]:
    """Store a set for a user who has none, in the caller's transaction; return what to show.

    The user's row is locked. A user who got a set in the meantime keeps that one.
    Raises NoCodesError if there is neither.
    """
    await user.refresh_from_db()
    if belongs_to(user):
        return ()
    if codes is None:
        raise NoCodesError
    await replace(user, codes)
    return codes.shown


async def replace(user: User, codes: CodeSet) -> None:
    """Replace the user's recovery codes, in the caller's transaction."""
    await remove(user)
    user.recovery_salt = str(codes.salt)
    await User.filter(id=user.id).update(recovery_salt=user.recovery_salt)
    rows = [RecoveryCode(user_id=user.id, digest=digest) for digest in codes.digests]
    await RecoveryCode.bulk_create(rows)


async def remove(user: User) -> None:
    """Delete the set, in the caller's transaction."""
    user.recovery_salt = None
    await User.filter(id=user.id).update(recovery_salt=None)
    await RecoveryCode.filter(user_id=user.id).delete()


async def left(user: User) -> int:
    """Return how many recovery codes the user has not used."""
    return await RecoveryCode.filter(user_id=user.id).count()

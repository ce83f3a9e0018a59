"""Recovery codes, for the day the phone is lost: look-up secrets (NIST SP 800-63B, 3.1.2)."""

import secrets
from dataclasses import dataclass

from argon2.low_level import Type, hash_secret_raw

from auth.factors.typed_codes import plain

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 characters, 5 bits each; without 0 and O, 1 and I, which look alike."""
LENGTH = 10
"""Characters of a code: 50 random bits."""
SET_SIZE = 10


@dataclass(frozen=True)
class Salt:
    """How a set of codes is hashed: with one salt, so that trying a code costs one hash."""

    memory_cost: int
    time_cost: int
    parallelism: int
    salt: bytes

    @classmethod
    def fresh(cls, *, memory_cost: int, time_cost: int, parallelism: int) -> "Salt":
        """A new 128-bit salt with these parameters of Argon2id."""
        return cls(memory_cost, time_cost, parallelism, secrets.token_bytes(16))

    @classmethod
    def parse(cls, text: str) -> "Salt":
        """What `str` has written."""
        memory, time, parallelism, salt = text.split(":")
        return cls(int(memory), int(time), int(parallelism), bytes.fromhex(salt))

    def __str__(self) -> str:
        return f"{self.memory_cost}:{self.time_cost}:{self.parallelism}:{self.salt.hex()}"

    def digest(self, code: str) -> str:
        """The Argon2id hash of a code, in hex. As costly as a password's: keep it off the loop."""
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
    """A fresh code as it is shown: `XXXXX-XXXXX`."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return f"{letters[:5]}-{letters[5:]}"


def normalise(code: str) -> str:
    """A code as it is hashed: in upper case, without dashes, spaces and invisible marks."""
    return plain(code).upper()


def looks_like_one(code: str) -> bool:
    """Whether this can be a recovery code at all; nothing else is worth a hash."""
    normal = normalise(code)
    return len(normal) == LENGTH and set(normal) <= set(ALPHABET)

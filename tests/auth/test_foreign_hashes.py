"""Hashes of other servers: which can be verified, at a bounded cost."""

import bcrypt
import pytest
from argon2 import PasswordHasher

from auth.importing.foreign_hashes import why_not

BCRYPT = "$2b$04$BXvPM3x7sh6azbxwn84DauBV1PszCU52I0pfBBZRlg5PFkJF2B8N6"
SALT, DIGEST = "c2FsdHNhbHQ", "aGFzaGhhc2hoYXNo"


def argon2(memory: int = 64, passes: int = 1, lanes: int = 1) -> str:
    return f"$argon2id$v=19$m={memory},t={passes},p={lanes}${SALT}${DIGEST}"


@pytest.mark.parametrize(
    "password_hash",
    [
        BCRYPT,
        BCRYPT.replace("$2b$", "$2a$"),
        BCRYPT.replace("$2b$", "$2y$"),
        BCRYPT.replace("$04$", "$14$"),
        argon2(),
        argon2(19456, 2),
        argon2(65536, 3, 4),
        argon2(256 * 1024, 4, 16),
    ],
)
def test_hashes_of_other_servers_are_accepted(password_hash: str) -> None:
    assert why_not(password_hash) is None


@pytest.mark.parametrize(
    "password_hash",
    [
        *(BCRYPT.replace("$04$", f"${cost}$") for cost in ("00", "03", "15", "31", "99")),
        argon2(256 * 1024 + 1),
        argon2(4 * 1024 * 1024),
        argon2(64, 2**31),
        argon2(65536, 17),
        argon2(1024, 1, 17),
        argon2(2**31, 2**31, 2**24),
    ],
)
def test_a_too_costly_hash_is_refused_with_its_cost(password_hash: str) -> None:
    reason = why_not(password_hash)
    assert reason is not None
    assert "cost" in reason
    assert SALT not in reason
    assert BCRYPT[7:] not in reason


@pytest.mark.parametrize(
    "password_hash",
    ["", "x", "$1$md5", BCRYPT[:-1], BCRYPT + "\n", BCRYPT + "x", BCRYPT[:-1] + "/",
     BCRYPT[:28] + "/" + BCRYPT[29:], BCRYPT.replace("$2b$", "$2x$"), BCRYPT.replace("$04$", "$4$"),
     "$2b$", "$argon2id$", argon2(0), argon2(1), argon2(64, 0), argon2(64, 1, 0), argon2(8, 1, 2),
     argon2() + "!", argon2().replace("v=19", "v=18"), argon2().replace(DIGEST, ""),
     argon2().replace(SALT, "YQ"), argon2().replace(DIGEST, "a"), argon2() + "\n",
     argon2().replace(DIGEST, "A" * 400), argon2().replace("argon2id", "argon2i"),
     argon2().replace("argon2id", "argon2d")],
)  # fmt: skip
def test_an_unverifiable_hash_is_refused(password_hash: str) -> None:
    assert why_not(password_hash) is not None


def test_hashes_of_the_libraries_are_accepted() -> None:
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    for _ in range(50):
        assert why_not(cheap.hash("correct horse")) is None
        assert why_not(bcrypt.hashpw(b"correct horse", bcrypt.gensalt(4)).decode()) is None

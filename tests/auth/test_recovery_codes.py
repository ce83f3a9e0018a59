import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.factors import recovery_codes
from auth.factors.recovery_codes import ALPHABET, LENGTH, Salt

SALT = Salt(memory_cost=64, time_cost=1, parallelism=1, salt=b"0123456789abcdef")


def test_a_code_has_fifty_bits_and_no_letters_that_look_alike() -> None:
    assert len(set(ALPHABET)) == len(ALPHABET)
    assert LENGTH * math.log2(len(ALPHABET)) >= 50
    assert not set("01OI") & set(ALPHABET)
    codes = {recovery_codes.new_code() for _ in range(1000)}
    assert len(codes) == 1000
    assert all(re.fullmatch(r"[2-9A-HJ-NP-Z]{5}-[2-9A-HJ-NP-Z]{5}", code) for code in codes)
    assert set("".join(codes)) == {*ALPHABET, "-"}


@given(st.data())
def test_a_code_is_the_same_however_it_is_typed(data: st.DataObject) -> None:
    code = recovery_codes.new_code()
    cases = (st.sampled_from([letter, letter.lower()]) for letter in code)
    between = st.sampled_from(["", " ", "-"])
    typed = "".join(data.draw(case) + data.draw(between) for case in cases)
    assert recovery_codes.looks_like_one(typed)
    assert SALT.digest(typed) == SALT.digest(code)


@given(st.text())
def test_a_carelessly_typed_code_is_recognised(text: str) -> None:
    normal = recovery_codes.normalise(text)
    is_one = len(normal) == LENGTH and all(letter in ALPHABET for letter in normal)
    assert recovery_codes.looks_like_one(text) == is_one


@pytest.mark.parametrize("text", ["", "123456", "AAAAA-AAAA", "AAAAA-AAAAAA", "AAAAA-AAAA0"])
def test_a_malformed_code_is_rejected(text: str) -> None:
    assert not recovery_codes.looks_like_one(text)


def test_a_digest_depends_on_code_and_salt() -> None:
    other = Salt.fresh(memory_cost=64, time_cost=1, parallelism=1)
    codes = ("AAAAA-AAAAA", "AAAAA-AAAAB")
    digests = {salt.digest(code) for salt in (SALT, other) for code in codes}
    assert len(digests) == 4
    assert all(len(digest) == 64 for digest in digests)


def test_a_salt_can_be_written_and_parsed() -> None:
    salt = Salt.fresh(memory_cost=4 * 1024 * 1024, time_cost=100, parallelism=64)
    assert Salt.parse(str(salt)) == salt
    assert len(str(salt)) <= 64, "it fits its column"
    assert len(salt.salt) == 16

"""RFC 6238 and RFC 4226, with their test vectors."""

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.factors import one_time_codes
from tests.support import read_qr_code

SECRET = base64.b32encode(b"12345678901234567890").decode()
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "eight_digits"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_test_vectors_of_rfc_6238_match(seconds: int, eight_digits: str) -> None:
    """The appendix has eight digits; a code is the last six of them (RFC 4226, section 5.3)."""
    now = datetime.fromtimestamp(seconds, UTC)
    code = eight_digits[-6:]
    assert one_time_codes.code_at(SECRET, one_time_codes.time_step(now)) == code
    assert one_time_codes.matching_time_step(SECRET, code, now, drift=0) == seconds // 30


@pytest.mark.parametrize(
    ("counter", "code"),
    list(enumerate(["755224", "287082", "359152", "969429", "338314", "254676", "287922"])),
)
def test_the_test_vectors_of_rfc_4226_match(counter: int, code: str) -> None:
    assert one_time_codes.code_at(SECRET, counter) == code


@pytest.mark.parametrize("drift", [0, 1, 2])
def test_a_code_is_valid_within_the_drift(drift: int) -> None:
    current = one_time_codes.time_step(NOW)
    for offset in range(-4, 5):
        expected = current + offset if abs(offset) <= drift else None
        code = one_time_codes.code_at(SECRET, current + offset)
        assert one_time_codes.matching_time_step(SECRET, code, NOW, drift=drift) == expected


@pytest.mark.parametrize("form", ["{} {}", " {}{} ", "{}\t{}\n", "{}\u00a0{}"])
def test_a_code_may_contain_spaces_and_dashes(form: str) -> None:
    code = one_time_codes.code_at(SECRET, one_time_codes.time_step(NOW))
    typed = form.format(code[:3], code[3:])
    assert one_time_codes.matching_time_step(
        SECRET, typed, NOW, drift=0
    ) == one_time_codes.time_step(NOW)


@given(st.text())
def test_other_input_is_not_a_code(text: str) -> None:
    codes = {
        one_time_codes.code_at(SECRET, one_time_codes.time_step(NOW) + offset)
        for offset in (-1, 0, 1)
    }
    if "".join(text.split()) not in codes:
        assert one_time_codes.matching_time_step(SECRET, text, NOW, drift=1) is None


@pytest.mark.parametrize("zero", ["\uff10", "\u0660", "\u06f0", "\u0966", "\u09e6", "\U0001d7ce"])
def test_a_code_may_use_other_digits(zero: str) -> None:
    code = one_time_codes.code_at(SECRET, one_time_codes.time_step(NOW))
    typed = code.translate({ord(str(digit)): chr(ord(zero) + digit) for digit in range(10)})
    assert one_time_codes.matching_time_step(
        SECRET, typed, NOW, drift=1
    ) == one_time_codes.time_step(NOW)


def test_a_time_step_has_thirty_seconds() -> None:
    assert one_time_codes.time_step(NOW + timedelta(seconds=29.9)) == one_time_codes.time_step(NOW)
    assert (
        one_time_codes.time_step(NOW + timedelta(seconds=30)) == one_time_codes.time_step(NOW) + 1
    )


def test_a_secret_has_160_bits_and_is_never_the_same() -> None:
    secrets = {one_time_codes.new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(len(base64.b32decode(secret)) == 20 for secret in secrets)


@given(
    st.text(min_size=1, max_size=40, alphabet=st.characters(codec="utf-8", exclude_characters=":"))
)
def test_the_key_uri_contains_issuer_account_and_secret(issuer: str) -> None:
    account = "joe+tag@example.com"
    uri = urlsplit(one_time_codes.key_uri(SECRET, account=account, issuer=issuer))
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert unquote(uri.path) == f"/{issuer}:{account}"
    assert parse_qs(uri.query, keep_blank_values=True) == {"secret": [SECRET], "issuer": [issuer]}


def test_the_qr_code_can_be_decoded() -> None:
    uri = one_time_codes.key_uri(SECRET, account="a" * 60 + "@example.com", issuer="Café & Söhne")
    assert read_qr_code(one_time_codes.qr_code(uri)) == uri

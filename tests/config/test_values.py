import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import ConfigError, load
from config.values import parse_duration, parse_encryption_keys

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("5m", 300), ("1h30m", 5400), ("720h", 2592000), ("2h5s", 7205), (" 5m ", 300)],
)
def test_a_duration_has_gos_format(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "5x", "m5", "5m1h", "-5m", "5 m", "5m5m", "१m5"])
def test_other_values_are_returned_unchanged(text: str) -> None:
    assert parse_duration(text) == text


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_every_duration_is_the_sum_of_its_parts(hours: int, minutes: int, seconds: int) -> None:
    total = hours * 3600 + minutes * 60 + seconds
    assert parse_duration(f"{hours}h{minutes}m{seconds}s") == total


@pytest.mark.parametrize("text", [f"{KEY},{KEY}", f"{KEY}\n{KEY}\n", f" {KEY} , {KEY} ,"])
def test_encryption_keys_are_separated_by_commas_or_white_space(text: str) -> None:
    keys = parse_encryption_keys(text)
    assert [key.get_secret_value() for key in keys] == [b"01234567890123456789012345678901"] * 2


@pytest.mark.parametrize("text", ["", ",", "!", KEY[:-4], KEY + "AAAA", 7, f"{KEY},short"])
def test_an_encryption_key_of_another_size_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="not"):
        parse_encryption_keys(text)


def test_ipv4_networks_in_the_form_of_ipv6_are_what_they_are() -> None:
    given = "::ffff:10.0.0.0/104, ::ffff:192.0.2.7, 2001:db8::/32"
    settings, _ = load({"AUTH_TRUSTED_PROXIES": given})
    assert [str(network) for network in settings.trusted_proxies] == [
        "10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32",
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="AUTH_TRUSTED_PROXIES"):
        load({"AUTH_TRUSTED_PROXIES": "fe80::1%eth0"})

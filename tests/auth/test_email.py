import pytest
from hypothesis import given, provisional
from hypothesis import strategies as st

from auth.email import normalise


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("joe@example.com", "joe@example.com"),
        ("  Joe@EXAMPLE.com\n", "joe@example.com"),
        ("joe+tag@example.com", "joe+tag@example.com"),
        ("joe@Bücher.example", "joe@xn--bcher-kva.example"),
        ("joe@xn--bcher-kva.example", "joe@xn--bcher-kva.example"),
        ("JOSÉ@example.com", "josé@example.com"),
        ("jose\u0301@example.com", "josé@example.com"),
        ("dev@postern.test", "dev@postern.test"),
    ],
)
def test_an_address_has_one_spelling(typed: str, stored: str) -> None:
    assert normalise(typed) == stored
    assert normalise(stored) == stored


@pytest.mark.parametrize(
    "text",
    ["", "joe", "@example.com", "joe@", "joe@localhost", "a b@example.com", "joe@example.com\0",
     "Joe <joe@example.com>", "joe@[127.0.0.1]", "joe@exa mple.com", "j" * 65 + "@example.com",
     "joe@" + "e" * 250 + ".com", "joe@example..com", "joe\n@example.com",
     "İ" * 64 + "@example.com", "x" * 100_000],
)  # fmt: skip
def test_what_is_no_address_has_no_spelling(text: str) -> None:
    assert normalise(text) is None


@given(
    st.one_of(st.text(), st.emails(), st.builds("{}@{}".format, st.text(), provisional.domains()))
)
def test_normalising_never_fails_and_is_done_once(text: str) -> None:
    once = normalise(text)
    assert once is None or normalise(once) == once

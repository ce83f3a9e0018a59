import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, provisional
from hypothesis import strategies as st

from auth.email_addresses import MAX_LENGTH, normalise
from auth.postern import Postern
from models import User
from tests.support import PASSWORD, environment, refusal, sign_up_user
from tests.support import postern as run


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("joe@example.com", "joe@example.com"),
        ("  Joe@EXAMPLE.com\n", "joe@example.com"),
        ("joe+tag@example.com", "joe+tag@example.com"),
        ("joe@Bücher.example", "joe@xn--bcher-kva.example"),
        ("joe@xn--bcher-kva.example", "joe@xn--bcher-kva.example"),
        ("joe@XN--BCHER-KVA.example", "joe@xn--bcher-kva.example"),
        ("joe@example。com", "joe@example.com"),
        ("JOSÉ@example.com", "josé@example.com"),
        ("jose\u0301@example.com", "josé@example.com"),
        ("ｊｏｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", "joe@example.com"),
        ("ΟΔΟΣ@example.com", "οδοσ@example.com"),
        ("οδος@example.com", "οδοσ@example.com"),
        ("STRASSE@example.com", "strasse@example.com"),
        ("straße@example.com", "strasse@example.com"),
        ("joe@FAß.de", "joe@xn--fa-hia.de"),
        ("joe@fass.de", "joe@fass.de"),
        ("joe@пример.рф", "joe@xn--e1afmkfd.xn--p1ai"),
        ("joe@studio.photography", "joe@studio.photography"),
        ("joe@x.xn--vermgensberatung-pwb", "joe@x.xn--vermgensberatung-pwb"),
        ("dev@postern.test", "dev@postern.test"),
        ("joe@nas.local", "joe@nas.local"),
        ("joe@NAS.Local", "joe@nas.local"),
        ("joe@nas.ｌｏｃａｌ", "joe@nas.local"),
        ("joe@bücher.local", "joe@xn--bcher-kva.local"),
        ("joe@router.home.arpa", "joe@router.home.arpa"),
        ("joe@corp.internal", "joe@corp.internal"),
        ("joe@riseup.onion", "joe@riseup.onion"),
        ("joe..smith@docomo.ne.jp", "joe..smith@docomo.ne.jp"),
        ("joe.@ezweb.ne.jp", "joe.@ezweb.ne.jp"),
        (".joe@ezweb.ne.jp", ".joe@ezweb.ne.jp"),
        ('"joe..smith"@docomo.ne.jp', "joe..smith@docomo.ne.jp"),
        ('"Joe"@example.com', "joe@example.com"),
        ("o'brien@example.com", "o'brien@example.com"),
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
     "İ" * 64 + "@example.com", "x" * 100_000, "ﷺ" * 60 + "@example.com",
     "joe@mail", "joe@local", "joe@.local", "joe@home.arpa", "joe@10.in-addr.arpa",
     "joe@a.invalid", "joe@a.localhost", "joe@my_host.example", "joe@example.com.",
     '"joe smith"@example.com', '"joe@work"@example.com', '"joe\\"x"@example.com', "joe@a@b.com",
     ".@example.com", "..@example.com", "=?utf-8?q?jo=65?=@example.com",
     "joe@x.local\r\nBcc: amy@example.com", "joe@a\tb.local",
     "joe\ufe0f@example.com", "joe\u3164@example.com", "joe\u00ad@example.com", "joe@\ud800.com",
     "\ud800@example.com", "joe\u202e@example.com", "joe,amy@example.com", "joe@xn--a.local"],
)  # fmt: skip
def test_an_invalid_address_is_refused(text: str) -> None:
    assert normalise(text) is None


ADDRESSES = st.one_of(
    st.text(),
    st.emails(),
    st.builds("{}@{}".format, st.text(), provisional.domains()),
    st.builds(
        "{}@{}{}".format, st.text(), st.text(), st.sampled_from([".com", ".local", ".ａ.de"])
    ),
)


@given(ADDRESSES)
def test_normalising_never_fails_and_is_idempotent(text: str) -> None:
    once = normalise(text)
    assert once is None or normalise(once) == once


@given(ADDRESSES)
def test_a_stored_address_cannot_inject_anything(text: str) -> None:
    stored = normalise(text)
    if stored is not None:
        assert len(stored) <= MAX_LENGTH
        assert stored.count("@") == 1
        assert not set(stored) & set(' "(),:;<>[\\]')
        assert "=?" not in stored
        assert {unicodedata.category(c)[0] for c in stored} <= set("LMNPS")
        assert stored.rpartition("@")[2].isascii()


@given(ADDRESSES, st.sampled_from(["upper", "title", "NFD", "NFC", "wide"]))
def test_equivalent_spellings_become_one(text: str, form: str) -> None:
    stored = normalise(text)
    if stored is None:
        return
    respelt = {
        "upper": stored.upper(),
        "title": stored.title(),
        "NFD": unicodedata.normalize("NFD", stored),
        "NFC": unicodedata.normalize("NFC", stored),
        "wide": "".join(chr(ord(c) + 0xFEE0) if c in "abcxyz@." else c for c in stored),
    }[form]
    # A dotless ı and an i have the same upper case, I; but Unicode distinguishes the two.
    assert "ı" in stored or normalise(respelt) == stored


@pytest.mark.anyio
async def test_two_spellings_of_an_address_are_one_account(postern: Postern) -> None:
    await sign_up_user(postern, "joe.@nas.local")
    for other in ("JOE.@NAS.LOCAL", "ｊｏｅ．@nas.local", '"joe."@nas.local'):
        assert await refusal(sign_up_user(postern, other)) == "EMAIL_ALREADY_IN_USE"
    assert await User.all().count() == 1


@pytest.mark.parametrize("email", ["joe@nas.local", "joe.@ezweb.ne.jp", "joe@corp.internal"])
def test_the_operator_can_create_accounts_with_such_addresses(tmp_path: Path, email: str) -> None:
    env = environment(tmp_path / "var")
    made = run("create-user", email, env=env, stdin=PASSWORD)
    assert made.stdout.startswith(f"Created {email}, id ")
    assert email in run("list-users", env=env).stdout

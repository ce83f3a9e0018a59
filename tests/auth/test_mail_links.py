"""Where a link in a mail may lead; the cases of Nhost Auth's own tests are among them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.errors import AuthError
from auth.mail import links
from config import ConfigError, Settings, load
from models.mail_ticket import MailPurpose


@pytest.mark.parametrize(
    ("entry", "candidate"),
    [
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://localhost:3000", "http://localhost:3000/"),
        ("http://localhost:3000", "http://localhost:3000/any/path?and=query#fragment"),
        ("https://acme.com/path", "https://acme.com/path"),
        ("https://acme.com/path", "https://acme.com/path/below?a=b#c"),
        ("https://acme.com/path", "https://acme.com:443/path"),
        ("https://acme.com/path", "https://ACME.com/path"),
        ("https://*.acme.io", "https://one.acme.io"),
        ("https://*-sub.acme.io", "https://asdf-sub.acme.io/x"),
        ("https://a*b*c.acme.io", "https://a-b-b-c.acme.io/x"),
        ("https://acme.io/*/x", "https://acme.io/any/x/below"),
        ("https://acme.io/cb-*", "https://acme.io/cb-1"),
        ("https://acme.io/app*", "https://acme.io/application/below"),
        ("http://[::1]:3000", "http://[::1]:3000/x"),
        ("https://x.com/", "https://x.com/every/depth"),
        ("https://x.com/*", "https://x.com/every/depth"),
        ("https://x.com/**", "https://x.com"),
        ("myapp://my.app", "myapp://my.app/subpath"),
    ],
)
def test_an_entry_allows_itself_and_what_is_below(entry: str, candidate: str) -> None:
    assert links.matches(entry, candidate)


@pytest.mark.parametrize(
    ("entry", "candidate"),
    [
        ("http://localhost:3000", "https://localhost:3000"),
        ("http://localhost:3000", "http://localhost:4000"),
        ("http://localhost:3000", "http://localhost"),
        ("http://localhost:3000", "http://prefixlocalhost:3000"),
        ("https://acme.com/path", "https://acme.com/wrongpath"),
        ("https://acme.com/path", "https://acme.com/pathology"),
        ("https://acme.com/path", "https://acme.com/path/../admin"),
        ("https://acme.com/path", "https://acme.com/path/%2e%2e/admin"),
        ("https://acme.com/path", "https://acme.com/path/%2E%2E%2Fadmin"),
        ("https://*.acme.io", "https://acme.io"),
        ("https://a*a.acme.io", "https://a.acme.io"),
        ("http://[::1]", "http://[::1]evil.com"),
        ("https://acme.io/cb-*", "https://acme.io/cb"),
        ("https://a*b*b.acme.io", "https://ab.acme.io"),
        ("https://acme.io/*/x", "https://acme.io/any/below/x"),
        ("https://*.acme.io", "https://evil.acme.io."),
        ("https://*.acme.io", "https://two.labels.acme.io"),
        ("https://*.acme.io", "https://evil%2Epages.acme.io/"),
        ("https://*.acme.io", "https://evil\u3002pages.acme.io/"),
        ("https://*.acme.io", "https://a;b.acme.io/"),
        ("https://*.acme.io", "https://*.acme.io/"),
        ("https://*.acme.io", "https://evil.com/.acme.io"),
        ("https://*.acme.io", "https://evil.com?.acme.io"),
        ("https://*.acme.io", "https://evil.com#.acme.io"),
        ("https://*.acme.io", "https://evil.com\\.acme.io"),
        ("http://simple.com", "http://simple.comhijack.com"),
        ("http://simple.com", "http://simple.com.hijack.com"),
        ("http://simple.com", "http://simple.com@evil.com"),
        ("http://simple.com", "http://user:simple.com@evil.com/"),
        ("http://simple.com", "http://evil.com\\@simple.com"),
        ("http://simple.com", "//simple.com"),
        ("http://simple.com", "///simple.com"),
        ("http://simple.com", "/\\simple.com"),
        ("http://simple.com", "http:simple.com"),
        ("http://simple.com", "http:///simple.com"),
        ("http://simple.com", " http://simple.com"),
        ("http://simple.com", "http://simple.com\r\nSet-Cookie: a=b"),
        ("http://simple.com", "javascript:alert(1)//http://simple.com"),
        ("http://simple.com", "javascript://simple.com/%0aalert(1)"),
        ("http://simple.com", "data:text/html,x"),
        ("http://simple.com", "not-a-url"),
        ("http://simple.com", "https://"),
        ("http://simple.com", "http://simple.com:x"),
    ],
)
def test_an_entry_allows_nothing_else(entry: str, candidate: str) -> None:
    assert not links.matches(entry, candidate)


@given(st.text("ab*", max_size=8), st.text("ab", max_size=12))
def test_a_pattern_fits_what_the_regular_expression_fits(pattern: str, text: str) -> None:
    written = ".*".join(map(re.escape, pattern.split("*")))
    entry, candidate = f"https://x{pattern}.acme.io", f"https://x{text}.acme.io"
    assert links.matches(entry, candidate) is bool(re.fullmatch(written, text))


def test_a_pattern_of_many_stars_takes_no_time() -> None:
    """A regular expression of it would take for ever, and hold the server."""
    entry = f"https://{'*a' * 500}b.acme.io/{'*a' * 400}b"
    assert not links.matches(entry, f"https://{'a' * 900}.acme.io/{'a' * 900}")


@given(st.text(max_size=60))
def test_no_text_breaks_the_comparison(text: str) -> None:
    assert links.matches("https://app.example.com", text) is False or text.lower().startswith(
        "https://app.example.com"
    )


def test_without_a_list_only_the_client_is_allowed() -> None:
    settings = Settings(client_url="https://app.example.com")
    assert links.allowed_redirect(settings, None) == "https://app.example.com"
    assert links.allowed_redirect(settings, "https://app.example.com/x")
    with pytest.raises(AuthError):
        links.allowed_redirect(settings, "https://other.example.com")
    with pytest.raises(AuthError):
        links.allowed_redirect(Settings(), "https://app.example.com")


@pytest.mark.parametrize(
    "entry",
    [
        "javascript://x",
        "data:text/html,x",
        "*",
        "/path",
        "file:///x",
        "https://*",
        "https://*.com",
        "https://app.*",
        "https://a.*.com",
        "intent://x",
        "view-source://x",
        "https://a@b.test",
        "https://*.com.",
        "https://*.a.",
        "https://*..com",
        "https://*.com:8.0",
        "https://*.com\\.evil",
        "https://*.com%2eexample.com",
        "http://*.127.0.0.1",
        "https://a*",
        "https://example.com.",
        "https://example.com:port",
        f"https://{'a' * 32_000}.example.com",
    ],
)
def test_a_list_has_no_entry_that_runs_code_or_says_nothing(entry: str) -> None:
    with pytest.raises(ConfigError, match="AUTH_ACCESS_CONTROL_ALLOWED_REDIRECT_URLS"):
        load({"AUTH_ACCESS_CONTROL_ALLOWED_REDIRECT_URLS": entry})


def test_a_link_begins_with_the_address_that_the_operator_has_set() -> None:
    for url in (
        "https://auth.example.com",
        "https://auth.example.com/",
        "https://auth.example.com/v1",
    ):
        link = links.link(
            Settings(server_url=url), MailPurpose.RESET_PASSWORD, "passwordReset:x", ""
        )
        assert (
            link == "https://auth.example.com/v1/verify?ticket=passwordReset%3Ax&type=passwordReset"
        )

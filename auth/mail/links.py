"""Links in mails: where they lead, and where they may lead in the end."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from auth.errors import AuthError, ErrorCode
from config import Settings
from config.values import REDIRECT_HOST, URL_MAX
from models.mail_ticket import MailPurpose

_DEFAULT_PORTS = {"http": 80, "https": 443}


def link(settings: Settings, purpose: MailPurpose, ticket: str, redirect_to: str) -> str:
    """The address of Postern's own page for a ticket, or "" for a code, which is typed.

    No request has a say in it.
    """
    if purpose is MailPurpose.SIGN_IN_CODE:
        return ""
    base = settings.public_url.removesuffix(settings.api_prefix) + settings.api_prefix
    query = {"redirectTo": redirect_to} if redirect_to else {}
    query |= {"ticket": ticket, "type": purpose.value}
    return f"{base}/verify?{urlencode(query)}"


def allowed_redirect(settings: Settings, wanted: str | None) -> str:
    """Where the user goes in the end: the address that is wanted, else AUTH_CLIENT_URL (or "").

    Raises AuthError: REDIRECT_TO_NOT_ALLOWED.
    """
    if not wanted:
        return settings.client_url
    if len(wanted) > URL_MAX:
        raise AuthError(ErrorCode.REDIRECT_TO_NOT_ALLOWED)
    entries = [settings.client_url, *settings.allowed_redirect_urls]
    if not any(matches(entry, wanted) for entry in entries if entry):
        raise AuthError(ErrorCode.REDIRECT_TO_NOT_ALLOWED)
    return wanted


def with_query(url: str, values: Mapping[str, str]) -> str:
    """Return the URL with these in its query, in place of any of the same names; sorted by name."""
    parts = urlsplit(url)
    asked = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(name, value) for name, value in asked if name not in values]
    query = urlencode(sorted([*kept, *values.items()]))
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, parts.fragment))


def matches(entry: str, candidate: str) -> bool:
    """Whether an entry of the allow-list allows an address: itself, and the paths below it.

    In an entry, `*` stands for anything within one label of the host or one segment of the path.
    """
    allowed, asked = _parts(entry), _parts(candidate)
    if allowed is None or asked is None or "*" in asked[1]:
        return False
    if (allowed[0], allowed[2]) != (asked[0], asked[2]):
        return False
    labels, theirs = allowed[1].split("."), asked[1].split(".")
    if len(labels) != len(theirs) or not all(map(_fits, labels, theirs)):
        return False
    segments = allowed[3].split("/")
    if segments[-1] in {"*", "**"}:
        segments.pop()
    beginning = asked[3].split("/")[: len(segments)]
    return len(beginning) == len(segments) and all(map(_fits, segments, beginning))


def _fits(pattern: str, text: str) -> bool:
    """Whether the text is the pattern, in which `*` stands for anything. Takes linear time."""
    first, *others = pattern.split("*")
    if not others:
        return text == pattern
    *middle, last = others
    at = len(first)
    if not text.startswith(first) or not text.endswith(last):
        return False
    for piece in middle:
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return at + len(last) <= len(text)


def _parts(url: str) -> tuple[str, str, int | None, str] | None:
    """Scheme, host, port and path; None for what no browser and no rule understands alike."""
    if re.search(r"[\x00-\x20\\\x7f]", url) or not re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/]", url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if not re.fullmatch(r"[^@\[\]]*|\[[^@\[\]]*\](:[0-9]*)?", parts.netloc):
        return None  # a user and a password, or something between ] and the port
    if parts.hostname is None or not REDIRECT_HOST.fullmatch(parts.hostname):
        return None  # a browser would decode it to another one
    if any(segment in {".", ".."} for segment in re.split("/|%2[fF]", _undotted(parts.path))):
        return None  # a browser would walk up from the allowed path
    return parts.scheme, parts.hostname, port, parts.path.rstrip("/")


def _undotted(path: str) -> str:
    return re.sub("%2[eE]", ".", path)

"""The types of settings: how each is parsed, bounded and described to a person."""

import base64
import binascii
import ipaddress
import json
import re
from email.utils import getaddresses
from functools import lru_cache
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

import jsonpath
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretBytes,
    SecretStr,
    StringConstraints,
)

from config.database_url import parse_database_url
from config.jwt_secret import JwtSecret, checked_jwt_secret

TEN_YEARS = 10 * 365 * 24 * 60 * 60
_DOMAIN = r"(?=.{1,253}$)([a-z0-9-]{1,63}\.)*[a-z][a-z0-9-]{0,62}"
URL_MAX = 2048
"""Maximum characters of an address that a user is led to; a mail server may refuse long mails."""
_LABEL = "[a-z0-9_*-]+"
REDIRECT_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*|[0-9a-f:.]*:[0-9a-f:.]*")
"""A host, or the pattern of one: ASCII, international names as `xn--…`, no dot at the end."""
_NOWHERE = {
    "javascript", "data", "vbscript", "file", "blob", "filesystem", "about", "intent",
    "view-source", "chrome",
}  # fmt: skip
"""Schemes that lead to no page and to no app."""
_MAPPED_PREFIX = 96
"""The length of the prefix of IPv4 addresses in the form of IPv6 (RFC 4291, section 2.5.5.2)."""
_DURATION = re.compile(r"(?=\d)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


class Accepts(NamedTuple):
    """What a setting accepts, in words that follow "expected"."""

    words: str


def parse_duration(value: object) -> object:
    """Convert a Go-style duration (`90s`, `5m`, `1h30m`) to seconds; keep anything else."""
    if not isinstance(value, str) or not (match := _DURATION.fullmatch(value.strip())):
        return value
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def _split_list(value: object) -> object:
    if not isinstance(value, str):
        return value
    return [item for part in value.split(",") if (item := part.strip())]


def parse_encryption_keys(value: object) -> tuple[SecretBytes, ...]:
    """Parse 256-bit keys in Base64, separated by commas or white space; the first one encrypts.

    Raises ValueError if there is no key, or if a key is not 32 bytes of Base64.
    """
    if not isinstance(value, str) or not (parts := re.split(r"[\s,]+", value.strip(" \t\r\n,"))):
        raise ValueError("not text")
    try:
        keys = [base64.b64decode(part, validate=True) for part in parts]
    except binascii.Error:
        raise ValueError("not Base64") from None
    if any(len(key) != 32 for key in keys):
        raise ValueError("not 32 bytes")
    return tuple(SecretBytes(key) for key in keys)


def _database_url(url: SecretStr | None) -> SecretStr | None:
    if url is not None:
        parse_database_url(url.get_secret_value())
    return url


def _networks(value: object) -> object:
    parts = _split_list(value)
    return [_network(part) for part in parts] if isinstance(parts, list) else parts


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Return a network; one of IPv4 addresses in the form of IPv6 as what it is."""
    network = ipaddress.ip_network(text)
    if isinstance(network, ipaddress.IPv6Network):
        if network.network_address.scope_id:
            raise ValueError("a zone belongs to one machine, not to a network")
        mapped = network.network_address.ipv4_mapped
        if mapped and network.prefixlen >= _MAPPED_PREFIX:
            return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED_PREFIX))
    return network


def _sender(text: str) -> str:
    found = getaddresses([text])
    if len(found) != 1 or not re.fullmatch(r"[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+", found[0][1]):
        raise ValueError("not one address")
    if re.search(r"[\x00-\x1f\x7f]|=\?", text) or len(text) > 320:
        raise ValueError("not a name and an address")
    return text


def _with_host(url: str) -> str:
    """Refuse what looks like a URL, and has no host or port that can be read."""
    parts = urlsplit(url)  # a ValueError for [ and ], and for characters that stand for others
    if not parts.hostname or (parts.port is None and parts.netloc.endswith(":")):
        raise ValueError("no host")
    return url


def _redirect_url(url: str) -> str:
    """Refuse what leads nowhere, and a host that is anybody's, such as https://*.com."""
    if len(url) > URL_MAX or re.search(r"\s", url):
        raise ValueError("too long, or with a space")
    parts = urlsplit(url)
    if not re.match(r"[a-z][a-z0-9+.-]*://", url) or parts.scheme in _NOWHERE:
        raise ValueError("not a URL to lead a user to")
    host = parts.hostname or ""
    if "@" in parts.netloc or parts.port == 0 or not REDIRECT_HOST.fullmatch(host):
        raise ValueError("not a host that browsers and servers read alike")
    *_, fixed = host.rsplit("*", 1)
    labels = fixed.split(".")[1:]
    if "*" in host and (len(labels) < 2 or labels[-1].isdigit()):
        raise ValueError("a host that is anybody's")
    return url


def _listed_domain(domain: str) -> str:
    """Refuse what matches no address, so that no list blocks less than it seems to."""
    plain = domain.removesuffix(".")
    if not re.fullmatch(r"[^@\s*.]+(\.[^@\s*.]+)+", plain):
        raise ValueError("not a domain")
    return plain


def _listed_address(address: str) -> str:
    local, at, domain = address.rpartition("@")
    if not local or "*" in local or re.search(r"\s", local):
        raise ValueError("not an address")
    return f"{local}{at}{_listed_domain(domain)}"


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether a host is this machine, as only this machine reaches it."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _relying_party(host: str) -> str:
    if not is_domain(host):
        raise ValueError("not a domain")
    return host


def is_domain(host: str) -> bool:
    """Whether a host is a domain in lower case, or `localhost`; an IP address is not."""
    return re.fullmatch(_DOMAIN, host) is not None


def _rate_limit_storage(url: SecretStr) -> SecretStr:
    if not re.fullmatch(r"memory://|(redis|rediss|redis\+unix)://\S+", url.get_secret_value()):
        raise ValueError("not the URL of a storage for counters")
    return url


def _claims(value: object) -> object:
    """Parse pairs of a claim's name and the path to its value."""
    try:
        if isinstance(value, str):
            value = json.loads(value)
        elif isinstance(value, list):
            value = {entry["key"]: entry["value"] for entry in value}
        if not isinstance(value, dict):
            return value
        for name, path in value.items():
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", name):
                raise ValueError("not the name of a claim")
            jsonpath.compile(path if path.startswith("$") else f"$.{path}")
    except (jsonpath.JSONPathError, LookupError, TypeError, AttributeError):
        raise ValueError("not claims and their paths") from None
    return tuple(value.items())


Switch = Annotated[bool, Accepts("true or false")]
Port = Annotated[int, Field(ge=1, le=65535), Accepts("a port number from 1 to 65535")]
Claims = Annotated[
    tuple[tuple[str, str], ...],
    BeforeValidator(_claims),
    Accepts(
        'JSON such as {"organisation-id": "metadata.organisation.id"}: names of claims, and a '
        "JSONPath into the user for each (in the file: a list of tables with key and value)"
    ),
]
Prefix = Annotated[
    str,
    StringConstraints(pattern=r"^(/[a-z0-9._~-]+)*$", max_length=100),
    Accepts("a path such as /v1 in lower case, or nothing"),
]
Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=255),
    Accepts("a text of 1 to 255 characters"),
]
Issuer = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^[^:\x00-\x1f]{1,64}$"),
    Accepts("a name of 1 to 64 characters without a colon"),
]
Seconds = Annotated[
    int,
    BeforeValidator(parse_duration),
    Field(ge=1, le=TEN_YEARS),
    Accepts("seconds, or a duration such as 90s, 5m or 1h30m, of 1 s to 10 years"),
]
SecondsOrNever = Annotated[
    int,
    BeforeValidator(parse_duration),
    Field(ge=0, le=TEN_YEARS),
    Accepts("seconds, or a duration such as 90s, 5m or 1h30m; 0 turns it off"),
]
HeaderName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_lower=True, pattern=r"^[a-z0-9-]{1,64}$"),
    Accepts("the name of one header, such as X-Forwarded-For, Forwarded or X-Real-IP"),
]
Names = Annotated[
    tuple[Text, ...],
    BeforeValidator(_split_list),
    Accepts("names, separated by commas (in the file: a list)"),
]
DatabaseUrl = Annotated[
    SecretStr | None,
    AfterValidator(_database_url),
    Accepts("postgres://user:password@host:port/name or sqlite://path"),
]
HasuraJwtSecret = Annotated[
    JwtSecret | None,
    BeforeValidator(checked_jwt_secret),
    Accepts(
        'JSON such as {"type": "HS256", "key": "…"} or {"type": "RS256", "key": "<public PEM>", '
        '"signing_key": "<private PEM>"}, of the types HS…, RS…, ES… and Ed25519'
    ),
]
Url = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[^/\s*?#@]+(/\S*)?$"),
    AfterValidator(_with_host),
    Accepts("a URL such as https://app.example.com"),
]
Origins = Annotated[
    tuple[
        Annotated[
            str,
            StringConstraints(pattern=r"^https?://[^/\s*?#@]+$"),
            AfterValidator(_with_host),
        ],
        ...,
    ],
    BeforeValidator(_split_list),
    Accepts("origins such as https://app.example.com, separated by commas; no * and no path"),
]
RelyingParty = Annotated[
    str,
    AfterValidator(_relying_party),
    Accepts("a domain such as example.com, or localhost"),
]
PasskeyOrigins = Annotated[
    tuple[
        Annotated[
            str,
            StringConstraints(
                pattern=r"^(https://[^/\s*?#@]+|http://localhost(:\d+)?"
                r"|android:apk-key-hash:[A-Za-z0-9_-]{43})$"
            ),
        ],
        ...,
    ],
    BeforeValidator(_split_list),
    Accepts(
        "origins such as https://app.example.com, http://localhost:3000 or "
        "android:apk-key-hash:…, separated by commas; https, except on localhost; no * and no path"
    ),
]
Sender = Annotated[
    str,
    AfterValidator(_sender),
    Accepts("an e-mail address, or a name and an address such as Example <no-reply@example.com>"),
]
RedirectUrls = Annotated[
    tuple[Annotated[str, AfterValidator(_redirect_url)], ...],
    BeforeValidator(_split_list),
    Accepts("URLs such as https://app.example.com or https://*.example.com, separated by commas"),
]
Addresses = Annotated[
    tuple[Annotated[str, AfterValidator(_listed_address)], ...],
    BeforeValidator(_split_list),
    Accepts("e-mail addresses, separated by commas; no *"),
]
Domains = Annotated[
    tuple[Annotated[str, AfterValidator(_listed_domain)], ...],
    BeforeValidator(_split_list),
    Accepts("domains such as example.com, separated by commas; no *: name each subdomain"),
]
Networks = Annotated[
    tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...],
    BeforeValidator(_networks),
    Accepts("addresses or networks such as 10.0.0.1 or 10.0.0.0/8, separated by commas"),
]
RateLimitStorage = Annotated[
    SecretStr,
    AfterValidator(_rate_limit_storage),
    Accepts("memory:// or redis://user:password@host:port/number"),
]
EncryptionKeys = Annotated[
    tuple[SecretBytes, ...] | None,
    BeforeValidator(parse_encryption_keys),
    Accepts("one or more keys of 32 bytes in Base64, separated by commas"),
]


def whole(low: int, high: int, of: str = "") -> tuple[object, Accepts]:
    """Return bounds and words of a whole-number setting, to unpack into its `Annotated`."""
    return Field(ge=low, le=high), Accepts(f"a whole number from {low} to {high}{of and ' ' + of}")

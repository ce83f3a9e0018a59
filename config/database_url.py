"""Parsing DATABASE_URL: each parameter of libpq and SQLite is passed on or refused by name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from config.refusal import Refusal

POOL = ("statement_cache_size", "command_timeout", "connect_timeout")
"""Parameters for asyncpg's pool: whole numbers; the last two are seconds."""
_DRIVER = {
    "host", "port", "dbname", "user", "password", "passfile", "service", "sslmode", "sslcert",
    "sslkey", "sslpassword", "sslrootcert", "sslcrl", "ssl_min_protocol_version",
    "ssl_max_protocol_version", "sslnegotiation", "target_session_attrs", "krbsrvname", "gsslib",
    "application_name", "options",
}  # fmt: skip
"""Parameters that asyncpg handles like libpq, or sends to the server at connection."""
_VALUES = {
    "sslmode": {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"},
    "sslnegotiation": {"postgres", "direct"},
    "target_session_attrs": {"any", "primary", "read-write"},  # Postern writes
    "gsslib": {"gssapi", "sspi"},
    "journal_mode": {"WAL", "DELETE", "TRUNCATE", "PERSIST"},
    "synchronous": {"NORMAL", "FULL", "EXTRA"},  # with OFF, a committed change may be lost
}
_SQLITE = {"busy_timeout", "cache_size", "journal_size_limit", "journal_mode", "synchronous"}
_ADVICE = {
    "channel_binding": "the driver has none; leave it out and set sslmode=verify-full",
    "hostaddr": "write the address as the host",
    "maxsize": "set AUTH_DATABASE_POOL_SIZE",
    "minsize": "leave it out; connections open when they are needed",
    "search_path": "write options=-csearch_path%3DNAME",
}
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\[\]:/@\s]*)(?::(\d+))?")


@dataclass(frozen=True)
class DatabaseAddress:
    """The address of a database. Its repr contains no password."""

    sqlite: str | None = None
    """The path of an SQLite file; None for PostgreSQL."""
    dsn: str = field(default="", repr=False)
    """The URL for asyncpg, with the parameters that it handles."""
    shown: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    """SQLite's pragmas, or for PostgreSQL the parameters in POOL."""


def parse_database_url(url: str) -> DatabaseAddress:
    """Parse a URL of PostgreSQL or SQLite.

    Raises ValueError for another kind of URL. Raises Refusal, which names the mistake and shows
    neither password nor user.
    """
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in {"postgres", "postgresql", "sqlite"}:
        raise ValueError("not the URL of a database that Postern speaks to")
    if "#" in url:
        raise Refusal("a # in it has to be written %23")
    parameters = _parameters(url.partition("?")[2])
    return _sqlite(url, parameters) if scheme == "sqlite" else _postgres(url, parameters)


def _parameters(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    except ValueError:
        raise Refusal("expected name=value, with & in between, behind the question mark") from None
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Refusal("a parameter stands in it twice")
    for name, value in found.items():
        if name in _VALUES and value not in _VALUES[name]:
            raise Refusal(f"{name}: expected one of {', '.join(sorted(_VALUES[name]))}")
        number = name in {*POOL, "busy_timeout", "cache_size", "journal_size_limit"}
        if number and not re.fullmatch(r"\d{1,9}", value):
            raise Refusal(f"{name}: expected a whole number")
        if not value:
            raise Refusal(f"{ascii(name)[1:-1]} has no value")
    return found


def _refuse_others(parameters: Mapping[str, str], known: set[str]) -> None:
    for name in parameters:
        if name not in known:
            meant = get_close_matches(name, known, 1)
            advice = _ADVICE.get(name, f"did you mean {meant[0]}?" if meant else "leave it out")
            raise Refusal(f"Postern has no parameter {name!a}: {advice}")


def _sqlite(url: str, parameters: dict[str, str]) -> DatabaseAddress:
    _refuse_others(parameters, _SQLITE)
    path = unquote(url.partition("://")[2].partition("?")[0])
    if not path or path.endswith("/") or "\0" in path:
        raise Refusal("expected the path of a file, as in sqlite:///data/postern.db")
    if path.startswith(":memory:"):
        raise Refusal("a database in memory keeps nothing; name a file")
    return DatabaseAddress(sqlite=path, parameters=parameters)


def _postgres(url: str, parameters: dict[str, str]) -> DatabaseAddress:
    _refuse_others(parameters, _DRIVER | set(POOL))
    try:
        urlsplit(url)  # as the driver does; its message would show the password
    except ValueError:
        raise Refusal(
            "a character in the user, the password or the host has to be percent-encoded"
        ) from None
    authority, _, path = url.partition("://")[2].partition("?")[0].partition("/")
    login, at, hosts = authority.rpartition("@")
    if "@" in login or (":" in login.partition(":")[2]):
        raise Refusal("an @, : or / in the user or the password has to be written %40, %3A or %2F")
    name = unquote(path) or parameters.get("dbname", "")
    if not name and "service" not in parameters:
        raise Refusal("it names no database: expected postgres://user:password@host:port/name")
    if "/" in path:
        raise Refusal("expected one name behind the host: a / in a password is written %2F")
    twice = {"host": hosts, "user": login, "dbname": path}
    if repeated := [key for key, value in twice.items() if value and key in parameters]:
        raise Refusal(f"{repeated[0]} stands in it twice")
    named = hosts or parameters.get("host", "")
    ports = parameters.get("port", "").split(",")
    _refuse_wrong_hosts(hosts, ports)
    passed = {name: value for name, value in parameters.items() if name in _DRIVER - {"dbname"}}
    query = f"?{urlencode(passed, quote_via=quote)}" if passed else ""
    dsn = f"postgres://{login}{at}{hosts}/{quote(name, safe='')}".removesuffix("/") + query
    where = unquote(named) or ("a service" if "service" in parameters else "this machine")
    bare = not named or where.startswith("/") or ":" in where.rpartition("]")[2]
    port = "" if bare else ":5432"
    if ports[0]:
        port = f":{','.join(ports)}"
    ours = {key: value for key, value in parameters.items() if key in POOL}
    return DatabaseAddress(dsn=dsn, shown=f"{name or 'the one'} on {where}{port}", parameters=ours)


def _refuse_wrong_hosts(hosts: str, ports: list[str]) -> None:
    """Raise Refusal for a list of hosts that the driver would misread."""
    for host in hosts.split(","):
        if not (match := _HOST.fullmatch(host)):
            raise Refusal("expected host:port, and an IPv6 address in brackets, as in [::1]:5432")
        ports = [*ports, match[1] or ""]
    for port in ports:
        if port and not (port.isdecimal() and 1 <= int(port) <= 65535):
            raise Refusal("expected a port number from 1 to 65535")

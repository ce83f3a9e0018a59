"""The settings of Nhost Auth that Postern does not support.

Supported names are in `settings`. Of the others, some are ignored with a warning, since nothing is
weaker without them. The rest are refused, since the operator relies on their protection.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Passed(NamedTuple):
    """A name that Postern does not support. `*` at the end stands for any ending."""

    env: str
    toml: str | None
    why: str
    """For a refused name, what to do instead; else why nothing is weaker without it."""


_NO_WAY_IN = "Postern has no such way in"

REFUSED = (
    Passed(
        "AUTH_TURNSTILE_SECRET",
        "auth.signUp.turnstile.secretKey",
        "Postern does not ask Turnstile, and programs could sign up; remove it, and put the check "
        "in front of Postern or set AUTH_DISABLE_SIGNUP=true",
    ),
    Passed(
        "AUTH_RATE_LIMIT_MEMCACHE_SERVER",
        None,
        "Postern counts in Redis, and each process would count by itself; set "
        "AUTH_RATE_LIMIT_STORAGE=redis://host:6379/0 instead",
    ),
    Passed(
        "AUTH_ENCRYPTION_KEY",
        None,
        "Postern's keys are in AUTH_ENCRYPTION_KEYS, 32 bytes in Base64 each; remove this one, and "
        "give it to `postern import-nhost` as NHOST_ENCRYPTION_KEY",
    ),
)
HARMLESS = (
    Passed("AUTH_ANONYMOUS_USERS_ENABLED", "auth.method.anonymous", _NO_WAY_IN),
    Passed("AUTH_SMS_*", "auth.method.smsPasswordless", _NO_WAY_IN),
    Passed("AUTH_WEBAUTHN_ATTESTATION_TIMEOUT", "auth.method.webauthn.attestation",
           "a ceremony takes at most five minutes, as with Nhost"),
    Passed("AUTH_PROVIDER_*", "auth.method.oauth", _NO_WAY_IN),
    Passed("AUTH_OAUTH2_PROVIDER_*", "auth.oauth2Provider", "Postern is no OAuth provider"),
    Passed("AUTH_PASSWORD_HIBP_ENABLED", "auth.method.emailPassword.hibpEnabled",
           "AUTH_PASSWORD_CHECK_COMMON refuses common passwords, and asks no service"),
    Passed("AUTH_JWT_CUSTOM_CLAIMS_DEFAULTS", None, "a claim without a value is `null`"),
    Passed("AUTH_GRAVATAR_*", "auth.user.gravatar", "Postern tells Gravatar no address"),
    Passed("AUTH_SMTP_X_SMTPAPI_HEADER", None, "Postern sets no header of one mail provider"),
    Passed("AUTH_RATE_LIMIT_EMAIL_IS_GLOBAL", None, "Postern counts for each client"),
    Passed("AUTH_RATE_LIMIT_SMS_*", "auth.rateLimit.sms", "Postern sends no text messages"),
    Passed("AUTH_RATE_LIMIT_OAUTH2_SERVER_*", "auth.rateLimit.oauth2Server",
           "Postern is no OAuth provider"),
    Passed("AUTH_RATE_LIMIT_MEMCACHE_PREFIX", None, "Postern counts in Redis"),
    Passed("POSTGRES_MIGRATIONS_CONNECTION", None, "migrations use DATABASE_URL"),
)  # fmt: skip


def refused(environ: Mapping[str, str], file: Mapping[str, Any]) -> list[str]:
    """Return a line for each name that is set and must not be ignored."""
    return [
        f"{name}: {entry.why}" for entry in REFUSED for name in _where_set(entry, environ, file)
    ]


def why_harmless(name: str) -> str | None:
    """Return why a name may be ignored; None if it is not one of Nhost's ignored names."""
    for entry in HARMLESS:
        begins = entry.env.removesuffix("*")
        in_the_file = entry.toml and (name == entry.toml or name.startswith(f"{entry.toml}."))
        if name == entry.env or (begins != entry.env and name.startswith(begins)) or in_the_file:
            return entry.why
    return None


def _where_set(entry: Passed, environ: Mapping[str, str], file: Mapping[str, Any]) -> Iterator[str]:
    if environ.get(entry.env, "").strip():
        yield entry.env
    found: Any = file
    for part in entry.toml.split(".") if entry.toml else ():
        found = found.get(part) if isinstance(found, dict) else None
    if entry.toml and found:
        yield entry.toml

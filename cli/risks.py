"""Risks in the configuration and its environment, each with advice."""

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from auth.keys import signing_keys
from auth.keys.key_files import ENCRYPTION_KEYS_FILE
from auth.mail import template_check
from config import Settings, file_in_force
from config.load import SHIPPED_FILE
from config.values import is_loopback

OWASP_ARGON2 = ((47104, 1), (19456, 2), (12288, 3), (9216, 4), (7168, 5))
"""Sufficient memory (KiB) and passes, with one lane (OWASP Password Storage Cheat Sheet)."""
LONG_ACCESS_TOKEN = 60 * 60
"""Seconds. Other services accept a token until it expires, even after a sign-out."""
LITTLE_DISK = 100 * 2**20
"""Bytes. A day's security events can fill less than that."""
NOT_BEFORE = datetime(2026, 11, 1, tzinfo=UTC)
"""The release of this version: no right clock shows an earlier time."""


@dataclass(frozen=True)
class Risk:
    """A risk, with advice."""

    what: str
    advice: str
    grave: bool = False

    def __str__(self) -> str:
        return f"{self.what}. {self.advice}"


def of_settings(settings: Settings, environ: Mapping[str, str], now: datetime) -> list[Risk]:
    """Return the risks that show without the database."""
    return [
        *_of_the_network(settings),
        *_of_mail(settings),
        *_of_passkeys(settings),
        *_of_limits(settings),
        *_of_tokens(settings),
        *_of_files(settings, environ),
        *_of_the_clock(now),
    ]


def _of_the_network(settings: Settings) -> Iterator[Risk]:
    public = not is_loopback(settings.host)
    behind_tls = settings.trusted_proxies or settings.server_url.startswith("https://")
    if public and not behind_tls:
        yield Risk(
            "Passwords and tokens cross the network in plain HTTP",
            "Put a proxy with TLS in front and name it in AUTH_TRUSTED_PROXIES",
            grave=True,
        )
    for network in settings.trusted_proxies:
        if network.prefixlen < 8:
            yield Risk(
                f"AUTH_TRUSTED_PROXIES trusts everybody ({network}): clients choose their address",
                "Name the addresses of your proxies alone",
                grave=True,
            )
        elif not network.is_private and network.num_addresses > 2**16:
            yield Risk(
                f"AUTH_TRUSTED_PROXIES trusts a wide public network ({network})",
                "Name the addresses of your proxies alone",
            )
    if public and settings.graphql_introspection:
        yield Risk(
            "Anybody can ask for the schema",
            "Set AUTH_GRAPHQL_INTROSPECTION=false where it is not public",
        )
    if public and settings.graphiql_enabled:
        yield Risk("GraphiQL is on in public", "Set AUTH_GRAPHIQL_ENABLED=false")
    for origin in settings.allowed_origins:
        host = origin.partition("://")[2].partition(":")[0]
        if origin.startswith("http://") and host not in {"localhost", "127.0.0.1"}:
            yield Risk(
                f"Pages of {origin} may call the server, and come over plain HTTP",
                "Serve them over HTTPS, and name that origin in AUTH_CORS_ORIGINS or "
                "AUTH_CLIENT_URL",
            )


def _of_mail(settings: Settings) -> Iterator[Risk]:
    if settings.smtp_host and not settings.server_url:
        yield Risk(
            f"Links in mails lead to {settings.public_url}, which only this machine reaches",
            "Set AUTH_SERVER_URL to the address at which users reach this server",
            grave=True,
        )
    if settings.passwordless_enabled and settings.mail != "off" and not settings.client_url:
        yield Risk(
            "Links to sign in with lead nowhere, unless a request names a redirectTo",
            "Set AUTH_CLIENT_URL to the address of your front end",
        )
    for problem in template_check.problems(settings):
        yield Risk(f"A template of a mail: {problem}", "Mend it; until then users get less")


def _of_passkeys(settings: Settings) -> Iterator[Risk]:
    rp_id = settings.relying_party
    for origin in settings.ceremony_origins if settings.passkeys_enabled else ():
        host = origin.partition("://")[2].partition(":")[0]
        if host and host != rp_id and not host.endswith(f".{rp_id}"):
            yield Risk(
                f"Browsers let no page of {origin} use a passkey of {rp_id}",
                "Set AUTH_WEBAUTHN_RP_ID to a domain that they share, or serve Related Origins",
            )


def _of_limits(settings: Settings) -> Iterator[Risk]:
    if not settings.rate_limit_enable:
        yield Risk(
            "Guessing is not limited",
            "Remove AUTH_RATE_LIMIT_ENABLE=false, unless something in front limits it",
            grave=True,
        )
    elif settings.database_url and settings.rate_limit_storage.get_secret_value() == "memory://":
        yield Risk(
            "Each process counts the attempts of an address by itself",
            "With several processes, set AUTH_RATE_LIMIT_STORAGE=redis://…",
        )
    memory, passes = settings.argon2_memory_cost, settings.argon2_time_cost
    if not any(memory >= enough and passes >= least for enough, least in OWASP_ARGON2):
        yield Risk(
            f"Argon2id with {memory} KiB and {passes} passes is weaker than OWASP advises",
            "Remove AUTH_PASSWORD_ARGON2_MEMORY_COST and AUTH_PASSWORD_ARGON2_TIME_COST",
            grave=True,
        )
    if settings.password_min_length < 8:
        yield Risk(
            f"Passwords of {settings.password_min_length} characters are accepted",
            "NIST SP 800-63B asks for 8 at least: AUTH_PASSWORD_MIN_LENGTH",
        )


def _of_tokens(settings: Settings) -> Iterator[Risk]:
    if settings.access_token_expires_in > LONG_ACCESS_TOKEN:
        yield Risk(
            f"Access tokens are good for {settings.access_token_expires_in} seconds",
            "Other services accept them so long after a sign-out: set "
            "AUTH_ACCESS_TOKEN_EXPIRES_IN=15m",
        )
    if settings.elevation_mode == "disabled" or settings.elevation_max_age == 0:
        yield Risk(
            "A stolen access token is enough to change a password or a factor",
            "Remove AUTH_REQUIRE_ELEVATED_CLAIM and AUTH_ELEVATION_MAX_AGE",
        )
    from_metadata = any("metadata" in path for _, path in settings.jwt_custom_claims)
    if from_metadata and not settings.disable_signup:
        yield Risk(
            "Custom claims come from metadata that users choose at sign-up",
            "Decide nothing by them, or set AUTH_DISABLE_SIGNUP=true",
        )


def _of_files(settings: Settings, environ: Mapping[str, str]) -> Iterator[Risk]:
    if not environ.get("AUTH_CONFIG") and file_in_force(environ) == SHIPPED_FILE:
        yield Risk(
            "No configuration file was found here, so the one that came with Postern is in force",
            "Name yours in AUTH_CONFIG",
        )
    folder = settings.data_dir
    if (folder.exists() or folder.is_symlink()) and not folder.is_dir():
        yield Risk(f"{folder} is not a folder", "Name another one in AUTH_DATA_DIR", grave=True)
    if not folder.is_dir():
        return
    if not os.access(folder, os.R_OK | os.X_OK):
        yield Risk(
            f"{folder} cannot be read", f"Run as its owner, user {folder.stat().st_uid}", grave=True
        )
        return
    keys = folder / signing_keys.FOLDER
    for path in (folder, folder / ENCRYPTION_KEYS_FILE, *sorted(keys.glob("*.pem"))):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            mode = "go-rwx"
            yield Risk(f"Others can read {path}", f"Run: chmod {mode} {path}", grave=True)
    free = shutil.disk_usage(folder).free
    if free < LITTLE_DISK:
        yield Risk(
            f"The disk of {folder} has {free // 2**20} MiB left",
            "Make room: without it nobody can sign in",
            grave=True,
        )


def _of_the_clock(now: datetime) -> Iterator[Risk]:
    if now < NOT_BEFORE:
        yield wrong_clock(now, "before this version was made")


def wrong_clock(now: datetime, why: str) -> Risk:
    """Return the risk of a clock that cannot be right."""
    return Risk(
        f"The clock says {now:%Y-%m-%d %H:%M} UTC, {why}",
        "Set it, by NTP: one-time codes and the life of tokens depend on it",
        grave=True,
    )


def of_events(now: datetime, newest: datetime | None) -> list[Risk]:
    """Return a risk if the newest event in the database shows that the clock is wrong."""
    if newest is not None and newest > now + timedelta(minutes=5):
        return [wrong_clock(now, f"but the newest event is of {newest:%Y-%m-%d %H:%M}")]
    return []

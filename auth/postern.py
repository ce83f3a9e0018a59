"""One running Postern: the shared objects that every flow needs and none replaces."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from auth import argon2_build
from auth.keys import key_files, key_ring, signing_keys
from auth.keys.key_ring import KeyRing
from auth.keys.vault import Vault
from auth.limits.rate_limits import RateLimits
from auth.passwords import Passwords
from config import Configuration, Settings


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Postern:
    """The settings, the keys, and the services to hash, encrypt, sign and count.

    It does not change. When operators change a setting, a new one takes its place, which shares the
    services: `auth.live_settings`. A request keeps the one that it has begun with.
    """

    settings: Settings
    configuration: Configuration
    passwords: Passwords
    vault: Vault
    key_ring: KeyRing
    rate_limits: RateLimits
    now: Callable[[], datetime] = _utc_now
    mail_is_waiting: asyncio.Event = field(default_factory=asyncio.Event)
    """Wakes the delivery of this process; that of another one finds the mail by itself."""
    version: int = 0
    """How often operators had changed settings when these were read."""
    changed: Mapping[str, str] = field(default_factory=dict)
    """What operators have changed, by name, in the form that the environment would have."""

    def with_changes(self, version: int, changed: Mapping[str, str]) -> "Postern":
        """Return a Postern with the settings that operators have changed.

        Raises ConfigError if they cannot be used with this process's environment.
        """
        settings = self.configuration.settings(changed)
        self.key_ring.expect_token_life(settings.access_token_expires_in)
        return replace(
            self,
            settings=settings,
            rate_limits=self.rate_limits.with_settings(settings),
            version=version,
            changed=changed,
        )


def open_postern(configuration: Configuration, *, make_encryption_key: bool = True) -> Postern:
    """Open a Postern with this configuration; create the data folder and missing keys.

    Set `make_encryption_key` to False if the database may have secrets that another key sealed: a
    new key would hide that the old one is missing.

    Raises ConfigError, OSError if the folder cannot be used, UnusableKeyError if a key cannot,
    Argon2Error if the installed Argon2 cannot.
    """
    argon2_build.refuse_unusable()
    settings = configuration.settings()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    token_life = settings.access_token_expires_in
    chosen = settings.encryption_keys
    return Postern(
        settings=settings,
        configuration=configuration,
        passwords=Passwords(
            memory_cost=settings.argon2_memory_cost,
            time_cost=settings.argon2_time_cost,
            parallelism=settings.argon2_parallelism,
            threads=settings.argon2_threads,
        ),
        vault=(
            Vault([key.get_secret_value() for key in chosen])
            if chosen
            else Vault(
                key_files.encryption_keys(settings.data_dir, make=make_encryption_key),
                key_files.watched_encryption_keys(settings.data_dir),
            )
        ),
        key_ring=(
            key_ring.given_key_ring(settings.jwt_secret, token_life=token_life)
            if settings.jwt_secret
            else signing_keys.own_key_ring(settings.data_dir, token_life=token_life)
        ),
        rate_limits=RateLimits(settings),
    )

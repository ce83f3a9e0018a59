"""One running Postern: what every flow needs and no flow changes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auth import keys
from auth.passwords import Passwords
from auth.vault import Vault
from config import Settings


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Postern:
    """The settings, the keys, and the means to hash, seal and sign. Made once at the start."""

    settings: Settings
    passwords: Passwords
    vault: Vault
    signing_key: Ed25519PrivateKey
    now: Callable[[], datetime] = _utc_now


def open_postern(settings: Settings) -> Postern:
    """A Postern with these settings; makes the data folder and missing keys.

    Raises OSError where the folder cannot be used, KeyFileError where a key file cannot.
    """
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    chosen = settings.encryption_keys
    return Postern(
        settings=settings,
        passwords=Passwords(
            memory_cost=settings.argon2_memory_cost,
            time_cost=settings.argon2_time_cost,
            parallelism=settings.argon2_parallelism,
            threads=settings.argon2_threads,
        ),
        vault=Vault(
            [key.get_secret_value() for key in chosen]
            if chosen
            else keys.encryption_keys(settings.data_dir)
        ),
        signing_key=keys.signing_key(settings.data_dir),
    )

"""Converting a row of Nhost Auth's `auth.users` to a user, or to the reason why it cannot be."""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pyotp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from auth import email_addresses, metadata
from auth.errors import AuthError
from auth.factors import ceremonies, cose_keys, totp
from auth.factors.cose_keys import UnfitKeyError
from auth.importing import foreign_hashes
from auth.new_accounts import shown_name
from auth.operators.acts import refuse_unfit_roles
from auth.postern import Postern
from config.settings import OPERATOR_ROLE
from models import Passkey, User

_SEALED_FROM = 64
"""A TOTP secret of this many characters or more is encrypted: Nhost Auth uses the same rule."""
_NONCE_BYTES = 12
_LOCALE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}")
_FIRST_DAY = datetime(2000, 1, 1, tzinfo=UTC)
"""No account is older."""


class CannotBeImportedError(Exception):
    """A user cannot be imported; the message says why, and contains no secret."""


class UnreadableSecretError(Exception):
    """A second factor cannot be imported; the message says why, and contains no secret."""


@dataclass(frozen=True)
class Imported:
    """A user ready to be stored, and what could not be imported."""

    user: User
    passkeys: list[Passkey] = field(default_factory=list)
    factor_lost: str | None = None
    """Why the user is imported without the second factor that they had."""
    changed: list[str] = field(default_factory=list)
    """What else has changed."""


def read_keys(text: str) -> list[AESGCM]:
    """Parse Nhost Auth's AUTH_ENCRYPTION_KEY: hex of 16, 24 or 32 bytes; commas before older keys.

    Raises ValueError, whose message does not contain the keys.
    """
    try:
        return [AESGCM(bytes.fromhex(part.strip())) for part in text.split(",") if part.strip()]
    except ValueError:
        raise ValueError("expected keys of 16, 24 or 32 bytes in hex, by commas") from None


def read_user(postern: Postern, row: Any, keys: list[AESGCM]) -> Imported:
    """Convert a row to a user. Raises CannotBeImportedError."""
    if row["is_anonymous"]:
        raise CannotBeImportedError("anonymous")
    email = _email(row["email"])
    default_role, changed = row["default_role"] or "", list[str]()
    passkeys = _passkeys(postern, row, changed)
    user = User(
        id=row["id"],
        email=email,
        email_verified=_flag(row, "email_verified"),
        password_hash=_password_hash(row["password_hash"], or_none=bool(passkeys)),
        display_name=_name(row["display_name"], email, changed),
        locale=_locale(row["locale"], postern.settings.default_locale, changed),
        default_role=default_role,
        roles=_roles([*row["roles"], default_role], default_role, changed),
        metadata=_metadata(row["metadata"]),
        disabled=_flag(row, "disabled"),
        created_at=_created_at(row["created_at"], postern.now()),
        last_signed_in_at=_time(row["last_seen"], postern.now()),
    )
    lost = _bring_factor(postern, user, row, keys) if row["active_mfa_type"] else None
    if passkeys:
        user.user_handle = str(user.id)  # Nhost's
        user.has_passkeys = user.has_second_factor = True
    return Imported(user, passkeys, lost, changed)


def _email(email: str | None) -> str:
    if not email or not email.strip():
        raise CannotBeImportedError("no e-mail address")
    address = email_addresses.normalise(email)
    if address is None:
        raise CannotBeImportedError("an e-mail address that is malformed or not accepted here")
    return address


def _flag(row: Any, name: str) -> bool:
    if not isinstance(row[name], bool):
        raise CannotBeImportedError(f"{name} is neither true nor false")
    return bool(row[name])


def _passkeys(postern: Postern, row: Any, changed: list[str]) -> list[Passkey]:
    """Return the user's passkeys that can be used here, not stored."""
    stored = json.loads(row["passkeys"])
    if stored and not postern.settings.passkeys_enabled:
        changed.append("without passkeys, since AUTH_WEBAUTHN_ENABLED is off")
        return []
    found = [passkey for each in stored if (passkey := _passkey(postern, row["id"], each))]
    if len(found) < len(stored):
        changed.append("a passkey is malformed, and left out")
    if found:
        changed.append("with passkeys: a password alone is not enough to sign in any more")
    return found


def _passkey(postern: Postern, user_id: UUID, stored: dict[str, Any]) -> Passkey | None:
    name = (stored["nickname"] or "").strip()[:100]
    public_key = bytes.fromhex(stored["public_key"] or "")
    try:
        cose_keys.refuse_unfit(public_key)
    except UnfitKeyError:
        return None
    if not ceremonies.is_credential_id(stored["credential_id"]):
        return None
    return Passkey(
        id=uuid4(),
        user_id=user_id,
        credential_id=stored["credential_id"],
        public_key=public_key,
        sign_count=max(0, stored["sign_count"]),
        transports=[each for each in (stored["transports"] or "").split(",") if each],
        nickname=name if name.isprintable() and name else "Passkey",
        created_at=postern.now(),
    )


def _password_hash(password_hash: str | None, *, or_none: bool) -> str | None:
    if not password_hash and or_none:
        return None
    if not password_hash:
        raise CannotBeImportedError("no password (a provider's user, say)")
    if reason := foreign_hashes.why_not(password_hash):
        raise CannotBeImportedError(reason)
    return password_hash


def _name(display_name: str | None, email: str, changed: list[str]) -> str:
    try:
        return shown_name(display_name) or email
    except AuthError:
        changed.append("the display name cannot be shown, and is the e-mail address now")
        return email


def _locale(locale: str | None, default: str, changed: list[str]) -> str:
    if locale and _LOCALE.fullmatch(locale):
        return locale
    changed.append(f"the locale is unknown, and is {default} now")
    return default


def _roles(roles: list[str | None], default_role: str, changed: list[str]) -> list[str]:
    found = [role or "" for role in dict.fromkeys(roles)]
    # In Nhost it is a role of the application; here it would make an operator.
    if default_role == OPERATOR_ROLE:
        raise CannotBeImportedError(
            f"the default role {OPERATOR_ROLE}, which makes an operator here"
        )
    if OPERATOR_ROLE in found:
        found.remove(OPERATOR_ROLE)
        changed.append(f"without the role {OPERATOR_ROLE}, which makes an operator here")
    try:
        refuse_unfit_roles(found, default_role)
    except ValueError as reason:
        raise CannotBeImportedError(str(reason)) from None
    return found


def _metadata(text: str | None) -> dict[str, Any] | None:
    if text is None or text.strip() == "null":
        return None
    try:
        return metadata.parse(text)
    except ValueError as reason:
        raise CannotBeImportedError(str(reason)) from None


def _created_at(seconds: float | None, now: datetime) -> datetime:
    created_at = _time(seconds, now)
    if created_at is None:
        raise CannotBeImportedError("created_at is missing, long ago or in the future")
    return created_at


def _time(seconds: float | None, now: datetime) -> datetime | None:
    """Return the time, or None if it is implausible; a clock may have been a day ahead."""
    latest = (now + timedelta(days=1)).timestamp()
    if seconds is None or not _FIRST_DAY.timestamp() <= seconds <= latest:  # NaN fails both
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _bring_factor(postern: Postern, user: User, row: Any, keys: list[AESGCM]) -> str | None:
    """Copy the second factor to the user; return the reason if that is impossible."""
    if row["active_mfa_type"] != "totp":
        return "a second factor of another kind"
    try:
        secret = _secret(row["totp_secret"] or "", keys)
    except UnreadableSecretError as reason:
        return str(reason)
    user.totp_secret = totp.seal_secret(postern, user, secret)
    user.totp_enrolled_at = user.totp_activated_at = postern.now()
    user.has_second_factor = True
    return None


def _secret(stored: str, keys: list[AESGCM]) -> str:
    """Return the TOTP secret in Base32. Raises UnreadableSecretError."""
    secret = _opened(stored, keys) if len(stored) >= _SEALED_FROM else stored
    try:
        pyotp.TOTP(secret).now()
    except ValueError:
        secret = ""
    if not secret or len(secret) > 128:
        raise UnreadableSecretError("a TOTP secret that is missing or malformed")
    return secret


def _opened(stored: str, keys: list[AESGCM]) -> str:
    """Decrypt AES-GCM: hex of nonce, ciphertext and tag, with no associated data."""
    if not keys:
        raise UnreadableSecretError("an encrypted TOTP secret, and no key to open it")
    try:
        raw = bytes.fromhex(stored)
    except ValueError:
        raise UnreadableSecretError("a TOTP secret that is missing or malformed") from None
    for key in keys:
        try:
            return key.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], None).decode("ascii")
        except (InvalidTag, ValueError):
            continue
    raise UnreadableSecretError("an encrypted TOTP secret that none of the keys opens")

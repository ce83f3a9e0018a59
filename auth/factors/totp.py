"""The TOTP factor (RFC 6238): its secret, encrypted in the user's row, and what a code proves.

The codes themselves are in `auth.factors.one_time_codes`.
"""

from uuid import UUID

from auth.errors import ErrorCode
from auth.factors import one_time_codes
from auth.factors.factor_type import MULTI_FACTOR, FactorType
from auth.factors.one_time_codes import looks_like_one
from auth.keys.vault import VaultError
from auth.postern import Postern
from config import Settings
from config.settings import OPERATOR_ROLE
from models import User, proofs
from models.proofs import Proof

__all__ = [
    "belongs_to", "check", "is_enabled", "kind", "looks_like_one", "missing",
    "refuse_uncheckable", "remove", "stands_alone", "wrong",
]  # fmt: skip

kind = FactorType.TOTP
wrong = ErrorCode.INVALID_TOTP
missing = ErrorCode.DISABLED_MFA_TOTP
stands_alone = True
METHODS = ("otp", MULTI_FACTOR)
"""The `amr` values of a one-time code (RFC 8176)."""
_RESEAL_BATCH = 500
"""How many users are read at once."""


def is_enabled(settings: Settings, user: User | None = None) -> bool:
    """Return whether users may have an authenticator app.

    Operators always may: the dashboard, where it is switched on, takes a second factor.
    """
    return settings.totp_is_on or (user is not None and OPERATOR_ROLE in user.roles)


def belongs_to(user: User) -> bool:
    """Return whether the user has an active TOTP factor."""
    return user.totp_activated_at is not None


def refuse_uncheckable(postern: Postern, user: User) -> None:
    """Raise VaultError if no key opens the user's secret."""
    open_secret(postern, user)


async def check(postern: Postern, user: User, answer: str) -> Proof | None:
    """Check a one-time code of a pending or an active factor. Raises VaultError."""
    secret, drift = open_secret(postern, user), postern.settings.mfa_totp_drift
    step = one_time_codes.matching_time_step(secret, answer, postern.now(), drift=drift)
    return None if step is None else proofs.time_step(user, step)


async def remove(user: User) -> None:
    """Delete the secret. Spent time steps stay spent."""
    await User.filter(id=user.id).update(
        totp_secret=None, totp_enrolled_at=None, totp_begun_by=None, totp_activated_at=None
    )


async def forget_pending(user: User) -> None:
    """Delete a secret that is not active yet: whoever began the enrolment may be somebody else."""
    pending = User.filter(id=user.id, totp_activated_at__isnull=True)
    await pending.update(totp_secret=None, totp_enrolled_at=None, totp_begun_by=None)


def seal_secret(postern: Postern, user: User, secret: str) -> str:
    """Encrypt a TOTP secret for storage. It can be opened only for this user."""
    return postern.vault.seal(secret, _context(user))


def open_secret(postern: Postern, user: User) -> str:
    """Return the user's TOTP secret, pending or active. Raises VaultError if no key opens it."""
    return postern.vault.open(str(user.totp_secret), _context(user))


async def reseal_secrets(postern: Postern) -> tuple[int, int]:
    """Encrypt again every TOTP secret that was not sealed with the current key.

    Returns how many were, and how many could not be opened and stay as they are. The server can run
    meanwhile: a secret that another request changes at the same moment is left alone.
    """
    last, sealed, unreadable = UUID(int=0), 0, 0
    with_secret = User.filter(totp_secret__isnull=False).order_by("id").limit(_RESEAL_BATCH)
    while users := await with_secret.filter(id__gt=last):
        last = users[-1].id
        for user in users:
            old = str(user.totp_secret)
            if postern.vault.is_current(old):
                continue
            try:
                fresh = seal_secret(postern, user, postern.vault.open(old, _context(user)))
            except VaultError:
                unreadable += 1
            else:
                sealed += await User.filter(id=user.id, totp_secret=old).update(totp_secret=fresh)
    return sealed, unreadable


def _context(user: User) -> str:
    return f"totp secret of {user.id}"

"""The second factor of a user: what a code proves, and that it proves it once.

Checking a code and spending it are two steps, since a recovery code costs a hash: check first, then
spend in the transaction that does what the code allows.
"""

import asyncio
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from tortoise.expressions import F
from tortoise.queryset import QuerySet

from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.factors import one_time_codes, recovery_codes
from auth.factors.recovery_codes import Salt
from auth.keys.vault import VaultError
from auth.limits import throttling
from auth.limits.throttling import Attempt
from auth.postern import Postern
from models import RecoveryCode, User

_RESEAL_BATCH = 500
"""Users that are read at once."""


@dataclass(frozen=True)
class Proof:
    """A code that matches and is still to be spent: a time step, or a recovery code's digest."""

    time_step: int | None = None
    recovery_digest: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class CodeSet:
    """Recovery codes as they are shown, and as they are stored."""

    shown: tuple[str, ...] = field(repr=False)
    salt: Salt = field(repr=False)
    digests: tuple[str, ...] = field(repr=False)


def refuse_unless_enabled(postern: Postern) -> None:
    """Raises AuthError: DISABLED_ENDPOINT."""
    if not postern.settings.mfa_enabled:
        raise AuthError(ErrorCode.DISABLED_ENDPOINT)


def refuse_unless_active(user: User) -> None:
    """Raises AuthError: DISABLED_MFA_TOTP."""
    if user.active_mfa_type is None:
        raise AuthError(ErrorCode.DISABLED_MFA_TOTP)


def seal_secret(postern: Postern, user: User, secret: str) -> str:
    """A TOTP secret as it is stored: it opens for this user alone."""
    return postern.vault.seal(secret, _context(user))


def open_secret(postern: Postern, user: User) -> str:
    """The user's TOTP secret, pending or active. Raises VaultError where no key opens it."""
    return postern.vault.open(str(user.totp_secret), _context(user))


def check_totp(postern: Postern, user: User, code: str) -> Proof | None:
    """What a one-time code proves, of a pending factor or an active one. Raises VaultError."""
    secret = open_secret(postern, user)
    drift = postern.settings.mfa_totp_drift
    step = one_time_codes.matching_time_step(secret, code, postern.now(), drift=drift)
    return None if step is None else Proof(time_step=step)


async def check_recovery_code(postern: Postern, user: User, code: str) -> Proof | None:
    """What a recovery code may prove: only spending it tells whether it is one of the user's.

    Raises AuthError: TOO_MANY_REQUESTS.
    """
    if user.recovery_salt is None or not recovery_codes.looks_like_one(code):
        return None
    salt = Salt.parse(user.recovery_salt)
    return Proof(recovery_digest=await postern.passwords.run(partial(salt.digest, code)))


async def check_any(postern: Postern, user: User, code: str) -> Proof | None:
    """What a code of either kind proves; the two look different.

    Raises AuthError: TOO_MANY_REQUESTS.
    """
    if one_time_codes.looks_like_one(code):
        return check_totp(postern, user, code)
    return await check_recovery_code(postern, user, code)


async def try_any(postern: Postern, caller: Caller, user: User, code: str) -> Attempt:
    """Begin to try a code of either kind of a user who is signed in; it is counted as failed.

    Raises AuthError: INVALID_TOTP for what cannot be a code, which costs no attempt;
    TOO_MANY_REQUESTS. Raises VaultError where no key opens the secret that is needed.
    """
    if not recovery_codes.looks_like_one(code):
        return await try_totp(postern, caller, user, code)
    return await throttling.try_code(postern, caller, user)


async def try_totp(postern: Postern, caller: Caller, user: User, code: str) -> Attempt:
    """The same for a one-time code alone."""
    if not one_time_codes.looks_like_one(code):
        raise AuthError(ErrorCode.INVALID_TOTP)
    open_secret(postern, user)  # what cannot be checked costs no attempt
    return await throttling.try_code(postern, caller, user)


async def spend(user: User, proof: Proof, *, active: bool = True, **changes: object) -> bool:
    """Accept a code of the user's factor, once ever, and change the user's row with it.

    False, and nothing is changed, if the code was accepted before (or one of a later time step),
    or if the factor is not the one any more that the code was checked against. A recovery code
    wants a transaction; the user's row is taken first, as everywhere.
    """
    factor = as_seen(user, active=active)
    if proof.time_step is not None:
        unspent = factor.filter(totp_last_step__lt=proof.time_step)
        return bool(await unspent.update(totp_last_step=proof.time_step, **changes))
    if not await factor.update(totp_last_step=F("totp_last_step")):
        return False
    code = RecoveryCode.filter(user_id=user.id, digest=proof.recovery_digest)
    if not await code.delete():
        return False
    if changes:
        await factor.update(**changes)
    return True


def as_seen(user: User, *, active: bool) -> QuerySet[User]:
    """The user's row, if the factor is the one that a code was checked against."""
    return User.filter(
        id=user.id,
        totp_secret=user.totp_secret,
        totp_activated_at__isnull=not active,
        disabled=False,
    )


async def reseal_secrets(postern: Postern) -> tuple[int, int]:
    """Seal every TOTP secret anew that was not sealed with the key in use.

    How many were, and how many could not be opened and stay as they are. While it runs the server
    goes on; a secret that changes at the same moment is left to whoever changed it.
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


async def new_code_set(postern: Postern) -> CodeSet:
    """A fresh set of recovery codes, not stored yet; ten hashes' work.

    Raises AuthError: TOO_MANY_REQUESTS.
    """
    chosen = postern.settings
    salt = Salt.fresh(
        memory_cost=chosen.argon2_memory_cost,
        time_cost=chosen.argon2_time_cost,
        parallelism=chosen.argon2_parallelism,
    )
    shown = tuple(recovery_codes.new_code() for _ in range(recovery_codes.SET_SIZE))
    work = (partial(salt.digest, code) for code in shown)
    digests = await asyncio.gather(*map(postern.passwords.run, work))
    return CodeSet(shown, salt, tuple(digests))


async def store_codes(user: User, codes: CodeSet | None) -> None:
    """Make these the user's recovery codes, or leave none. The caller writes `recovery_salt`."""
    await RecoveryCode.filter(user_id=user.id).delete()
    if codes is not None:
        rows = [RecoveryCode(user_id=user.id, digest=digest) for digest in codes.digests]
        await RecoveryCode.bulk_create(rows)


async def recovery_codes_left(user: User) -> int:
    """How many recovery codes the user has not used."""
    return await RecoveryCode.filter(user_id=user.id).count()


def _context(user: User) -> str:
    return f"totp secret of {user.id}"

"""The protocols of a second factor, and the registry of all factors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from auth import events
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.factors import passkeys, recovery_codes, totp, trusted_devices
from auth.factors.factor_type import MULTI_FACTOR, FactorType
from auth.limits import throttling
from auth.limits.throttling import Attempt
from auth.mail import notices
from auth.postern import Postern
from config import Settings
from models import MfaTicket, Passkey, User, UserSession, proofs
from models.hot_paths import users
from models.proofs import Proof
from models.transactions import atomic


class Factor(Protocol):
    """A kind of second factor that users may have: a module of `auth.factors`."""

    @property
    def kind(self) -> FactorType:
        """What clients call it."""

    @property
    def stands_alone(self) -> bool:
        """Whether it is a factor by itself; recovery codes only stand in for another factor."""

    def is_enabled(self, settings: Settings, user: User | None = None, /) -> bool:
        """Return whether the operator has enabled it, for everybody or for this user."""

    def belongs_to(self, user: User) -> bool:
        """Return whether the user has this factor, and it is on."""

    async def remove(self, user: User) -> None:
        """Delete the user's factor, pending or active, in the caller's transaction."""


class SecondFactor(Protocol):
    """What checks answers of one kind: the module of the factor, or one ceremony of a passkey.

    A proof is spent once, as a step of the atomic change that it allows.
    """

    @property
    def wrong(self) -> ErrorCode:
        """The refusal of a wrong answer."""

    @property
    def missing(self) -> ErrorCode:
        """The refusal of any answer if the user has no factor."""

    def is_enabled(self, settings: Settings, user: User | None = None, /) -> bool:
        """Return whether the operator has enabled it, for everybody or for this user."""

    def looks_like_one(self, answer: str) -> bool:
        """Return whether this has the form of an answer; anything else costs no attempt."""

    def belongs_to(self, user: User) -> bool:
        """Return whether the user has this factor, and it is on."""

    def refuse_uncheckable(self, postern: Postern, user: User) -> None:
        """Raise the error that `check` would raise for every answer, if there is one."""

    async def check(self, postern: Postern, user: User, answer: str) -> Proof | None:
        """Return what the answer proves, or None; the caller must spend the proof.

        Raises AuthError: TOO_MANY_REQUESTS. Raises VaultError if no key opens the secret.
        """


FACTORS: tuple[Factor, ...] = (totp, passkeys, recovery_codes)
"""In the order in which clients should offer them."""
_TYPED: tuple[SecondFactor, ...] = (recovery_codes, totp)
"""Those whose answers are typed. The first one whose form an answer has checks it."""


def refuse_unless_enabled(
    postern: Postern, factor: Factor | SecondFactor, user: User | None = None
) -> None:
    """Raise AuthError: DISABLED_ENDPOINT if this factor is not enabled, for everybody or a user."""
    if not factor.is_enabled(postern.settings, user):
        raise AuthError(ErrorCode.DISABLED_ENDPOINT)


def to_set_up(settings: Settings, user: User) -> tuple[FactorType, ...]:
    """Return the factors that the user may set up as their first one."""
    alone = [each for each in FACTORS if each.stands_alone and each.is_enabled(settings, user)]
    return tuple(each.kind for each in alone)


def is_required(settings: Settings, user: User) -> bool:
    """Return whether the operator requires a second factor of this user."""
    return settings.requires_factor(user.roles)


def due_at(settings: Settings, user: User) -> datetime | None:
    """Return when the user has to have set up a required factor; None if there is nothing to do."""
    lacks_it = is_required(settings, user) and not user.has_second_factor
    return user.factor_due_at if lacks_it else None


async def is_due(postern: Postern, user: User) -> bool:
    """Return whether the user needs a factor now, and has none. Begins their period without one.

    The database is asked only about a user who needs one.
    """
    settings = postern.settings
    if user.has_second_factor or not is_required(settings, user):
        return False
    if await users.is_factor_due(user.id, settings.mfa_grace_period):
        return True
    if user.factor_due_at is None:  # the period has just begun
        await user.refresh_from_db(fields=["factor_due_at"])
    return False


def refuse_without_required(postern: Postern, user: User) -> None:
    """Refuse a change that would take the user's last factor, in the transaction of the change.

    Refuse too what would leave only factors that are switched off: they let nobody in.
    Raises AuthError: SECOND_FACTOR_REQUIRED.
    """
    if user.has_second_factor and not usable(postern.settings, user):
        raise AuthError(
            ErrorCode.SECOND_FACTOR_REQUIRED,
            "Your other factors are switched off on this server. Remove them before this one.",
        )
    if not user.has_second_factor and is_required(postern.settings, user):
        raise AuthError(
            ErrorCode.SECOND_FACTOR_REQUIRED,
            "Your account needs a second factor. Add another one before you remove this one.",
        )


def of(user: User) -> tuple[FactorType, ...]:
    """Return the factors that the user has, also those that the operator has switched off."""
    return tuple(each.kind for each in FACTORS if each.belongs_to(user))


def usable(settings: Settings, user: User) -> tuple[FactorType, ...]:
    """Return the factors that the user has and the operator has enabled."""
    has = [each for each in FACTORS if each.belongs_to(user) and each.is_enabled(settings, user)]
    return tuple(each.kind for each in has) if any(each.stands_alone for each in has) else ()


def refuse_without_any(user: User, factor: SecondFactor) -> None:
    """Raise AuthError: the factor's `missing`, if the user has no factor at all."""
    if not user.has_second_factor:
        raise AuthError(factor.missing)


async def remove(user: User, *factors: Factor) -> None:
    """Delete factors in the caller's transaction, and what goes with them."""
    for factor in factors:
        await factor.remove(user)  # locks the user's row
    await note_removal(user)


async def note_removal(user: User) -> None:
    """Note on the user's row, which is locked, what is left of the factors after one was deleted.

    With the last factor go the recovery codes, and what sessions have shown of factors. Sign-ins
    that wait for a factor end. So neither stands for a later factor.
    """
    await user.refresh_from_db()
    user.has_second_factor = any(each.stands_alone and each.belongs_to(user) for each in FACTORS)
    if not user.has_second_factor:
        await recovery_codes.remove(user)
        for session in await UserSession.filter(user_id=user.id):
            if MULTI_FACTOR in session.methods:
                rest = [method for method in session.methods if method != MULTI_FACTOR]
                await UserSession.filter(id=session.id).update(methods=rest)
    await User.filter(id=user.id).update(has_second_factor=user.has_second_factor)
    await MfaTicket.filter(user_id=user.id).delete()
    await trusted_devices.forget_all(user.id)


async def forget_unverified_passkeys(postern: Postern, caller: Caller, user: User) -> None:
    """Delete the passkeys of an account whose address nobody has verified yet, and tell the user.

    They may be those of a stranger, who could sign in with them. Call it in the transaction in
    which somebody shows for the first time that the address is theirs.
    """
    await users.lock(user.id)  # so that a passkey which is being added is there, or never will be
    if await User.filter(id=user.id, email_verified=False, has_passkeys=True).exists():
        await remove(user, passkeys)
        await events.record(postern, caller, EventType.PASSKEY_REMOVED, user.id)
        await notices.post(postern, caller, user, EventType.PASSKEY_REMOVED)


async def forget_passkeys(
    postern: Postern, caller: Caller, user: User, since: datetime | None
) -> None:
    """Delete the passkeys that were added after this time, or all, and tell the user.

    Call it in the transaction of the change that requires it.
    """
    added = Passkey.filter(user_id=user.id)
    if not await (added.filter(created_at__gt=since) if since else added).delete():
        return
    left = await Passkey.filter(user_id=user.id).exists()
    await User.filter(id=user.id).update(has_passkeys=left)
    await note_removal(user)
    await events.record(postern, caller, EventType.PASSKEY_REMOVED, user.id)
    await notices.post(postern, caller, user, EventType.PASSKEY_REMOVED)


@dataclass(frozen=True)
class Checked:
    """A checked answer of a signed-in user. It counts as failed until it is accepted."""

    attempt: Attempt
    proof: Proof | None
    """What the answer proves, if anything."""
    wrong: ErrorCode
    """The refusal of an answer that proves nothing."""

    async def accept(self, user: User) -> bool:
        """Spend the proof, clear the failures and record the proof's event.

        Call it first in `change`. Returns False and changes nothing if there is no proof, or if the
        proof no longer holds.
        """
        if self.proof is None or not await proofs.spend(user, self.proof):
            return False
        await self.attempt.forget()
        if kind := self.proof.kind.event:
            attempt = self.attempt
            await events.record(attempt.postern, attempt.caller, EventType[kind], user.id)
            await notices.post(attempt.postern, attempt.caller, user, EventType[kind])
        return True

    @asynccontextmanager
    async def change(self) -> AsyncIterator[None]:
        """Hold a transaction for the change that the answer allows.

        If the change is refused for another reason than the answer, the attempt does not count.
        """
        try:
            async with atomic():
                yield
        except AuthError:
            await self.attempt.undo()
            raise

    async def refused(self) -> AuthError:
        """Record the failure and return the refusal. Call it outside of atomic()."""
        await self.attempt.failed(EventType.WRONG_CODE)
        return AuthError(self.wrong)


async def check_any(postern: Postern, caller: Caller, user: User, answer: str) -> Checked:
    """Check an answer of a signed-in user with the factor whose form it has.

    Raises what `check` does, but for every wrong answer INVALID_TOTP, whatever its form.
    """
    for factor in _TYPED:
        if factor.looks_like_one(answer) and factor.belongs_to(user):
            checked = await check(postern, caller, user, factor, answer)
            return replace(checked, wrong=ErrorCode.INVALID_TOTP)
    raise AuthError(ErrorCode.INVALID_TOTP)


async def check(
    postern: Postern, caller: Caller, user: User, factor: SecondFactor, answer: str
) -> Checked:
    """Check an answer of a signed-in user. The attempt is counted as failed before the check.

    Raises AuthError: the factor's `wrong` if the answer does not have its form, which costs no
    attempt; TOO_MANY_REQUESTS. Raises VaultError if no key opens the secret.
    """
    if not factor.looks_like_one(answer):
        raise AuthError(factor.wrong)
    factor.refuse_uncheckable(postern, user)
    attempt = await throttling.try_code(postern, caller, user)
    proof = await factor.check(postern, user, answer)
    return Checked(attempt, proof, factor.wrong)

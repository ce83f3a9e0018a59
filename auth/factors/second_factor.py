"""The protocol of a second factor, and the registry of all factors."""

from dataclasses import dataclass, replace
from typing import Protocol

from auth import events
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.factors import recovery_codes, totp
from auth.limits import throttling
from auth.limits.throttling import Attempt
from auth.mail import notices
from auth.postern import Postern
from models import MfaTicket, User, proofs
from models.proofs import Proof


class SecondFactor(Protocol):
    """A module of `auth.factors` that checks answers of one kind.

    A proof is spent once, as a step of the atomic change that it allows.
    """

    @property
    def wrong(self) -> ErrorCode:
        """The refusal of a wrong answer."""

    @property
    def missing(self) -> ErrorCode:
        """The refusal of any answer if the user has no factor."""

    @property
    def stands_alone(self) -> bool:
        """Whether it is a factor by itself; recovery codes only stand in for another factor."""

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

    async def remove(self, user: User) -> None:
        """Delete the user's factor, pending or active, in the caller's transaction."""


FACTORS: tuple[SecondFactor, ...] = (recovery_codes, totp)
"""In order: the first factor whose form an answer has checks it."""


def refuse_unless_enabled(postern: Postern) -> None:
    """Raise AuthError: DISABLED_ENDPOINT if the operator has not enabled second factors."""
    if not postern.settings.mfa_enabled:
        raise AuthError(ErrorCode.DISABLED_ENDPOINT)


def refuse_without_any(user: User, factor: SecondFactor) -> None:
    """Raise AuthError: the factor's `missing`, if the user has no factor at all."""
    if not user.has_second_factor:
        raise AuthError(factor.missing)


async def remove(user: User, *factors: SecondFactor) -> None:
    """Delete factors in the caller's transaction; recovery codes go with the last factor.

    Sign-ins that wait for a factor end: a ticket must not be redeemed with a later factor.
    """
    for factor in factors:
        await factor.remove(user)  # locks the user's row
    await user.refresh_from_db()
    user.has_second_factor = any(each.stands_alone and each.belongs_to(user) for each in FACTORS)
    if not user.has_second_factor:
        await recovery_codes.remove(user)
    await User.filter(id=user.id).update(has_second_factor=user.has_second_factor)
    await MfaTicket.filter(user_id=user.id).delete()


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

        Call it first in the transaction of the change that the proof allows. Returns False and
        changes nothing if there is no proof, or if it no longer holds.
        """
        if self.proof is None or not await proofs.spend(user, self.proof):
            return False
        await self.attempt.forget()
        if kind := self.proof.kind.event:
            attempt = self.attempt
            await events.record(attempt.postern, attempt.caller, EventType[kind], user.id)
            await notices.post(attempt.postern, attempt.caller, user, EventType[kind])
        return True

    async def refused(self) -> AuthError:
        """Record the failure and return the refusal. Call it outside of atomic()."""
        await self.attempt.failed(EventType.WRONG_CODE)
        return AuthError(self.wrong)


async def check_any(postern: Postern, caller: Caller, user: User, answer: str) -> Checked:
    """Check an answer of a signed-in user with the factor whose form it has.

    Raises what `check` does, but for every wrong answer INVALID_TOTP, whatever its form.
    """
    for factor in FACTORS:
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

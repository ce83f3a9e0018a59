"""What every second factor can do, and which ones there are."""

from dataclasses import dataclass, replace
from typing import Protocol

from auth import events
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.factors import recovery_codes, totp
from auth.limits import throttling
from auth.limits.throttling import Attempt
from auth.postern import Postern
from models import User, proofs
from models.proofs import Proof


class SecondFactor(Protocol):
    """A module of `auth.factors`: what it is called, and how an answer is checked.

    What it proves is spent once, as a step of the atomic change that it allows.
    """

    @property
    def amr(self) -> tuple[str, ...]:
        """The `amr` values (RFC 8176) that it adds to a session."""

    @property
    def wrong(self) -> ErrorCode:
        """The refusal of a wrong answer."""

    @property
    def missing(self) -> ErrorCode:
        """The refusal of any answer where the user has no factor."""

    @property
    def stands_alone(self) -> bool:
        """Whether it is a factor by itself; recovery codes only help where there is another."""

    def looks_like_one(self, answer: str) -> bool:
        """Whether this can be an answer at all; nothing else costs an attempt."""

    def belongs_to(self, user: User) -> bool:
        """Whether the user has this factor, and it is on."""

    def refuse_uncheckable(self, postern: Postern, user: User) -> None:
        """Raise the error that `check` would, if that can be told without the answer."""

    async def check(self, postern: Postern, user: User, answer: str) -> Proof | None:
        """What the answer proves, if anything; it is still to be spent.

        Raises AuthError: TOO_MANY_REQUESTS. Raises VaultError where no key opens a secret.
        """

    async def remove(self, user: User) -> None:
        """Delete what is stored of it, pending or active, in the transaction around."""


FACTORS: tuple[SecondFactor, ...] = (recovery_codes, totp)
"""Tried in this order; the first that an answer looks like checks it."""


def refuse_unless_enabled(postern: Postern) -> None:
    """Raises AuthError: DISABLED_ENDPOINT."""
    if not postern.settings.mfa_enabled:
        raise AuthError(ErrorCode.DISABLED_ENDPOINT)


def refuse_without_any(user: User, factor: SecondFactor) -> None:
    """Raises AuthError: what is `missing` for this factor, if the user has no factor at all."""
    if not user.has_second_factor:
        raise AuthError(factor.missing)


async def remove(user: User, *factors: SecondFactor) -> None:
    """Take factors from a user, in the transaction around; recovery codes go with the last one."""
    for factor in factors:
        await factor.remove(user)  # which locks the user's row
    await user.refresh_from_db()
    user.has_second_factor = any(each.stands_alone and each.belongs_to(user) for each in FACTORS)
    if not user.has_second_factor:
        await recovery_codes.remove(user)
    await User.filter(id=user.id).update(has_second_factor=user.has_second_factor)


@dataclass(frozen=True)
class Checked:
    """An answer of a signed-in user that was checked; it counts as failed until it is accepted."""

    attempt: Attempt
    factor: SecondFactor
    proof: Proof | None
    """What it proves, if anything."""
    wrong: ErrorCode
    """The refusal of an answer that proves nothing."""

    async def accept(self, user: User) -> bool:
        """Spend what was proven, clear the failures and record what was used up.

        In the transaction of the change that it allows, before anything else. False, and nothing is
        changed, if nothing was proven or it was spent before.
        """
        if self.proof is None or not await proofs.spend(user, self.proof):
            return False
        await self.attempt.forget()
        if kind := self.proof.kind.event:
            attempt = self.attempt
            await events.record(attempt.postern, attempt.caller, EventType[kind], user.id)
        return True

    async def refused(self) -> AuthError:
        """The refusal of a wrong answer, once it is recorded. To be called outside of atomic()."""
        await self.attempt.failed(EventType.WRONG_CODE)
        return AuthError(self.wrong)


async def check_any(postern: Postern, caller: Caller, user: User, answer: str) -> Checked:
    """Check an answer of a signed-in user with the factor that it looks like.

    Raises what `check` does, but always INVALID_TOTP for a wrong answer, whatever it looks like.
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

    Raises AuthError: what is `wrong` for this factor if it cannot be an answer, which costs no
    attempt; TOO_MANY_REQUESTS. Raises VaultError where no key opens the secret that is needed.
    """
    if not factor.looks_like_one(answer):
        raise AuthError(factor.wrong)
    factor.refuse_uncheckable(postern, user)
    attempt = await throttling.try_code(postern, caller, user)
    proof = await factor.check(postern, user, answer)
    return Checked(attempt, factor, proof, factor.wrong)

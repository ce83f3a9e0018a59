"""What every second factor can do, and which ones there are."""

from dataclasses import dataclass
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
        """The refusal of a wrong answer to a ticket."""

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


FACTORS: tuple[SecondFactor, ...] = (recovery_codes, totp)
"""Tried in this order; the first that an answer looks like checks it."""


def refuse_unless_enabled(postern: Postern) -> None:
    """Raises AuthError: DISABLED_ENDPOINT."""
    if not postern.settings.mfa_enabled:
        raise AuthError(ErrorCode.DISABLED_ENDPOINT)


def refuse_unless_active(user: User) -> None:
    """Raises AuthError: DISABLED_MFA_TOTP."""
    if not user.has_second_factor:
        raise AuthError(ErrorCode.DISABLED_MFA_TOTP)


@dataclass(frozen=True)
class Checked:
    """An answer of a signed-in user that was checked; it counts as failed until it is accepted."""

    attempt: Attempt
    factor: SecondFactor
    proof: Proof | None
    """What it proves, if anything."""

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
        return AuthError(ErrorCode.INVALID_TOTP)


async def check_any(postern: Postern, caller: Caller, user: User, answer: str) -> Checked:
    """Check an answer of a signed-in user with the factor that it looks like; see `check`."""
    for factor in FACTORS:
        if factor.looks_like_one(answer) and factor.belongs_to(user):
            return await check(postern, caller, user, factor, answer)
    raise AuthError(ErrorCode.INVALID_TOTP)


async def check(
    postern: Postern, caller: Caller, user: User, factor: SecondFactor, answer: str
) -> Checked:
    """Check an answer of a signed-in user. The attempt is counted as failed before the check.

    Raises AuthError: INVALID_TOTP for what cannot be an answer, which costs no attempt;
    TOO_MANY_REQUESTS. Raises VaultError where no key opens the secret that is needed.
    """
    if not factor.looks_like_one(answer):
        raise AuthError(ErrorCode.INVALID_TOTP)
    factor.refuse_uncheckable(postern, user)
    attempt = await throttling.try_code(postern, caller, user)
    return Checked(attempt, factor, await factor.check(postern, user, answer))

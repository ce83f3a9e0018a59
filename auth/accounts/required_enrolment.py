"""Flow: set up a required second factor with the ticket of a sign-in, and sign in by that.

The ticket allows this and nothing else. Whoever knows the password first sets up the factor: a
mail tells the user.
"""

from contextlib import suppress

from auth import tickets, tokens
from auth.accounts import enrolment, passkeys
from auth.accounts.enrolment import Enrolment, MfaChange
from auth.accounts.passkeys import PasskeyChange
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.factors import passkeys as passkey_factor
from auth.factors import recovery_codes, second_factor, totp
from auth.factors.ceremonies import NewPasskey
from auth.factors.passkeys import Used
from auth.postern import Postern
from auth.tickets import Step, Taken
from models import User, proofs
from models.hot_paths import users
from models.mfa_ticket import Purpose
from models.proofs import Proof
from models.transactions import UndoneError, atomic


async def enrol_mfa_totp(postern: Postern, caller: Caller, ticket: str) -> Enrolment:
    """Return the secret of an authenticator app, pending for this ticket alone.

    Raises AuthError: DISABLED_ENDPOINT, INVALID_TICKET, DISABLED_USER, UNVERIFIED_USER,
    TOO_MANY_REQUESTS.
    """
    user = (await tickets.open_enrolment(postern, caller, ticket)).user
    second_factor.refuse_unless_enabled(postern, totp, user)
    async with atomic():
        await _refuse_a_second_one(user)
        secret = await enrolment.begin_totp(postern, user, tokens.digest(ticket))
    return await enrolment.shown(postern, user, secret)


async def activate_mfa_totp(postern: Postern, caller: Caller, ticket: str, code: str) -> MfaChange:
    """Turn the app on with its first code, and open the session; return it and recovery codes.

    A wrong code takes an attempt from the ticket.
    Raises AuthError: DISABLED_ENDPOINT, INVALID_TICKET, NO_TOTP_SECRET (not begun with this
    ticket), INVALID_TOTP, DISABLED_USER, UNVERIFIED_USER, TOO_MANY_REQUESTS. Raises VaultError.
    """
    begun_by = tokens.digest(ticket)

    async def check(postern: Postern, user: User, code: str) -> Proof | None:
        second_factor.refuse_unless_enabled(postern, totp, user)
        if not enrolment.is_pending(postern, user, begun_by):
            raise AuthError(ErrorCode.NO_TOTP_SECRET)
        return await totp.check(postern, user, code)

    async def accept(taken: Taken, proof: Proof) -> MfaChange | None:
        user, codes = taken.ticket.user, await recovery_codes.new_set(postern)
        step = int(str(proof.values["time_step"]))
        with suppress(UndoneError):
            async with atomic():
                await _refuse_a_second_one(user)
                shown = await enrolment.turn_totp_on(postern, caller, user, codes)
                # The same code, as one of an app that is on: it is spent with the ticket.
                spent = proofs.time_step(user, step)
                session = await tickets.open_with(taken, user, spent)
                if session is None:
                    raise UndoneError
                return MfaChange(session, shown)
        return None

    step = Step(
        purpose=Purpose.ENROL,
        wrong=ErrorCode.INVALID_TOTP,
        open=tickets.open_enrolment,
        looks_like_one=totp.looks_like_one,
        check=check,
        accept=accept,
    )
    return await tickets.try_answer(postern, caller, ticket, step, code)


async def enrol_mfa_passkey(postern: Postern, caller: Caller, ticket: str) -> str:
    """Return the options, as JSON, of making the user's first passkey.

    Raises AuthError: DISABLED_ENDPOINT, INVALID_TICKET, DISABLED_USER, UNVERIFIED_USER,
    TOO_MANY_REQUESTS.
    """
    passkey_factor.refuse_unless_enabled(postern)
    user = (await tickets.open_enrolment(postern, caller, ticket)).user
    return await passkeys.creation_options(postern, user, tokens.digest(ticket))


async def activate_mfa_passkey(
    postern: Postern, caller: Caller, ticket: str, credential: str, nickname: str | None
) -> PasskeyChange:
    """Add the passkey, and open the session; return it and recovery codes.

    A wrong answer takes an attempt from the ticket.
    Raises AuthError: DISABLED_ENDPOINT, INVALID_TICKET, INVALID_PASSKEY, PASSKEY_ALREADY_ADDED,
    INVALID_REQUEST (the nickname), DISABLED_USER, UNVERIFIED_USER, TOO_MANY_REQUESTS.
    """
    passkey_factor.refuse_unless_enabled(postern)
    name, bound_to = passkeys.nickname_of(nickname), tokens.digest(ticket)

    async def check(postern: Postern, _user: User, credential: str) -> NewPasskey | None:
        try:
            return await passkeys.taken_and_checked(postern, credential, bound_to)
        except AuthError as error:
            if error.code is ErrorCode.INVALID_PASSKEY:
                return None
            raise

    async def accept(taken: Taken, made: NewPasskey) -> PasskeyChange | None:
        user = taken.ticket.user
        await passkeys.refuse_known(postern, made)
        codes = await recovery_codes.new_set(postern)
        with suppress(UndoneError):
            async with atomic():
                await _refuse_a_second_one(user)
                passkey = await passkeys.store_as_factor(postern, caller, user, made, name)
                shown = await recovery_codes.give(user, codes)
                used = Used(passkey, made.shown).proof(postern, stands_alone=False)
                session = await tickets.open_with(taken, user, used)
                if session is None:
                    raise UndoneError
                return PasskeyChange(session, shown, passkey=passkey)
        return None

    step = Step(
        purpose=Purpose.ENROL,
        wrong=ErrorCode.INVALID_PASSKEY,
        open=tickets.open_enrolment,
        looks_like_one=passkey_factor.looks_like_one,
        check=check,
        accept=accept,
    )
    return await tickets.try_answer(postern, caller, ticket, step, credential)


async def _refuse_a_second_one(user: User) -> None:
    """Lock the user's row, and refuse if a factor was set up with another ticket meanwhile."""
    await users.lock(user.id)
    if await User.exists(id=user.id, has_second_factor=True):
        raise AuthError(ErrorCode.INVALID_TICKET)

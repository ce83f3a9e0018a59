"""Flow: a passkey -> Session; alone, or after the first factor.

Alone, the authenticator must have verified the user (by a PIN, a finger or a face). Then it is a
multi-factor authenticator (NIST SP 800-63B-4, section 3.1.7), so no other factor is asked for, and
a session opens. Without that, whoever holds the device would be in: one factor. Leading to a ticket
would not help, as the same device could answer for the second one. So it is refused, and such an
authenticator serves as the second factor after another first one.
"""

from dataclasses import replace

from auth import admission, events, tickets, tokens
from auth.admission import Proven
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.factors import ceremonies, challenges, passkeys
from auth.factors.passkeys import Ceremony
from auth.limits import throttling
from auth.postern import Postern
from auth.sessions.opening import Session
from models import User
from models.passkey_challenge import CeremonyPurpose


async def start_sign_in_passkey(postern: Postern) -> str:
    """Return the options, as JSON, of signing in with any passkey of this server.

    Raises AuthError: DISABLED_ENDPOINT.
    """
    passkeys.refuse_unless_enabled(postern)
    challenge = await challenges.begin(postern, CeremonyPurpose.SIGN_IN)
    return ceremonies.request_options(postern.settings, challenge, verification="required")


async def verify_sign_in_passkey(postern: Postern, caller: Caller, credential: str) -> Session:
    """Exchange the answer for a session: a passkey that has verified its user is two factors.

    An unknown passkey and a wrong answer are refused alike, and counted for the client's address:
    a signature is not a guess, and nobody must be able to lock a user out with wrong ones.
    Raises AuthError: DISABLED_ENDPOINT, INVALID_PASSKEY, PASSKEY_WITHOUT_VERIFICATION,
    DISABLED_USER, UNVERIFIED_USER, TOO_MANY_REQUESTS.
    """
    passkeys.refuse_unless_enabled(postern)
    answer = passkeys.parsed(credential)
    used = await passkeys.use(postern, Ceremony(caller, CeremonyPurpose.SIGN_IN, ""), answer)
    if used is None or _is_concealed(postern, used.passkey.user):
        await events.record(postern, caller, EventType.SIGN_IN_FAILED)
        await throttling.failed(postern, caller)
        raise AuthError(ErrorCode.INVALID_PASSKEY)
    if not used.shown.user_verified:
        raise AuthError(ErrorCode.PASSKEY_WITHOUT_VERIFICATION)
    user = used.passkey.user
    attempt = throttling.begun(postern, caller, throttling.passkeys_of(user.id), user.id)
    shown = replace(attempt, counted=True)  # a signature is not a guess: it need not wait
    proof = used.proof(postern, stands_alone=True)
    session = await admission.admit(Proven(user, proof, shown))
    if not isinstance(session, Session):
        raise AuthError(ErrorCode.INVALID_PASSKEY)
    return session


def _is_concealed(postern: Postern, user: User) -> bool:
    """Return whether an account that may not sign in has to look as if it did not exist."""
    return postern.settings.conceal_errors and admission.kept_out(postern, user) is not None


async def start_sign_in_mfa_passkey(postern: Postern, caller: Caller, ticket: str) -> str:
    """Return the options, as JSON, of redeeming a sign-in ticket with a passkey of its user.

    The user need not be verified: the ticket stands for the other factor.
    Raises AuthError: DISABLED_ENDPOINT, INVALID_TICKET, NO_PASSKEY, DISABLED_USER, UNVERIFIED_USER,
    TOO_MANY_REQUESTS.
    """
    passkeys.refuse_unless_enabled(postern)
    ceremony = _second_factor(caller, ticket)
    user = (await tickets.open_ticket(postern, caller, ticket, ceremony)).user
    if not user.has_passkeys:
        raise AuthError(ErrorCode.NO_PASSKEY)
    return await ceremony.options(postern, user, verification="discouraged")


async def verify_sign_in_mfa_passkey(
    postern: Postern, caller: Caller, ticket: str, credential: str, *, trust_device: bool = False
) -> Session:
    """Redeem a sign-in ticket with the answer; a wrong one counts as a wrong code does.

    Raises AuthError: as `tickets.redeem` does, with INVALID_PASSKEY and NO_PASSKEY.
    """
    ceremony = _second_factor(caller, ticket)
    return await tickets.redeem(
        postern, caller, ticket, ceremony, credential, trust_device=trust_device
    )


def _second_factor(caller: Caller, ticket: str) -> Ceremony:
    return Ceremony(caller, CeremonyPurpose.SECOND_FACTOR, tokens.digest(ticket))

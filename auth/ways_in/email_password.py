"""Flow: e-mail address and password -> Session | MfaTicket."""

from contextlib import suppress
from dataclasses import dataclass, field

from auth import passwords
from auth.admission import MfaTicket
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.factors import trusted_devices
from auth.limits import throttling
from auth.passwords import Match
from auth.postern import Postern
from auth.sessions.opening import Session
from auth.ways_in import guessable
from models import TrustedDevice, User, proofs
from models.proofs import Proof


async def sign_in_email_password(
    postern: Postern, caller: Caller, email: str, password: str, device_token: str | None = None
) -> Session | MfaTicket:
    """Exchange a right password for a session, or for a ticket if the user has a second factor.

    The token of a browser that the user trusts stands for the second factor.

    Raises AuthError: INVALID_EMAIL_PASSWORD (after the same work whether or not the account
    exists), INVALID_REQUEST (a password beyond 1024 bytes); and as `guessable.sign_in` does,
    DISABLED_USER, UNVERIFIED_USER, DISABLED_ENDPOINT, TOO_MANY_REQUESTS.
    """
    passwords.refuse_oversized(password)
    postern.passwords.refuse_when_busy()
    secret = _Password(postern, password, device_token)
    answer = await guessable.sign_in(postern, caller, email, secret)
    if secret.outdated:
        await _hash_anew(postern, secret.outdated, password)
    return answer


@dataclass
class _Password:
    """A password as a guessable secret."""

    postern: Postern
    text: str = field(repr=False)
    device_token: str | None = field(repr=False)
    outdated: User | None = None
    """The user whose password matched, if the stored hash has an outdated form."""
    claims = False

    def subject(self, address: str) -> str:
        return throttling.password_of(address)

    def wrong(self) -> AuthError:
        return AuthError(ErrorCode.INVALID_EMAIL_PASSWORD)

    async def check(self, user: User | None) -> Proof | None:
        match = await self.postern.passwords.verify(user.password_hash if user else None, self.text)
        if not user or not match:
            return None
        self.outdated = user if match is Match.OUTDATED else None
        device = await self.device(user)
        if device and user.has_second_factor:
            return proofs.password_on_trusted_device(user, device, self.postern.now())
        return proofs.password_unchanged(user)

    async def device(self, user: User | None) -> TrustedDevice | None:
        return await trusted_devices.find(self.postern, user, self.device_token)

    async def pretend(self) -> None:
        await self.postern.passwords.pretend(self.text)


async def _hash_anew(postern: Postern, user: User, password: str) -> None:
    """Store the hash in the current form. If the server is too busy, a later sign-in does it."""
    with suppress(AuthError):
        fresh = await postern.passwords.hash(password)
        same = User.filter(id=user.id, password_hash=user.password_hash)
        await same.update(password_hash=fresh)

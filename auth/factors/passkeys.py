"""The passkeys of a user: as a second factor, and what an answer with one of them proves.

The WebAuthn ceremonies themselves are in `auth.factors.ceremonies`.
"""

import logging
from dataclasses import dataclass

from webauthn.helpers import bytes_to_base64url

from auth import events
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.factors import ceremonies, challenges
from auth.factors.ceremonies import Answer, CeremonyError, Known, Shown
from auth.factors.factor_type import MULTI_FACTOR, FactorType
from auth.mail import notices
from auth.postern import Postern
from config import Settings
from models import Passkey, PasskeyChallenge, User, proofs
from models.hot_paths import users
from models.passkey_challenge import CeremonyPurpose
from models.proofs import PasskeyUse, Proof
from models.transactions import atomic

kind = FactorType.PASSKEY
stands_alone = True
_NOBODYS_KEY = bytes.fromhex(
    "a5010203262001215820"
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "225820"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
"""A COSE key (the base point of P-256) to check the answer with if there is no such passkey."""
_LOGGED = 300
"""Maximum characters of a reason in the log; it can quote what a client has sent."""

logger = logging.getLogger("postern")


def is_enabled(settings: Settings, _user: User | None = None) -> bool:
    """Return whether the operator has enabled passkeys."""
    return settings.passkeys_enabled


def refuse_unless_enabled(postern: Postern) -> None:
    """Raise AuthError: DISABLED_ENDPOINT if the operator has not enabled passkeys."""
    if not is_enabled(postern.settings):
        raise AuthError(ErrorCode.DISABLED_ENDPOINT, "Passkeys are switched off on this server.")


def belongs_to(user: User) -> bool:
    """Return whether the user has a passkey."""
    return user.has_passkeys


async def remove(user: User) -> None:
    """Delete all passkeys of the user, in the caller's transaction."""
    await User.filter(id=user.id).update(has_passkeys=False)  # locks the user's row
    await Passkey.filter(user_id=user.id).delete()


async def known(user: User) -> list[Known]:
    """Return the user's passkeys as options name them."""
    rows = await Passkey.filter(user_id=user.id).order_by("created_at")
    return [Known(each.credential_id, each.transports) for each in rows]


def looks_like_one(credential_json: str) -> bool:
    """Return whether this is the JSON of what a browser answers."""
    try:
        ceremonies.parse(credential_json)
    except CeremonyError as error:
        log_refused(error)
        return False
    return True


def parsed(credential_json: str) -> Answer:
    """Parse what a browser answers. Raises AuthError: INVALID_PASSKEY."""
    try:
        return ceremonies.parse(credential_json)
    except CeremonyError as error:
        log_refused(error)
        raise AuthError(ErrorCode.INVALID_PASSKEY) from None


@dataclass(frozen=True)
class Used:
    """A passkey, and what its authenticator has shown. The caller must spend the proof."""

    passkey: Passkey
    shown: Shown

    def proof(self, postern: Postern, *, stands_alone: bool) -> Proof:
        """Return what it proves; with `stands_alone`, both factors at once."""
        shown = self.shown
        use = PasskeyUse(
            sign_count=shown.sign_count,
            backup_eligible=shown.backup_eligible,
            backed_up=shown.backed_up,
            user_verified=shown.user_verified,
            at=postern.now(),
        )
        methods = (*shown.methods, MULTI_FACTOR)
        return proofs.passkey(self.passkey, use, methods, stands_alone=stands_alone)


@dataclass(frozen=True)
class Ceremony:
    """The answer to one ceremony, as a second factor: with a passkey of the user, bound to this."""

    caller: Caller
    purpose: CeremonyPurpose
    bound_to: str
    wrong = ErrorCode.INVALID_PASSKEY
    missing = ErrorCode.NO_PASSKEY

    def is_enabled(self, settings: Settings, _user: User | None = None) -> bool:
        """Return whether the operator has enabled passkeys."""
        return is_enabled(settings)

    def looks_like_one(self, answer: str) -> bool:
        """Return whether this is the JSON of an answer; anything else costs no attempt."""
        return looks_like_one(answer)

    def belongs_to(self, user: User) -> bool:
        """Return whether the user has a passkey."""
        return belongs_to(user)

    def refuse_uncheckable(self, _postern: Postern, _user: User) -> None:
        """Do nothing: a passkey can always be checked."""

    async def options(self, postern: Postern, user: User, *, verification: str) -> str:
        """Begin the ceremony; return the options, as JSON, of using one of the user's passkeys."""
        challenge = await challenges.begin(postern, self.purpose, self.bound_to)
        return ceremonies.request_options(
            postern.settings, challenge, of=await known(user), verification=verification
        )

    async def check(self, postern: Postern, user: User, answer: str) -> Proof | None:
        """Return what the answer proves, or None; the caller must spend the proof."""
        used = await use(postern, self, ceremonies.parse(answer), user)
        return used.proof(postern, stands_alone=False) if used else None


async def use(
    postern: Postern, ceremony: Ceremony, answer: Answer, user: User | None = None
) -> Used | None:
    """Take the challenge of the ceremony, and check the answer with the passkey that it names.

    None if it proves nothing. With `user`, it must be a passkey of that user. The work is the same
    if there is no such passkey.
    """
    taken = await challenges.take(postern, answer, ceremony.purpose, ceremony.bound_to)
    found = await Passkey.get_or_none(credential_id=answer.credential_id).select_related("user")
    if found and user and found.user.id != user.id:
        found = None
    key = found.public_key if found else _NOBODYS_KEY
    try:
        shown = ceremonies.check_use(postern.settings, answer, answer.challenge, key)
        _refuse_misuse(answer, taken, found, shown, user)
    except CeremonyError as error:
        log_refused(error if found else CeremonyError("an unknown passkey, or another user's"))
        return None
    assert found  # noqa: S101 - or it was refused just now
    if await _is_copy(postern, ceremony.caller, found, shown):
        return None
    return Used(found, shown)


def _refuse_misuse(
    answer: Answer,
    taken: PasskeyChallenge | None,
    found: Passkey | None,
    shown: Shown,
    user: User | None,
) -> None:
    """Raise CeremonyError if a right signature is of another ceremony, user or passkey."""
    if not taken:
        raise CeremonyError("a challenge that was used, has expired, or was for another step")
    if not found or not _is_handle_of(found.user, answer, required=user is None):
        raise CeremonyError("the user handle of another user, or none")
    if found.backup_eligible not in (None, shown.backup_eligible):  # section 7.2, step 18
        raise CeremonyError("it says otherwise than before whether it can be backed up")


def log_refused(error: CeremonyError) -> None:
    """Log why an answer was refused, for an operator whose users cannot use their passkeys."""
    said = "".join(c if c.isprintable() else "?" for c in str(error)[:_LOGGED])
    logger.info("passkey refused: %s", said)


def _is_handle_of(user: User, answer: Answer, *, required: bool) -> bool:
    """Return whether the answer names this user, or nobody and that is not required."""
    if answer.user_handle is None:
        return not required
    # Nhost's handle is the id as text, which its clients encode or do not.
    from_nhost = user.user_handle == str(user.id)
    encoded = bytes_to_base64url(str(user.id).encode())
    return answer.user_handle == user.user_handle or (from_nhost and answer.user_handle == encoded)


async def _is_copy(postern: Postern, caller: Caller, passkey: Passkey, shown: Shown) -> bool:
    """Record if the signature counter went back (section 6.1.1); return whether that is refused."""
    if not (shown.sign_count or passkey.sign_count) or shown.sign_count > passkey.sign_count:
        return False
    user = passkey.user
    async with atomic():
        await users.lock(user.id)
        await events.record(postern, caller, EventType.PASSKEY_COUNTER_WENT_BACK, user.id)
        await notices.post(postern, caller, user, EventType.PASSKEY_COUNTER_WENT_BACK)
    return postern.settings.passkeys_refuse_copies

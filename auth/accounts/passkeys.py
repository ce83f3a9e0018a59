"""Flow: the passkeys of a signed-in user: add, rename, remove."""

from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID, uuid4

from tortoise.exceptions import IntegrityError

from auth import admission, events, live_settings
from auth.accounts.enrolment import MfaChange
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.events import EventType
from auth.factors import (
    ceremonies,
    challenges,
    passkeys,
    recovery_codes,
    second_factor,
    trusted_devices,
)
from auth.factors.ceremonies import CeremonyError, NewPasskey, Person
from auth.factors.factor_type import MULTI_FACTOR
from auth.factors.recovery_codes import CodeSet, NoCodesError
from auth.limits.rate_limits import Limit
from auth.mail import notices
from auth.new_accounts import shown_name
from auth.postern import Postern
from auth.sessions import current, opening
from auth.sessions.current import SignedIn
from models import Passkey, User
from models.hot_paths import users
from models.passkey_challenge import CeremonyPurpose
from models.transactions import atomic

MOST = 20
"""How many passkeys a user may have."""
DEFAULT_NICKNAME = "Passkey"


@dataclass(frozen=True, kw_only=True)
class PasskeyChange(MfaChange):
    """A change's result, and the passkey that was added."""

    passkey: Passkey


async def add_passkey(postern: Postern, caller: Caller) -> str:
    """Return the options, as JSON, of adding a passkey that the user does not have yet.

    Raises AuthError: DISABLED_ENDPOINT, UNAUTHENTICATED, DISABLED_USER, UNVERIFIED_USER,
    ELEVATED_CLAIM_REQUIRED, INVALID_REQUEST (20 passkeys already).
    """
    passkeys.refuse_unless_enabled(postern)
    viewer = await current.recently_signed_in(postern, caller)
    return await creation_options(postern, viewer.user, str(viewer.session.id))


async def creation_options(postern: Postern, user: User, bound_to: str) -> str:
    """Return the options of adding a passkey, which only this session or ticket can answer.

    Raises AuthError: INVALID_REQUEST (20 passkeys already).
    """
    others = await passkeys.known(user)
    _refuse_more_than(MOST, len(others))
    fresh = ceremonies.new_handle()
    if await User.filter(id=user.id, user_handle__isnull=True).update(user_handle=fresh):
        user.user_handle = fresh
    else:
        await user.refresh_from_db()
    challenge = await challenges.begin(postern, CeremonyPurpose.ADD, bound_to)
    person = Person(str(user.user_handle), user.email, user.display_name)
    return ceremonies.creation_options(
        postern.settings, person, challenge, others=others, signs_in_alone=False
    )


async def verify_add_passkey(
    postern: Postern, caller: Caller, credential: str, nickname: str | None
) -> PasskeyChange:
    """Store the passkey; the first factor of a user brings recovery codes.

    The caller's session gets new tokens, and its older refresh tokens are revoked at once.
    Raises AuthError: DISABLED_ENDPOINT, UNAUTHENTICATED, DISABLED_USER, UNVERIFIED_USER,
    ELEVATED_CLAIM_REQUIRED, INVALID_PASSKEY, PASSKEY_ALREADY_ADDED, INVALID_REQUEST (the nickname,
    20 passkeys already), TOO_MANY_REQUESTS.
    """
    passkeys.refuse_unless_enabled(postern)
    viewer = await current.recently_signed_in(postern, caller)
    user, name = viewer.user, nickname_of(nickname)
    made = await taken_and_checked(postern, credential, str(viewer.session.id))
    await refuse_known(postern, made)
    _refuse_more_than(MOST, await Passkey.filter(user_id=user.id).count())
    new = _New(made, name)
    if recovery_codes.belongs_to(user):
        with suppress(NoCodesError):  # another request may remove the last factor meanwhile
            return await _add(postern, caller, viewer, new, None)
    await postern.rate_limits.spend(Limit.SIGN_UPS, caller.address)  # as much hashing
    return await _add(postern, caller, viewer, new, await recovery_codes.new_set(postern))


async def taken_and_checked(postern: Postern, credential: str, bound_to: str) -> NewPasskey:
    """Take the challenge of `creation_options`, and return the passkey of the answer.

    Raises AuthError: INVALID_PASSKEY.
    """
    answer = passkeys.parsed(credential)
    taken = await challenges.take(postern, answer, CeremonyPurpose.ADD, bound_to)
    return checked(postern, answer if taken else None)


@dataclass(frozen=True)
class _New:
    made: NewPasskey
    nickname: str


async def _add(
    postern: Postern, caller: Caller, viewer: SignedIn, new: _New, codes: CodeSet | None
) -> PasskeyChange:
    user = viewer.user
    async with atomic():
        await current.hold_to_add_factor(viewer)
        _refuse_more_than(MOST, await Passkey.filter(user_id=user.id).count())
        passkey = await store_as_factor(postern, caller, user, new.made, new.nickname)
        shown = await recovery_codes.give(user, codes)
        methods = (*new.made.shown.methods, MULTI_FACTOR)
        session = await opening.reissue(postern, viewer.session, shown=methods)
    return PasskeyChange(session, shown, passkey=passkey)


async def store_as_factor(
    postern: Postern, caller: Caller, user: User, made: NewPasskey, nickname: str
) -> Passkey:
    """Store the passkey as a factor of the user and tell them, in the transaction around.

    Raises AuthError: PASSKEY_ALREADY_ADDED.
    """
    passkey = await store(postern, caller, user, made, nickname)
    await User.filter(id=user.id).update(has_passkeys=True, has_second_factor=True)
    await trusted_devices.forget_all(user.id)
    await events.record(postern, caller, EventType.PASSKEY_ADDED, user.id)
    await notices.post(postern, caller, user, EventType.PASSKEY_ADDED)
    return passkey


async def refuse_known(postern: Postern, made: NewPasskey) -> None:
    """Raise AuthError: PASSKEY_ALREADY_ADDED, before anything costs work or tells of an account."""
    known = await Passkey.get_or_none(credential_id=made.credential_id).select_related("user")
    if known and not _is_nobodys(postern, known.user):
        raise AuthError(ErrorCode.PASSKEY_ALREADY_ADDED)


def _is_nobodys(postern: Postern, user: User) -> bool:
    """Return whether the account waits for its address to be verified, so that nobody uses it.

    Whether it has a passkey must not be told: that would tell whether its address was free.
    """
    return postern.settings.email_verified_required and not user.email_verified


async def _displace(postern: Postern, caller: Caller, credential_id: str) -> None:
    """Take the passkey from an account that nobody uses, in the transaction around.

    The account is looked at again once its row is locked: its address may just have been verified.
    """
    stored = Passkey.filter(credential_id=credential_id).select_related("user")
    known = await stored.first()
    if known is None or not _is_nobodys(postern, known.user):
        return
    await users.lock(known.user.id)
    known = await stored.first()
    if known and _is_nobodys(postern, known.user):
        user = known.user
        await known.delete()
        left = await Passkey.filter(user_id=user.id).exists()
        await User.filter(id=user.id).update(has_passkeys=left)
        await second_factor.note_removal(user)
        await events.record(postern, caller, EventType.PASSKEY_REMOVED, user.id)


async def rename_passkey(
    postern: Postern, caller: Caller, passkey_id: str, nickname: str
) -> Passkey:
    """Give a passkey of the user another name.

    Raises AuthError: UNAUTHENTICATED, DISABLED_USER, UNVERIFIED_USER, ELEVATED_CLAIM_REQUIRED,
    NO_PASSKEY, INVALID_REQUEST (the nickname).
    """
    viewer = await current.recently_signed_in(postern, caller)
    if not nickname.strip():
        raise AuthError(ErrorCode.INVALID_REQUEST, "nickname: required.")
    name = nickname_of(nickname)
    async with atomic():
        await current.hold(viewer)
        passkey = await _mine(viewer, passkey_id)
        await Passkey.filter(id=passkey.id).update(nickname=name)
        passkey.nickname = name
        await events.record(postern, caller, EventType.PASSKEY_RENAMED, viewer.user.id)
        await notices.post(postern, caller, viewer.user, EventType.PASSKEY_RENAMED)
    return passkey


async def remove_passkey(postern: Postern, caller: Caller, passkey_id: str) -> MfaChange:
    """Delete a passkey of the user; recovery codes go with the last factor.

    The caller's session gets new tokens, and its older refresh tokens are revoked at once.
    Raises AuthError: UNAUTHENTICATED, DISABLED_USER, UNVERIFIED_USER, ELEVATED_CLAIM_REQUIRED,
    SECOND_FACTOR_REQUIRED, NO_PASSKEY, NO_PASSWORD (it is the user's only way in).
    """
    viewer = await current.recently_signed_in(postern, caller, always=True)
    user = viewer.user
    async with atomic():
        await current.hold(viewer)
        await (await _mine(viewer, passkey_id)).delete()
        left = await Passkey.filter(user_id=user.id).exists()
        await user.refresh_from_db()
        if not await admission.has_way_in(await live_settings.as_stored(postern), user):
            raise AuthError(
                ErrorCode.NO_PASSWORD, "This is your only way to sign in. Set a password first."
            )
        await User.filter(id=user.id).update(has_passkeys=left)
        await second_factor.note_removal(user)
        second_factor.refuse_without_required(postern, user)
        await events.record(postern, caller, EventType.PASSKEY_REMOVED, user.id)
        await notices.post(postern, caller, user, EventType.PASSKEY_REMOVED)
        return MfaChange(await opening.reissue(postern, viewer.session))


async def of(user: User) -> list[Passkey]:
    """Return the user's passkeys, the oldest first."""
    return await Passkey.filter(user_id=user.id).order_by("created_at", "id")


async def accepted(postern: Postern, user: User) -> str | None:
    """Return what to tell authenticators of the user's passkeys; None if there never was one."""
    if user.user_handle is None:
        return None
    ids = [each.credential_id for each in await of(user)]
    return ceremonies.accepted(postern.settings, user.user_handle, ids)


def nickname_of(text: str | None) -> str:
    """Return the name as it is stored: trimmed, "Passkey" without one.

    Raises AuthError: INVALID_REQUEST beyond 100 characters, or with a control character.
    """
    return shown_name(text, field="nickname") or DEFAULT_NICKNAME


def checked(
    postern: Postern, answer: ceremonies.Answer | None, *, signs_in_alone: bool = False
) -> NewPasskey:
    """Return the new passkey of an answer whose challenge was taken; None if it was not.

    Raises AuthError: INVALID_PASSKEY; PASSKEY_WITHOUT_VERIFICATION only with `signs_in_alone`.
    """
    if answer is None:
        passkeys.log_refused(CeremonyError("a challenge that was used, or for another step"))
        raise AuthError(ErrorCode.INVALID_PASSKEY)
    try:
        made = ceremonies.check_new(postern.settings, answer, answer.challenge)
    except CeremonyError as error:
        passkeys.log_refused(error)
        raise AuthError(ErrorCode.INVALID_PASSKEY) from None
    if signs_in_alone and not made.shown.user_verified:
        raise AuthError(ErrorCode.PASSKEY_WITHOUT_VERIFICATION)
    return made


async def store(
    postern: Postern, caller: Caller, user: User, made: NewPasskey, nickname: str
) -> Passkey:
    """Store the passkey, in the transaction around.

    Raises AuthError: PASSKEY_ALREADY_ADDED (of this user or another one).
    """
    await _displace(postern, caller, made.credential_id)
    try:
        return await Passkey.create(
            id=uuid4(),
            user_id=user.id,
            credential_id=made.credential_id,
            public_key=made.public_key,
            sign_count=made.shown.sign_count,
            transports=made.transports,
            backup_eligible=made.shown.backup_eligible,
            backed_up=made.shown.backed_up,
            verifies_user=made.shown.user_verified,
            nickname=nickname,
            created_at=postern.now(),
        )
    except IntegrityError:
        raise AuthError(ErrorCode.PASSKEY_ALREADY_ADDED) from None


async def _mine(viewer: SignedIn, passkey_id: str) -> Passkey:
    try:
        found = await Passkey.get_or_none(id=UUID(passkey_id), user_id=viewer.user.id)
    except ValueError:
        found = None
    if found is None:
        raise AuthError(ErrorCode.NO_PASSKEY)
    return found


def _refuse_more_than(most: int, there: int) -> None:
    if there >= most:
        raise AuthError(
            ErrorCode.INVALID_REQUEST, f"You have {most} passkeys already. Remove one first."
        )

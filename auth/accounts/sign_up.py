"""Flow: create an account with a password, and its first session."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from auth import access_lists, admission, email_addresses, new_accounts, passwords
from auth.admission import Proven
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.limits import throttling
from auth.limits.rate_limits import Limit
from auth.mail import links, outbox
from auth.mail.kinds import SIGN_UP_AGAIN, VERIFY_EMAIL
from auth.new_accounts import NO_WISHES, Wishes
from auth.postern import Postern
from auth.sessions.opening import Session
from models import User, proofs
from models.proofs import Proof
from models.transactions import atomic


async def sign_up_email_password(
    postern: Postern,
    caller: Caller,
    email: str,
    password: str,
    wishes: Wishes = NO_WISHES,
) -> Session:
    """Create an account and sign its user in.

    The account and its first session are created together or not at all. If new accounts must wait
    for the operator, or for a second factor, only the account is created, and DISABLED_USER,
    UNVERIFIED_USER or SECOND_FACTOR_REQUIRED is raised.
    Raises AuthError: these three, SIGNUP_DISABLED, EMAIL_NOT_ALLOWED, TOO_MANY_REQUESTS, and
    whatever `create_account` raises.
    """
    redirect_to = await begin(postern, caller, email, wishes)
    user = await _new_user(postern, email, password, wishes)

    async def proof() -> Proof:
        return proofs.password_unchanged(user)

    return await finish(postern, caller, user, redirect_to, proof)


async def begin(postern: Postern, caller: Caller, email: str, wishes: Wishes) -> str:
    """Count a sign-up, before anything is written; return where the link of its mail leads.

    Raises AuthError: SIGNUP_DISABLED, TOO_MANY_REQUESTS, REDIRECT_TO_NOT_ALLOWED, INVALID_REQUEST
    (the address), EMAIL_NOT_ALLOWED.
    """
    if postern.settings.disable_signup:
        raise AuthError(ErrorCode.SIGNUP_DISABLED)
    await postern.rate_limits.spend(Limit.SIGN_UPS, caller.address)
    redirect_to = links.allowed_redirect(postern.settings, wishes.redirect_to)
    access_lists.refuse_unwelcome(postern.settings, email_addresses.required(email))
    return redirect_to


def tells_by_mail(postern: Postern) -> bool:
    """Return whether only a mail to the address says whether there was an account before."""
    return postern.settings.email_verified_required and postern.settings.mail != "off"


_TOLD_BY_MAIL = (ErrorCode.EMAIL_ALREADY_IN_USE, ErrorCode.PASSKEY_ALREADY_ADDED)


async def finish(
    postern: Postern,
    caller: Caller,
    user: User,
    redirect_to: str,
    prove: Callable[[], Awaitable[Proof]],
) -> Session:
    """Store the account and sign its user in, in one transaction.

    `prove` runs in it, once the account is stored; it returns how the user has authenticated.
    Raises AuthError: DISABLED_USER and UNVERIFIED_USER, if the account must wait;
    SECOND_FACTOR_REQUIRED, if its user has to sign in to set up a factor; EMAIL_ALREADY_IN_USE;
    TOO_MANY_REQUESTS.
    """
    link, by_mail = {"redirectTo": redirect_to}, tells_by_mail(postern)
    kept_out = admission.kept_out(postern, user)
    if by_mail:
        await outbox.spend_limits(postern, caller, VERIFY_EMAIL, user.email)
    try:
        async with atomic():
            await new_accounts.store(postern, caller, user)
            proof = await prove()
            if by_mail:
                await outbox.request(postern, VERIFY_EMAIL, user.email, link)
            attempt = throttling.begun(postern, caller, throttling.password_of(user.email), user.id)
            shown = replace(attempt, counted=True)  # a new credential is not a guess
            session = None if kept_out else await admission.admit(Proven(user, proof, shown))
    except AuthError as error:
        # The same answer as for a new account: the mail tells the owner of this one. Nor is a
        # passkey that exists told, which is looked at only if the address is free.
        if not by_mail or error.code not in _TOLD_BY_MAIL:
            raise
        if error.code is ErrorCode.EMAIL_ALREADY_IN_USE:
            await outbox.request(postern, SIGN_UP_AGAIN, user.email, link)
    if kept_out:
        raise AuthError(kept_out, tells_of_account=True)
    if not isinstance(session, Session):  # a ticket: the answer of a sign-in shows one
        raise AuthError(ErrorCode.SECOND_FACTOR_REQUIRED)
    return session


async def create_account(
    postern: Postern, caller: Caller, email: str, password: str, wishes: Wishes = NO_WISHES
) -> User:
    """Create an account, on the operator's word: whatever the access lists say.

    Raises AuthError: INVALID_REQUEST (an invalid e-mail address or display name, a password beyond
    1024 bytes, metadata with a NUL character), PASSWORD_TOO_SHORT, PASSWORD_TOO_COMMON,
    ROLE_NOT_ALLOWED, DEFAULT_ROLE_MUST_BE_IN_ALLOWED_ROLES, EMAIL_ALREADY_IN_USE,
    TOO_MANY_REQUESTS.
    """
    user = await _new_user(postern, email, password, wishes)
    user.disabled = False
    async with atomic():
        await new_accounts.store(postern, caller, user)
    return user


async def _new_user(postern: Postern, email: str, password: str, wishes: Wishes) -> User:
    """Validate the input and return the account, not stored yet."""
    address = email_addresses.required(email)
    passwords.refuse_unfit(password, email=address, settings=postern.settings)
    user = new_accounts.described(postern.settings, address, wishes)
    user.password_hash = await postern.passwords.hash(password)
    return user

"""Flow: create an account with a passkey and no password, and its first session."""

from auth import admission, email_addresses, new_accounts
from auth.accounts import passkeys as passkey_flows
from auth.accounts import sign_up
from auth.accounts.passkeys import PasskeyChange
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.factors import ceremonies, challenges, passkeys, recovery_codes
from auth.factors.ceremonies import Person
from auth.factors.passkeys import Used
from auth.new_accounts import NO_WISHES, Wishes
from auth.postern import Postern
from models import Passkey, User
from models.passkey_challenge import CeremonyPurpose
from models.proofs import Proof


async def sign_up_passkey(
    postern: Postern, caller: Caller, email: str, wishes: Wishes = NO_WISHES
) -> str:
    """Return the options, as JSON, of making an account's first passkey; nothing is created yet.

    The authenticator has to store the passkey and to verify its user: it is the only way in.
    Raises AuthError: DISABLED_ENDPOINT, EMAIL_ALREADY_IN_USE (not where only a mail tells that),
    and as `sign_up.begin` and `new_accounts.described` do.
    """
    passkeys.refuse_unless_enabled(postern)
    await sign_up.begin(postern, caller, email, wishes)
    address = email_addresses.required(email)
    user = new_accounts.described(postern.settings, address, wishes)
    if not sign_up.tells_by_mail(postern) and await User.exists(email=address):
        raise AuthError(ErrorCode.EMAIL_ALREADY_IN_USE)
    handle = ceremonies.new_handle()
    account = {"email": address, "wishes": wishes.as_json(), "handle": handle}
    challenge = await challenges.begin(postern, CeremonyPurpose.SIGN_UP, account=account)
    person = Person(handle, user.email, user.display_name)
    return ceremonies.creation_options(postern.settings, person, challenge, signs_in_alone=True)


async def verify_sign_up_passkey(
    postern: Postern, caller: Caller, credential: str, nickname: str | None
) -> PasskeyChange:
    """Create the account with its passkey and its recovery codes, and sign its user in.

    If new accounts must wait, the account is created without recovery codes, which nobody could
    see, and DISABLED_USER or UNVERIFIED_USER is raised.
    Raises AuthError: these two, DISABLED_ENDPOINT, INVALID_PASSKEY, PASSKEY_WITHOUT_VERIFICATION,
    PASSKEY_ALREADY_ADDED, INVALID_REQUEST (the nickname), and as `sign_up.finish` does.
    """
    passkeys.refuse_unless_enabled(postern)
    name = passkey_flows.nickname_of(nickname)
    answer = passkeys.parsed(credential)
    taken = await challenges.take(postern, answer, CeremonyPurpose.SIGN_UP)
    account = (taken and taken.account) or {}
    made = passkey_flows.checked(postern, answer if taken else None, signs_in_alone=True)
    await passkey_flows.refuse_known(postern, made)
    wishes = Wishes(**account["wishes"])
    user = new_accounts.described(postern.settings, account["email"], wishes)
    user.user_handle = account["handle"]
    user.has_passkeys = user.has_second_factor = True
    waits = admission.kept_out(postern, user) is not None
    codes = None if waits else await recovery_codes.new_set(postern)
    stored: list[Passkey] = []

    async def prove() -> Proof:
        stored.append(await passkey_flows.store(postern, caller, user, made, name))
        if codes:
            await recovery_codes.replace(user, codes)
        return Used(stored[0], made.shown).proof(postern, stands_alone=True)

    redirect_to = wishes.redirect_to or postern.settings.client_url
    session = await sign_up.finish(postern, caller, user, redirect_to, prove)
    return PasskeyChange(session, codes.shown if codes else (), passkey=stored[0])

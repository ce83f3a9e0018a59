"""Flow: a code of six digits, sent to an e-mail address -> Session | MfaTicket."""

import re
from dataclasses import dataclass, field

from auth.admission import MfaTicket
from auth.caller import Caller
from auth.errors import AuthError, ErrorCode
from auth.factors import typed_codes
from auth.limits import throttling
from auth.mail import tickets
from auth.mail.kinds import SIGN_IN_CODE
from auth.new_accounts import NO_WISHES, Wishes
from auth.postern import Postern
from auth.sessions.opening import Session
from auth.ways_in import by_mail, guessable
from models import TrustedDevice, User, proofs
from models.proofs import Proof

_CODE = re.compile(rf"[0-9]{{{tickets.CODE_DIGITS}}}")


async def sign_in_otp_email(
    postern: Postern,
    caller: Caller,
    email: str,
    wishes: Wishes = NO_WISHES,
    *,
    only_new: bool = False,
) -> None:
    """Send a code to sign in with. It replaces an earlier one.

    Raises AuthError: DISABLED_ENDPOINT, and as `by_mail.send` does.
    """
    _refuse_unless_enabled(postern)
    await by_mail.send(postern, caller, SIGN_IN_CODE, email, wishes, only_new=only_new)


async def verify_sign_in_otp_email(
    postern: Postern, caller: Caller, email: str, otp: str
) -> Session | MfaTicket:
    """Exchange the code for a session, or for a ticket if the user has a second factor.

    Raises AuthError: DISABLED_ENDPOINT, INVALID_OTP (after the same work whether or not a code was
    sent), and as `guessable.sign_in` does, DISABLED_USER, TOO_MANY_REQUESTS.
    """
    _refuse_unless_enabled(postern)
    code = typed_codes.plain(otp)
    if not _CODE.fullmatch(code):  # costs no attempt
        raise AuthError(ErrorCode.INVALID_OTP)
    return await guessable.sign_in(postern, caller, email, _Code(postern, email, code))


def _refuse_unless_enabled(postern: Postern) -> None:
    if not postern.settings.otp_email_enabled:
        raise AuthError(
            ErrorCode.DISABLED_ENDPOINT,
            "Signing in with a code by mail is switched off on this server.",
        )


@dataclass
class _Code:
    """A code in a mail, as a guessable secret."""

    postern: Postern
    email: str
    text: str = field(repr=False)
    claims: bool = False

    def subject(self, address: str) -> str:
        return throttling.mailed_codes_of(address)

    def wrong(self) -> AuthError:
        return AuthError(ErrorCode.INVALID_OTP)

    async def check(self, user: User | None) -> Proof | None:
        ticket = await tickets.check_code(self.postern, user, self.email, self.text)
        if not user or not ticket:
            return None
        self.claims = by_mail.verify_address(user)
        return proofs.mail_ticket(ticket, self.postern.now())

    async def device(self, _user: User | None) -> TrustedDevice | None:
        return None

    async def pretend(self) -> None:
        await self.check(None)

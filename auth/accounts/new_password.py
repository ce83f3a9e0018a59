"""What ends with a password: whatever somebody who knew the old one may have begun."""

from uuid import UUID

from auth.caller import Caller
from auth.factors import totp
from auth.postern import Postern
from auth.sessions import ending
from models import MailTicket, MfaTicket, User
from models.mail_ticket import MailPurpose

_ENDED = (
    MailPurpose.RESET_PASSWORD,
    MailPurpose.SIGN_IN,
    MailPurpose.SIGN_IN_CODE,
    MailPurpose.CHANGE_EMAIL,
)


async def end_what_was_begun(
    postern: Postern, caller: Caller, user: User, *, but: UUID | None = None
) -> None:
    """End the user's sessions (except `but`), trusted browsers, open sign-ins and pending changes.

    Mailed tickets end too; only tickets that verify the address or take a change of it back stay.

    Call it in the transaction that has written the user's row.
    """
    await User.filter(id=user.id).update(new_email=None)
    await totp.forget_pending(user)
    await MailTicket.filter(user_id=user.id, purpose__in=_ENDED).delete()
    await MfaTicket.filter(user_id=user.id).delete()
    await ending.end_all(postern, caller, user, but=but)

"""What a resolver of the operators' schema needs besides its arguments."""

from dataclasses import dataclass, replace
from uuid import UUID

import strawberry

from auth.caller import Operator
from auth.errors import AuthError, ErrorCode
from auth.live_settings import Live
from auth.operators import authority, reading
from auth.postern import Postern
from models import User


@dataclass(frozen=True)
class AdminContext:
    """The server, and the operator who sends the request."""

    postern: Postern
    operator: Operator
    live: Live

    def acting(self, reason: str) -> Operator:
        """Return the operator with the reason of an act. Raises AuthError: INVALID_REQUEST."""
        return replace(self.operator, reason=authority.reason_of(reason))


Info = strawberry.Info[AdminContext, None]


async def user_of(user_id: str) -> User:
    """Return the user with this id. Raises AuthError: NOT_FOUND."""
    found = await User.get_or_none(id=id_of(user_id))
    if found is None:
        raise AuthError(ErrorCode.NOT_FOUND)
    return found


def id_of(text: str) -> UUID:
    """Return the id that a client sent. Raises AuthError: NOT_FOUND."""
    parsed = reading.parsed_id(text)
    if parsed is None:
        raise AuthError(ErrorCode.NOT_FOUND)
    return parsed

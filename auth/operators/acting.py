"""The transaction of an operator's act: who acts is asked again, and an operator is left."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from auth import admission
from auth.caller import Operator
from auth.errors import AuthError, ErrorCode
from auth.live_settings import as_stored
from auth.operators import authority
from auth.postern import Postern
from models import User
from models.hot_paths import operators
from models.transactions import atomic


@asynccontextmanager
async def acting(
    postern: Postern, operator: Operator, user: User | None = None
) -> AsyncIterator[None]:
    """Run the block in a transaction that holds the rows of the user and of all operators.

    The caller may have lost the role since the request began, and the settings may have changed:
    both are read again once the rows are held. If some operator could sign in before the block,
    some operator can sign in after it.
    Raises AuthError: NOT_FOUND (the user is gone), LAST_OPERATOR, and what `identify` raises.
    """
    async with atomic():
        is_there = await operators.lock(user.id if user else None)
        if operator.id is not None:
            await authority.refuse_unless_operator(postern, operator)
        if user is not None and not is_there:
            raise AuthError(ErrorCode.NOT_FOUND)
        # Whoever has the machine cannot be locked out.
        could = not operator.at_console and await some_can_sign_in(await as_stored(postern))
        yield
        if could and not await some_can_sign_in(await as_stored(postern)):
            raise AuthError(ErrorCode.LAST_OPERATOR)


async def some_can_sign_in(postern: Postern) -> bool:
    """Return whether an operator can sign in with these settings."""
    for each in await operators.find_all():
        if admission.kept_out(postern, each) is None and await admission.has_way_in(postern, each):
            return True
    return False

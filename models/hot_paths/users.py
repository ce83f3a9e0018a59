"""Finding a user by e-mail address."""

from models.hot_paths.steps import ATTEMPT_ALLOWED
from models.sql import Query
from models.user import User

_BY_ADDRESS = Query(User, where="email = :email", condition=ATTEMPT_ALLOWED)


async def find_by_address(
    address: str | None, *, throttle: str, seconds: int
) -> tuple[User | None, bool]:
    """Return the user with this address, and whether an attempt under `throttle` is allowed now."""
    return await _BY_ADDRESS.one_and_condition(email=address, throttle=throttle, seconds=seconds)

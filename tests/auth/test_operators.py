"""The operator's acts, as the database sees them."""

from uuid import uuid4

import pytest

from auth.caller import Operator
from auth.operators import acts
from auth.postern import Postern
from models import SecurityEvent, User
from tests.support import JOE, OPERATOR, refusal, sign_up_user

pytestmark = pytest.mark.anyio
ROOT = Operator(id=uuid4(), name="root@example.com", reason="why")


async def test_the_last_operator_is_looked_for_under_the_lock(postern: Postern) -> None:
    """A request that waits has loaded a user who may have become the last operator meanwhile."""
    await sign_up_user(postern)
    stale = await User.get(email=JOE)
    await User.filter(id=stale.id).update(roles=["user", "admin"])
    assert await refusal(acts.set_disabled(postern, ROOT, stale, disabled=True)) == "LAST_OPERATOR"
    assert await refusal(acts.delete_user(postern, ROOT, stale)) == "LAST_OPERATOR"
    assert await refusal(acts.set_roles(postern, ROOT, stale, ["user"], "user")) == "LAST_OPERATOR"
    assert await User.filter(id=stale.id, disabled=False).exists()


async def test_a_disabled_operator_does_not_count(postern: Postern) -> None:
    await sign_up_user(postern)
    await sign_up_user(postern, "ann@example.com")
    await User.all().update(roles=["user", "admin"])
    joe, ann = await User.get(email=JOE), await User.get(email="ann@example.com")
    await acts.set_disabled(postern, ROOT, ann, disabled=True)
    assert await refusal(acts.set_disabled(postern, ROOT, joe, disabled=True)) == "LAST_OPERATOR"
    await acts.set_disabled(postern, OPERATOR, joe, disabled=True)  # the command line may


async def test_an_act_on_somebody_who_is_no_operator_is_not_refused(postern: Postern) -> None:
    await sign_up_user(postern)
    joe = await User.get(email=JOE)
    await acts.set_disabled(postern, ROOT, joe, disabled=True)
    event = await SecurityEvent.get(type="USER_DISABLED")
    assert (event.operator_id, event.reason) == (ROOT.id, "why")

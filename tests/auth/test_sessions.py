from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auth import sessions, sign_up
from auth.postern import Postern
from models import User
from tests.support import PASSWORD, Clock, refusal

pytestmark = pytest.mark.anyio


@pytest.fixture
async def session(postern: Postern) -> sessions.Session:
    return await sign_up.sign_up_email_password(postern, "joe@example.com", PASSWORD, None)


async def test_me_is_the_user_of_the_token(postern: Postern, session: sessions.Session) -> None:
    assert await sessions.me(postern, session.access_token) == session.user
    assert await sessions.me(postern, None) is None


async def test_a_token_outlives_neither_its_time_nor_its_user(
    postern: Postern, session: sessions.Session, clock: Clock
) -> None:
    clock.forward(-timedelta(minutes=15, seconds=1).total_seconds())
    old = await sessions.issue(postern, session.user, ["pwd"])
    assert await refusal(sessions.me(postern, old.access_token)) == "UNAUTHENTICATED"
    await User.filter(id=session.user.id).update(disabled=True)
    assert await refusal(sessions.me(postern, session.access_token)) == "DISABLED_USER"
    await User.filter(id=session.user.id).delete()
    assert await refusal(sessions.me(postern, session.access_token)) == "UNAUTHENTICATED"


async def test_a_token_of_another_server_is_refused(
    postern: Postern, session: sessions.Session
) -> None:
    other = replace(postern, signing_key=Ed25519PrivateKey.generate())
    forged = await sessions.issue(other, session.user, ["pwd"])
    assert await refusal(sessions.me(postern, forged.access_token)) == "UNAUTHENTICATED"


async def test_a_session_does_not_show_its_tokens(session: sessions.Session) -> None:
    assert session.access_token not in repr(session)
    assert session.refresh_token not in repr(session)

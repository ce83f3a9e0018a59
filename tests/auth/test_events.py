import json
import logging

import pytest

from auth import events
from auth.errors import AuthError
from auth.events import EventType
from auth.postern import Postern
from models import SecurityEvent
from models.transactions import atomic
from tests.support import caller, event_names, refusal, sign_up_user

pytestmark = pytest.mark.anyio


async def test_an_event_is_a_line_of_json_in_the_log(
    postern: Postern, caplog: pytest.LogCaptureFixture
) -> None:
    session, _ = await sign_up_user(postern)
    caplog.clear()
    with caplog.at_level(logging.INFO, "postern.events"):
        await events.record(postern, caller(), EventType.SIGN_IN_FAILED, session.user.id)
    (line,) = caplog.messages
    assert json.loads(line) == {
        "event": "SIGN_IN_FAILED",
        "at": postern.now().isoformat(),
        "user": str(session.user.id),
        "address": "192.0.2.7",
        "userAgent": "Tests/1.0",
    }


async def test_pages_cover_all_events_of_the_user(postern: Postern) -> None:
    session, _ = await sign_up_user(postern)
    await sign_up_user(postern, "amy@example.com")
    for _ in range(5):
        await events.record(postern, caller(), EventType.SIGN_IN_FAILED, session.user.id)
    await events.record(postern, caller(), EventType.SIGN_IN_FAILED)
    seen: list[SecurityEvent] = []
    after = None
    sizes = []
    while True:
        page = await events.page_of(session.user, first=3, after=after)
        seen += page.entries
        sizes.append(len(page.entries))
        if not page.has_next:
            break
        after = events.cursor(page.entries[-1])
    assert sizes == [3, 3, 1]
    assert [event.type for event in seen] == ["SIGN_IN_FAILED"] * 5 + ["SIGNED_IN", "SIGNED_UP"]
    assert sorted((event.id for event in seen), reverse=True) == [event.id for event in seen]


@pytest.mark.parametrize("first", [0, -1, 101, 2**31 - 1])
async def test_a_page_has_1_to_100_events(postern: Postern, first: int) -> None:
    session, _ = await sign_up_user(postern)
    assert await refusal(events.page_of(session.user, first=first)) == "INVALID_REQUEST"


@pytest.mark.parametrize("after", ["x", "é", "LTE=", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "\0", "MQ"])
async def test_an_invalid_cursor_is_refused(postern: Postern, after: str) -> None:
    session, _ = await sign_up_user(postern)
    with pytest.raises(AuthError) as refused:
        await events.page_of(session.user, first=1, after=after)
    assert refused.value.extensions["code"] == "INVALID_REQUEST"


async def test_an_event_is_logged_after_the_commit(
    postern: Postern, caplog: pytest.LogCaptureFixture
) -> None:
    session, _ = await sign_up_user(postern)
    caplog.set_level(logging.INFO)
    caplog.clear()

    async def undone() -> None:
        async with atomic():
            await events.record(postern, caller(), EventType.FACTOR_ON, session.user.id)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await undone()
    assert "FACTOR_ON" not in await event_names()
    assert caplog.text == ""
    async with atomic():
        async with atomic():
            await events.record(postern, caller(), EventType.FACTOR_ON, session.user.id)
        assert caplog.text == ""
    assert caplog.text.count("FACTOR_ON") == 1

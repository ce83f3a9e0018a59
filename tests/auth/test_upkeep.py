"""What operators do for the server itself."""

from typing import Any
from uuid import uuid4

import pytest

from auth.caller import Operator
from auth.operators import settings, upkeep
from auth.postern import Postern
from models import Mail, SecurityEvent, SettingChange
from tests.support import JOE, refusal

pytestmark = pytest.mark.anyio
OPERATOR = Operator(name="the admin secret", reason="It was down.")


async def dead_mail(postern: Postern) -> Mail:
    return await Mail.create(
        id=uuid4(),
        created_at=postern.now(),
        kind="password-reset",
        recipient=JOE,
        variables={},
        attempts=8,
        due_at=None,
    )


async def test_a_mail_that_was_given_up_is_sent_again(postern: Postern) -> None:
    mail = await dead_mail(postern)
    assert [each.id for each in (await upkeep.dead_mails()).entries] == [mail.id]
    await upkeep.retry_mail(postern, OPERATOR, mail.id)
    await mail.refresh_from_db()
    assert (mail.due_at, mail.attempts) == (postern.now(), 0)
    event = await SecurityEvent.get(type="MAIL_RETRIED")
    assert (event.operator_id, event.reason) == (OPERATOR.id, OPERATOR.reason)
    assert postern.mail_is_waiting.is_set()


async def test_a_mail_is_sent_again_once(postern: Postern) -> None:
    mail = await dead_mail(postern)
    await upkeep.retry_mail(postern, OPERATOR, mail.id)
    assert await refusal(upkeep.retry_mail(postern, OPERATOR, mail.id)) == "NOT_FOUND"
    assert await refusal(upkeep.retry_mail(postern, OPERATOR, uuid4())) == "NOT_FOUND"


async def test_dead_mails_are_listed_page_by_page(postern: Postern) -> None:
    mails = {(await dead_mail(postern)).id for _ in range(5)}
    seen, after = set(), None
    for _ in range(3):
        page = await upkeep.dead_mails(first=2, after=after)
        seen |= {each.id for each in page.entries}
        last = page.entries[-1]
        after = upkeep.cursor(last)
    assert seen == mails


async def test_a_change_of_settings_keeps_who_and_why(postern: Postern) -> None:
    changes = {"AUTH_PASSWORD_MIN_LENGTH": "9"}
    assert await settings.change_settings(postern, OPERATOR, changes) == 1
    change = await SettingChange.get()
    assert (change.operator_id, change.operator_name) == (OPERATOR.id, OPERATOR.name)
    event = await SecurityEvent.get(type="SETTING_CHANGED")
    assert (event.operator_id, event.reason) == (OPERATOR.id, OPERATOR.reason)


async def test_a_change_that_changes_nothing_is_not_in_the_history(postern: Postern) -> None:
    changes = {"AUTH_PASSWORD_MIN_LENGTH": "9"}
    for _ in range(2):
        await settings.change_settings(postern, OPERATOR, changes)
    assert await SettingChange.all().count() == 1


async def test_undoing_the_first_change_removes_the_operators_value(postern: Postern) -> None:
    for value in ("9", "10"):
        await settings.change_settings(postern, OPERATOR, {"AUTH_PASSWORD_MIN_LENGTH": value})
    first, second = await SettingChange.all().order_by("id")
    for change in (second, first):
        await settings.undo(postern, OPERATOR, change.id)
    values: list[Any] = await SettingChange.all().order_by("id").values_list("value", flat=True)
    assert values == ["9", "10", "9", None]
    assert await refusal(settings.undo(postern, OPERATOR, 12345)) == "NOT_FOUND"

"""Atomic changes run all of their steps or none, on both databases."""

import subprocess
from datetime import UTC, datetime

import pytest

from auth.postern import Postern
from models import User, UserSession
from models.rows import Rows
from models.sql import AtomicChange, Query
from models.transactions import atomic
from tests.support import JOE, ROOT, sign_up_user

pytestmark = pytest.mark.anyio
TIMES = ["created_at", "authenticated_at", "last_used_at", "expires_at"]
LOCK: Query[User] = Query(User, where="email = :email")
RENAME = "UPDATE users SET display_name = :name WHERE email = :email AND {previous} RETURNING id"
NOTHING = "UPDATE users SET locale = :name WHERE email = 'nobody' AND {previous} RETURNING id"


@pytest.fixture
async def joe(postern: Postern) -> User:
    session, _ = await sign_up_user(postern)
    return session.user


async def name_of(user: User) -> str:
    return (await User.get(id=user.id)).display_name


async def test_a_step_without_a_row_undoes_the_steps_before_it(joe: User) -> None:
    change: AtomicChange[User] = AtomicChange(LOCK, steps={"one": RENAME, "two": NOTHING})
    with pytest.raises(Exception, match=r"found nothing|division by zero"):
        await change.run(email=JOE, name="Half")
    assert await name_of(joe) == JOE


async def test_a_first_step_without_a_row_changes_nothing(joe: User) -> None:
    change: AtomicChange[User] = AtomicChange(LOCK, steps={"one": NOTHING, "two": RENAME})
    assert await change.run(email=JOE, name="Half") == frozenset()
    assert await name_of(joe) == JOE


async def test_an_optional_step_without_a_row_skips_the_rest(joe: User) -> None:
    change: AtomicChange[User] = AtomicChange(
        LOCK,
        steps={"one": RENAME},
        then={"two": NOTHING, "three": RENAME.replace("name =", "name = 'x' ||")},
    )
    assert await change.run(email=JOE, name="Joe") == {"one"}
    assert await name_of(joe) == "Joe"


async def test_a_change_is_rolled_back_with_its_transaction(joe: User) -> None:
    change: AtomicChange[User] = AtomicChange(LOCK, steps={"one": RENAME})

    async def half() -> None:
        async with atomic():
            assert await change.run(email=JOE, name="Half")
            assert await name_of(joe) == "Half"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await half()
    assert await name_of(joe) == JOE


async def test_without_a_locked_row_nothing_changes(joe: User) -> None:
    change: AtomicChange[User] = AtomicChange(LOCK, steps={"one": RENAME})
    assert await change.take(email="nobody", name="Joe") is None
    assert await name_of(joe) == JOE


async def test_a_query_returns_what_the_orm_returns(joe: User) -> None:
    query: Query[UserSession] = Query(UserSession, "user", where="user_id = :user")
    found = await query.one(user=str(joe.id))
    expected = await UserSession.get(user_id=joe.id).select_related("user")
    assert found
    assert vars(found.user) == vars(expected.user)
    assert {**vars(found), "_user": None} == {**vars(expected), "_user": None}
    found.user.display_name = "Joe"
    await found.user.save()
    assert await name_of(joe) == "Joe"


async def test_the_rows_of_either_database_are_read_whichever_was_first(joe: User) -> None:
    """One process may use both, as these tests do."""
    at, user, rows = datetime(2026, 11, 28, tzinfo=UTC), joe.id, Rows(UserSession)
    stored = {"id": str(user), "user_id": str(user), "methods": '["pwd"]', "address": None,
              "user_agent": "A", **dict.fromkeys(TIMES, "2026-11-28 00:00:00+00:00")}  # fmt: skip
    columns = list(UserSession._meta.db_fields)
    found = rows.model(iter([stored[column] for column in columns]))
    native = stored | {"id": user, "user_id": user} | dict.fromkeys(TIMES, at)
    again = rows.model(iter([native[column] for column in columns]))
    for session in (found, again):
        assert (session.id, session.user_id) == (user, user)  # type: ignore[attr-defined]
        assert (session.expires_at, session.methods, session.user_agent) == (at, ["pwd"], "A")
    flags = dict.fromkeys(["disabled", "email_verified", "has_passkeys", "has_second_factor"], 1)
    given = {column: flags.get(column) for column in User._meta.db_fields}
    assert Rows(User).model(iter(given.values())).disabled is True


def test_a_step_must_depend_on_the_previous_one() -> None:
    with pytest.raises(ValueError, match="two"):
        AtomicChange(LOCK, steps={"one": RENAME, "two": "DELETE FROM users RETURNING id"})


def test_sql_is_written_only_in_models() -> None:
    statement = r"\b(SELECT .* FROM|INSERT INTO|UPDATE [a-z_]+ SET|DELETE FROM)\b"
    rooms = ["config", "auth", "api", "cli"]
    found = subprocess.run(
        ["git", "grep", "-nE", statement, "--", *(f"{room}/*.py" for room in rooms)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.stdout == ""

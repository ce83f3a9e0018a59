"""Users of a Nhost Auth database, on a PostgreSQL that has one: they come along whole or not."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import bcrypt
import pytest

from auth import mfa_sign_in, nhost_import, sessions, sign_in, totp
from auth.nhost_import import Report
from auth.passwords import is_known
from auth.postern import Postern
from models import User
from tests.support import PASSWORD, Clock, caller, refusal, sign_up_user

pytestmark = pytest.mark.anyio
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXPJBSW"
BCRYPT = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
TABLES = """
    CREATE EXTENSION citext;
    CREATE SCHEMA auth;
    CREATE DOMAIN auth.email AS citext CHECK (VALUE ~ '^[^@]+@[^@]+$');
    CREATE TABLE auth.roles (role text PRIMARY KEY);
    CREATE TABLE auth.users (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        last_seen timestamptz,
        disabled boolean NOT NULL DEFAULT false,
        display_name text NOT NULL DEFAULT '',
        avatar_url text NOT NULL DEFAULT '',
        locale varchar(2) NOT NULL DEFAULT 'en',
        email auth.email UNIQUE,
        phone_number text UNIQUE,
        password_hash text,
        email_verified boolean NOT NULL DEFAULT false,
        phone_number_verified boolean NOT NULL DEFAULT false,
        new_email auth.email,
        otp_method_last_used text,
        otp_hash text,
        otp_hash_expires_at timestamptz NOT NULL DEFAULT now(),
        default_role text NOT NULL DEFAULT 'user' REFERENCES auth.roles (role),
        is_anonymous boolean NOT NULL DEFAULT false,
        totp_secret text,
        active_mfa_type text CHECK (active_mfa_type IN ('totp', 'sms')),
        ticket text,
        ticket_expires_at timestamptz NOT NULL DEFAULT now(),
        metadata jsonb,
        webauthn_current_challenge text
    );
    CREATE TABLE auth.user_roles (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        created_at timestamptz NOT NULL DEFAULT now(),
        user_id uuid NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE,
        role text NOT NULL REFERENCES auth.roles (role),
        UNIQUE (user_id, role)
    );
    INSERT INTO auth.roles VALUES ('user'), ('me'), ('editor');
"""
"""What Nhost Auth's own migrations make of the two tables that matter."""
JOE, AMY, BOB = (UUID(int=n) for n in (1, 2, 3))


class Nhost:
    """A database of Nhost Auth's, and users in it."""

    def __init__(self, url: str, connection: Any) -> None:
        self.url, self.connection = url, connection

    async def add(self, user_id: UUID, **columns: Any) -> None:
        values = {"id": user_id, "password_hash": BCRYPT} | columns
        names = ", ".join(values)
        places = ", ".join(f"${n + 1}" for n in range(len(values)))
        statement = f"INSERT INTO auth.users ({names}) VALUES ({places})"
        await self.connection.execute(statement, *values.values())

    async def add_role(self, user_id: UUID, role: str) -> None:
        statement = "INSERT INTO auth.user_roles (user_id, role) VALUES ($1, $2)"
        await self.connection.execute(statement, user_id, role)


@pytest.fixture
async def nhost(postgres_database: dict[str, str]) -> AsyncIterator[Nhost]:
    url = postgres_database["DATABASE_URL"]
    connection = await asyncpg.connect(url)
    await connection.execute(TABLES)
    yield Nhost(url, connection)
    await connection.close()


async def moved_in(postern: Postern, nhost: Nhost, *, dry_run: bool = False) -> Report:
    seen: list[tuple[int, int]] = []
    report = await nhost_import.import_users(
        postern, nhost.url, dry_run=dry_run, progress=lambda *far: seen.append(far)
    )
    total = report.imported + report.already_there + len(report.skipped)
    assert not total or seen[-1] == (total, total)
    return report


async def test_a_user_comes_along_with_everything(
    postern: Postern, nhost: Nhost, clock: Clock
) -> None:
    born = datetime(2024, 2, 29, 12, tzinfo=UTC)
    await nhost.add(
        JOE,
        email="Joe@Example.com",
        display_name="Joe",
        locale="de",
        email_verified=True,
        default_role="editor",
        totp_secret=SECRET,
        active_mfa_type="totp",
        metadata='{"team": {"id": 7}}',
        created_at=born,
        last_seen=born,
    )
    await nhost.add_role(JOE, "user")
    await nhost.add_role(JOE, "editor")
    assert await moved_in(postern, nhost) == Report(imported=1, with_factor=1)
    joe = await User.get(id=JOE)
    assert (joe.email, joe.display_name, joe.locale) == ("joe@example.com", "Joe", "de")
    assert (joe.email_verified, joe.disabled) == (True, False)
    assert (joe.default_role, joe.roles) == ("editor", ["editor", "user"])
    assert joe.metadata == {"team": {"id": 7}}
    assert (joe.created_at, joe.last_signed_in_at) == (born, born)
    assert SECRET not in str(joe.totp_secret)

    answer = await sign_in.sign_in_email_password(postern, caller(), "joe@example.com", PASSWORD)
    assert isinstance(answer, sign_in.MfaTicket)
    code = totp.code_at(SECRET, totp.time_step(clock()))
    session = await mfa_sign_in.verify_sign_in_mfa_totp(postern, caller(), answer.ticket, code)
    assert session.user.active_mfa_type == "totp"
    assert (await User.get(id=JOE)).password_hash.startswith("$argon2id$"), "bcrypt is replaced"
    assert await sign_in.sign_in_email_password(postern, caller(), "joe@example.com", PASSWORD)


async def test_a_bcrypt_hash_is_verified_like_any_other(postern: Postern, nhost: Nhost) -> None:
    await nhost.add(JOE, email="joe@example.com", totp_secret=SECRET)
    await moved_in(postern, nhost)
    for wrong in ("", "wrong", PASSWORD + "x", "x" * 73, PASSWORD + "x" * 72):
        attempt = sign_in.sign_in_email_password(postern, caller(), "joe@example.com", wrong)
        assert await refusal(attempt) == "INVALID_EMAIL_PASSWORD"
    session = await sign_in.sign_in_email_password(postern, caller(), "joe@example.com", PASSWORD)
    assert isinstance(session, sessions.Session), "a secret that was never activated is none"
    assert (await User.get(id=JOE)).totp_secret is None


async def test_what_cannot_come_along_is_named_and_nothing_of_it_is_written(
    postern: Postern, nhost: Nhost
) -> None:
    await sign_up_user(postern, "taken@example.com")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"email": None}, "no e-mail address"),
        ({"email": "not@an@address"}, ""),
        ({"email": "a b@example"}, "no e-mail address"),
        ({"password_hash": None}, "no password (a provider's user, say)"),
        ({"password_hash": "$1$md5"}, "a password hash of another kind"),
        ({"is_anonymous": True}, "anonymous"),
        ({"active_mfa_type": "sms"}, "a second factor of another kind"),
        ({"active_mfa_type": "totp"}, "a second factor without a usable secret"),
        ({"active_mfa_type": "totp", "totp_secret": "0189!"}, "a second factor without a usable"),
        ({"metadata": "[1]"}, "metadata that is no object"),
        ({"email": "Taken@example.com"}, "another user here has the e-mail address"),
    ]
    reasons: dict[UUID, str] = {}
    for number, (columns, reason) in enumerate(wrong):
        if reason:
            reasons[UUID(int=100 + number)] = reason
            named = {"email": f"user-{number}@example.com"} | columns
            await nhost.add(UUID(int=100 + number), **named)
    await nhost.add(UUID(int=999), email="good@example.com")
    report = await moved_in(postern, nhost)
    assert report.imported == 1
    assert set(dict(report.skipped)) == set(reasons)
    for user_id, reason in report.skipped:
        assert reason.startswith(reasons[user_id])
    assert sorted(str(user.email) for user in await User.all()) == [
        "good@example.com", "taken@example.com",
    ]  # fmt: skip


async def test_it_can_be_tried_stopped_and_repeated(
    postern: Postern, nhost: Nhost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nhost_import, "BATCH", 3)
    for number in range(10):
        await nhost.add(UUID(int=number + 1), email=f"user-{number}@example.com")
    assert await moved_in(postern, nhost, dry_run=True) == Report(imported=10)
    assert await User.all().count() == 0

    def stop(done: int, _total: int) -> None:
        if done > 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await nhost_import.import_users(postern, nhost.url, dry_run=False, progress=stop)
    assert await User.all().count() == 6
    changed = User.filter(id=UUID(int=1))
    await changed.update(display_name="Changed here")
    assert await moved_in(postern, nhost) == Report(imported=4, already_there=6)
    assert await moved_in(postern, nhost) == Report(already_there=10)
    assert (await changed.get()).display_name == "Changed here"


async def test_who_signs_up_meanwhile_keeps_the_address(
    postern: Postern, nhost: Nhost, monkeypatch: pytest.MonkeyPatch
) -> None:
    await nhost.add(JOE, email="joe@example.com")
    await nhost.add(AMY, email="amy@example.com")
    await sign_up_user(postern, "joe@example.com")

    async def nobody(_users: object) -> set[str]:
        return set()

    monkeypatch.setattr(nhost_import, "_taken", nobody)
    report = await moved_in(postern, nhost)
    assert report == Report(imported=1, skipped=[(JOE, "another user here has the e-mail address")])
    assert await User.filter(id=AMY).count() == 1


async def test_a_secret_opens_for_its_user_alone(postern: Postern, nhost: Nhost) -> None:
    for user_id, name in ((AMY, "amy"), (BOB, "bob")):
        columns = {"email": f"{name}@example.com", "totp_secret": SECRET}
        await nhost.add(user_id, active_mfa_type="totp", **columns)
    await moved_in(replace(postern), nhost)
    sealed = {str((await User.get(id=user_id)).totp_secret) for user_id in (AMY, BOB)}
    assert len(sealed) == 2


def test_a_hash_is_told_by_its_form() -> None:
    assert is_known(BCRYPT)
    assert is_known("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaA")
    for other in ("", "$2b$", BCRYPT + "\n", "$argon2i$v=19$", "x"):
        assert not is_known(other)

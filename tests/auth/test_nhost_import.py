"""Importing the users of a Nhost Auth database, on PostgreSQL: completely or not at all."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import bcrypt
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from webauthn.helpers import bytes_to_base64url

from auth import admission, tickets
from auth.factors import one_time_codes, totp
from auth.importing import nhost_import
from auth.importing.nhost_import import Report
from auth.importing.nhost_users import read_keys
from auth.postern import Postern
from auth.sessions import opening
from auth.ways_in import email_password, passkey
from models import Passkey, User, nhost_source
from tests.passkey_device import Credential, Device, cose_key
from tests.support import PASSWORD, Clock, caller, refusal, sign_up_user, with_settings

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
    CREATE TABLE auth.user_security_keys (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        user_id uuid NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE,
        credential_id text UNIQUE NOT NULL,
        credential_public_key bytea,
        counter bigint NOT NULL DEFAULT 0,
        transports varchar NOT NULL DEFAULT '',
        nickname text
    );
    INSERT INTO auth.roles VALUES ('user'), ('me'), ('editor');
"""
"""The tables as Nhost Auth's own migrations create them."""
JOE, AMY, BOB = (UUID(int=n) for n in (1, 2, 3))


class Nhost:
    """A Nhost Auth database with users."""

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

    async def add_passkey(self, user_id: UUID, credential: Credential, **columns: Any) -> None:
        values = {
            "user_id": user_id,
            "credential_id": bytes_to_base64url(credential.id),
            "credential_public_key": cose_key(credential.key),
        } | columns
        names = ", ".join(values)
        places = ", ".join(f"${n + 1}" for n in range(len(values)))
        statement = f"INSERT INTO auth.user_security_keys ({names}) VALUES ({places})"
        await self.connection.execute(statement, *values.values())


@pytest.fixture
async def nhost(postgres_database: dict[str, str]) -> AsyncIterator[Nhost]:
    url = postgres_database["DATABASE_URL"]
    connection = await asyncpg.connect(url)
    await connection.execute(TABLES)
    yield Nhost(url, connection)
    await connection.close()


async def moved_in(
    postern: Postern, nhost: Nhost, *, dry_run: bool = False, keys: str = ""
) -> Report:
    seen: list[tuple[int, int]] = []
    report = await nhost_import.import_users(
        postern,
        nhost.url,
        dry_run=dry_run,
        progress=lambda *far: seen.append(far),
        keys=read_keys(keys),
    )
    total = report.imported + report.already_there + len(report.skipped)
    assert not total or seen[-1] == (total, total)
    return report


async def test_a_user_is_imported_with_all_data(
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

    answer = await email_password.sign_in_email_password(
        postern, caller(), "joe@example.com", PASSWORD
    )
    assert isinstance(answer, admission.MfaTicket)
    code = one_time_codes.code_at(SECRET, one_time_codes.time_step(clock()))
    session = await tickets.redeem(postern, caller(), answer.ticket, totp, code)
    assert session.user.active_mfa_type == "totp"
    assert str((await User.get(id=JOE)).password_hash).startswith("$argon2id$"), (
        "bcrypt is replaced"
    )
    assert await email_password.sign_in_email_password(
        postern, caller(), "joe@example.com", PASSWORD
    )


async def test_an_imported_bcrypt_hash_signs_in(postern: Postern, nhost: Nhost) -> None:
    await nhost.add(JOE, email="joe@example.com", totp_secret=SECRET)
    await moved_in(postern, nhost)
    for wrong in ("", "wrong", PASSWORD + "x", "x" * 73, PASSWORD + "x" * 72):
        attempt = email_password.sign_in_email_password(postern, caller(), "joe@example.com", wrong)
        assert await refusal(attempt) == "INVALID_EMAIL_PASSWORD"
    session = await email_password.sign_in_email_password(
        postern, caller(), "joe@example.com", PASSWORD
    )
    assert isinstance(session, opening.Session), "a secret that was never activated is ignored"
    assert (await User.get(id=JOE)).totp_secret is None


async def test_a_user_who_cannot_be_imported_is_reported_and_not_written(
    postern: Postern, nhost: Nhost
) -> None:
    await sign_up_user(postern, "taken@example.com")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"email": None}, "no e-mail address"),
        ({"email": "not@an@address"}, ""),
        ({"email": " @ "}, "an e-mail address that is malformed"),
        ({"email": "a b@example"}, "an e-mail address that is malformed"),
        ({"password_hash": None}, "no password (a provider's user, say)"),
        ({"password_hash": "$1$md5"}, "a password hash of another kind"),
        ({"is_anonymous": True}, "anonymous"),
        ({"password_hash": ""}, "no password (a provider's user, say)"),
        ({"password_hash": BCRYPT[:-1]}, "a broken bcrypt hash"),
        ({"password_hash": BCRYPT.replace("$04$", "$31$")}, "a bcrypt hash of cost 31"),
        (
            {"password_hash": "$argon2id$v=19$m=4194304,t=1,p=1$" + "c2FsdHNhbHQ$aGFzaGhhc2g"},
            "an Argon2 hash that costs too much (m=4194304, t=1, p=1)",
        ),
        ({"metadata": "[1]"}, "metadata that is not an object"),
        ({"metadata": '{"a":' * 1200 + "1" + "}" * 1200}, "metadata of more than 100 levels"),
        ({"metadata": '{"a": "' + "x" * 10**6 + '"}'}, "metadata of more than 65536 bytes"),
        ({"created_at": datetime.max.replace(tzinfo=UTC)}, "created_at is missing, long ago or in"),
        ({"created_at": datetime.min.replace(tzinfo=UTC)}, "created_at is missing, long ago or in"),
        ({"email": "Taken@example.com"}, "another user here has the e-mail address"),
    ]
    reasons: dict[UUID, str] = {}
    for number, (columns, reason) in enumerate(wrong):
        if reason:
            reasons[UUID(int=100 + number)] = reason
            named = {"email": f"user-{number}@example.com"} | columns
            await nhost.add(UUID(int=100 + number), **named)
    for number, seconds in enumerate(("infinity", "-infinity", "200000-01-01", "4000-01-01 BC")):
        await nhost.add(UUID(int=200 + number), email=f"time-{number}@example.com")
        await nhost.connection.execute(
            f"UPDATE auth.users SET created_at = '{seconds}' WHERE id = $1", UUID(int=200 + number)
        )
        reasons[UUID(int=200 + number)] = "created_at is missing, long ago or in the future"
    await nhost.connection.execute("INSERT INTO auth.roles VALUES ($1), ('')", "r" * 100_000)
    for number, role in enumerate(("r" * 100_000, "")):
        await nhost.add(UUID(int=300 + number), email=f"role-{number}@example.com")
        await nhost.add_role(UUID(int=300 + number), role)
    reasons[UUID(int=300)] = "a role of more than 255 characters"
    reasons[UUID(int=301)] = "a role that is empty or has a control character"
    await nhost.add(UUID(int=999), email="good@example.com")
    report = await moved_in(postern, nhost)
    assert report.imported == 1
    assert set(dict(report.skipped)) == set(reasons)
    for user_id, reason in report.skipped:
        assert reason.startswith(reasons[user_id]), (user_id, reason)
    assert sorted(str(user.email) for user in await User.all()) == [
        "good@example.com", "taken@example.com",
    ]  # fmt: skip


async def test_an_import_can_be_tried_stopped_and_repeated(
    postern: Postern, nhost: Nhost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nhost_source, "BATCH", 3)
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


async def test_a_user_who_signs_up_meanwhile_keeps_the_address(
    postern: Postern, nhost: Nhost, monkeypatch: pytest.MonkeyPatch
) -> None:
    await nhost.add(JOE, email="joe@example.com")
    await nhost.add(AMY, email="amy@example.com")
    await sign_up_user(postern, "joe@example.com")

    async def everybody(_import: object, found: list[Any]) -> list[Any]:
        return found

    monkeypatch.setattr(nhost_import, "_whose_address_is_free", everybody)
    report = await moved_in(postern, nhost)
    assert report == Report(imported=1, skipped=[(JOE, "another user here has the e-mail address")])
    assert await User.filter(id=AMY).count() == 1


async def test_an_imported_secret_opens_only_for_its_user(postern: Postern, nhost: Nhost) -> None:
    for user_id, name in ((AMY, "amy"), (BOB, "bob")):
        columns = {"email": f"{name}@example.com", "totp_secret": SECRET}
        await nhost.add(user_id, active_mfa_type="totp", **columns)
    await moved_in(replace(postern), nhost)
    sealed = {str((await User.get(id=user_id)).totp_secret) for user_id in (AMY, BOB)}
    assert len(sealed) == 2


NONE_OPENS = "an encrypted TOTP secret that none of the keys opens"
KEY, OLD_KEY = "5b" * 32, "0c" * 16


def sealed(secret: str, key: str = KEY) -> str:
    """Encrypt as Nhost Auth does since 0.43: hex of nonce, ciphertext and tag."""
    return (b"n" * 12 + AESGCM(bytes.fromhex(key)).encrypt(b"n" * 12, secret.encode(), None)).hex()


@pytest.mark.parametrize("key", [KEY, OLD_KEY, "ab" * 24])
async def test_a_secret_encrypted_by_nhost_is_opened(
    postern: Postern, nhost: Nhost, clock: Clock, key: str
) -> None:
    stored = sealed(SECRET, key)
    assert (len(stored), stored) == (160, stored.lower())
    await nhost.add(JOE, email="joe@example.com", active_mfa_type="totp", totp_secret=stored)
    report = await moved_in(postern, nhost, keys=f"{'77' * 32}, {key}")
    assert report == Report(imported=1, with_factor=1)
    answer = await email_password.sign_in_email_password(
        postern, caller(), "joe@example.com", PASSWORD
    )
    assert isinstance(answer, admission.MfaTicket)
    code = one_time_codes.code_at(SECRET, one_time_codes.time_step(clock()))
    assert await tickets.redeem(postern, caller(), answer.ticket, totp, code)


@pytest.mark.parametrize(
    ("kind", "secret", "keys", "reason"),
    [
        ("totp", sealed(SECRET), "", "an encrypted TOTP secret, and no key to open it"),
        ("totp", sealed(SECRET), OLD_KEY, NONE_OPENS),
        ("totp", sealed("0189!"), KEY, "a TOTP secret that is missing or malformed"),
        (
            "totp",
            sealed("\u00e9" * 20),
            KEY,
            NONE_OPENS,
        ),
        ("totp", "z" * 160, KEY, "a TOTP secret that is missing or malformed"),
        ("totp", "ab" * 32, KEY, NONE_OPENS),
        ("totp", "A" * 63, KEY, ""),
        ("totp", "0189!", KEY, "a TOTP secret that is missing or malformed"),
        ("totp", "", KEY, "a TOTP secret that is missing or malformed"),
        ("totp", None, KEY, "a TOTP secret that is missing or malformed"),
        ("totp", "x" * 10**6, KEY, "a TOTP secret that is missing or malformed"),
        ("sms", None, KEY, "a second factor of another kind"),
    ],
)
async def test_a_user_with_an_unreadable_factor_is_imported_without_it(
    postern: Postern, nhost: Nhost, kind: str, secret: str | None, keys: str, reason: str
) -> None:
    await nhost.add(JOE, email="joe@example.com", active_mfa_type=kind, totp_secret=secret)
    report = await moved_in(postern, nhost, keys=keys)
    lost = [(JOE, reason)] if reason else []
    assert report == Report(imported=1, with_factor=not reason, factor_lost=lost)
    joe = await User.get(id=JOE)
    assert (joe.active_mfa_type, joe.totp_secret is None) == (
        None if reason else "totp",
        bool(reason),
    )


@pytest.mark.parametrize("keys", ["hunter2", "ab", "5b" * 31, "5b" * 33, "zz" * 32])
def test_a_malformed_key_is_refused_and_not_shown(keys: str) -> None:
    with pytest.raises(ValueError, match="expected keys of 16, 24 or 32 bytes") as refused:
        read_keys(keys)
    assert keys not in str(refused.value)


async def test_of_two_users_who_differ_in_case_one_is_skipped(
    postern: Postern, nhost: Nhost
) -> None:
    await nhost.connection.execute("""
        ALTER TABLE auth.users DROP CONSTRAINT users_email_key;
        ALTER TABLE auth.users ALTER COLUMN email TYPE text
    """)
    await nhost.add(JOE, email="Joe@example.com")
    await nhost.add(AMY, email="joe@EXAMPLE.com")
    skipped = [(AMY, f"the same e-mail address as {JOE}, spelt otherwise")]
    assert await moved_in(postern, nhost, dry_run=True) == Report(imported=1, skipped=skipped)
    assert await moved_in(postern, nhost) == Report(imported=1, skipped=skipped)
    assert await moved_in(postern, nhost) == Report(already_there=1, skipped=skipped)


async def test_invalid_names_and_locales_are_changed_and_reported(
    postern: Postern, nhost: Nhost
) -> None:
    await nhost.add(JOE, email="joe@example.com", display_name="x" * 10**6, locale="")
    await nhost.add(AMY, email="amy@example.com", display_name="A\x1bmy", locale="?!")
    report = await moved_in(postern, nhost)
    named = "the display name cannot be shown, and is the e-mail address now"
    unknown = "the locale is unknown, and is en now"
    assert report.changed == [(who, what) for who in (JOE, AMY) for what in (named, unknown)]
    assert report.imported == 2
    joe = await User.get(id=JOE)
    assert (joe.display_name, joe.locale) == ("joe@example.com", "en")


async def test_nobody_becomes_an_operator_by_an_import(postern: Postern, nhost: Nhost) -> None:
    await nhost.connection.execute("INSERT INTO auth.roles VALUES ('admin')")
    await nhost.add(JOE, email="joe@example.com")
    await nhost.add_role(JOE, "admin")
    await nhost.add(AMY, email="amy@example.com", default_role="admin")
    report = await moved_in(postern, nhost)
    assert report.changed == [(JOE, "without the role admin, which makes an operator here")]
    assert [who for who, _ in report.skipped] == [AMY]
    assert (await User.get()).roles == ["user"]


async def test_columns_of_other_types_do_not_stop_an_import(postern: Postern, nhost: Nhost) -> None:
    await nhost.connection.execute("""
        ALTER TABLE auth.users ALTER COLUMN metadata TYPE json;
        ALTER TABLE auth.users ALTER COLUMN disabled DROP NOT NULL;
        ALTER TABLE auth.users ALTER COLUMN locale DROP NOT NULL;
        ALTER TABLE auth.users ALTER COLUMN display_name DROP NOT NULL
    """)
    await nhost.add(JOE, email="joe@example.com", metadata='{"a": "\\u0000"}')
    await nhost.add(AMY, email="amy@example.com", metadata='{"a": "\\ud800"}')
    await nhost.add(BOB, email="bob@example.com", disabled=None)
    await nhost.add(UUID(int=4), email="zoe@example.com", locale=None, display_name=None)
    report = await moved_in(postern, nhost)
    assert report.skipped == [
        (JOE, "metadata with a NUL character"),
        (AMY, "metadata with half of a surrogate pair"),
        (BOB, "disabled is neither true nor false"),
    ]
    assert report.imported == 1


async def test_a_hash_of_the_empty_password_signs_nobody_in(postern: Postern, nhost: Nhost) -> None:
    empty = bcrypt.hashpw(b"", bcrypt.gensalt(4)).decode()
    await nhost.add(JOE, email="joe@example.com", password_hash=empty)
    assert await moved_in(postern, nhost) == Report(imported=1)
    attempt = email_password.sign_in_email_password(postern, caller(), "joe@example.com", "")
    assert await refusal(attempt) == "INVALID_EMAIL_PASSWORD"


def device_of(user_id: UUID) -> Device:
    """A device with a passkey that was added at Nhost Auth, whose handle is the user's id."""
    device = Device()
    options = {"rp": {"id": "localhost"}, "user": {"id": str(user_id)}, "challenge": ""}
    device.create(json.dumps(options))
    return device


def with_passkeys(postern: Postern) -> Postern:
    return with_settings(postern, passkeys_enabled=True, client_url="http://localhost:3000")


@pytest.mark.parametrize("encoded", [False, True])
async def test_a_passkey_is_imported_and_signs_in(
    postern: Postern, nhost: Nhost, *, encoded: bool
) -> None:
    it, device = with_passkeys(postern), device_of(JOE)
    await nhost.add(JOE, email="joe@example.com", password_hash=None)
    await nhost.add_passkey(JOE, device.credentials[0], counter=7, nickname="Key")
    report = await moved_in(it, nhost)
    assert (report.imported, report.with_factor, report.skipped) == (1, 1, [])
    joe = await User.get(id=JOE)
    assert not joe.has_password
    assert [each.nickname for each in await Passkey.filter(user_id=JOE)] == ["Key"]
    handle = bytes_to_base64url(str(JOE).encode()) if encoded else str(JOE)
    options = await passkey.start_sign_in_passkey(it)
    answer = device.get(options, sign_count=8, user_handle=handle)
    assert (await passkey.verify_sign_in_passkey(it, caller(), answer)).user.id == JOE


async def test_a_passkey_is_left_out_where_passkeys_are_off(postern: Postern, nhost: Nhost) -> None:
    await nhost.add(JOE, email="joe@example.com")
    await nhost.add_passkey(JOE, device_of(JOE).credentials[0])
    report = await moved_in(postern, nhost)
    assert report.changed == [(JOE, "without passkeys, since AUTH_WEBAUTHN_ENABLED is off")]
    assert not (await User.get(id=JOE)).has_second_factor


@pytest.mark.parametrize(
    "columns",
    [
        {"credential_public_key": b"\xff"},
        {"credential_public_key": None},
        {"credential_public_key": b"\xd8\x1c\x81\x00"},
        {"credential_id": "A"},
        {"credential_id": "AAAAA"},
        {"credential_id": "AB"},
        {"credential_id": "="},
    ],
)
async def test_a_passkey_that_is_malformed_is_left_out(
    postern: Postern, nhost: Nhost, columns: dict[str, Any]
) -> None:
    await nhost.add(JOE, email="joe@example.com")
    await nhost.add_passkey(JOE, device_of(JOE).credentials[0], **columns)
    report = await moved_in(with_passkeys(postern), nhost)
    assert report.changed == [(JOE, "a passkey is malformed, and left out")]

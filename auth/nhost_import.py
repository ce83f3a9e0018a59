"""Flow: bring the users of a Nhost Auth database along.

Each user is one row that is written or not, so it can be stopped anywhere and started again.
"""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import pyotp
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from auth import email as addresses
from auth import factors, passwords
from auth.errors import AuthError
from auth.postern import Postern
from auth.sign_up import shown_name
from models import User

BATCH = 500
"""Users that are read and written at once."""
_PAGE = """
    SELECT id, created_at, last_seen, disabled, display_name, locale, email::text AS email,
        password_hash, email_verified, default_role, is_anonymous, totp_secret, active_mfa_type,
        metadata::text AS metadata,
        ARRAY(SELECT role FROM auth.user_roles WHERE user_id = users.id ORDER BY role) AS roles
    FROM auth.users WHERE id > $1 ORDER BY id LIMIT $2
"""


class CannotBeImportedError(Exception):
    """A user who cannot be brought along; the message says why, and holds no secret."""


@dataclass
class Report:
    """What has become of the users."""

    imported: int = 0
    with_factor: int = 0
    """Of those, the users whose second factor came along; they have no recovery codes yet."""
    already_there: int = 0
    skipped: list[tuple[UUID, str]] = field(default_factory=list)


async def import_users(
    postern: Postern, source: str, *, dry_run: bool, progress: Callable[[int, int], None]
) -> Report:
    """Write every user of the database `source` who is not here yet; `progress` is told how far.

    With `dry_run`, nothing is written and the report is the same.
    Raises asyncpg.PostgresError and OSError where the source cannot be read.
    """
    report = Report()
    connection = await asyncpg.connect(source)
    try:
        total = await connection.fetchval("SELECT count(*) FROM auth.users")
        done = 0
        async for rows in _pages(connection):
            await _import_page(postern, rows, report, dry_run=dry_run)
            done += len(rows)
            progress(done, max(done, total))
    finally:
        await connection.close()
    return report


async def _pages(connection: Any) -> AsyncIterator[Sequence[Any]]:
    last = UUID(int=0)
    while rows := await connection.fetch(_PAGE, last, BATCH):
        yield rows
        last = rows[-1]["id"]


async def _import_page(
    postern: Postern, rows: Sequence[Any], report: Report, *, dry_run: bool
) -> None:
    here = set(await User.filter(id__in=[row["id"] for row in rows]).values_list("id", flat=True))
    users: list[User] = []
    for row in rows:
        if row["id"] in here:
            report.already_there += 1
            continue
        try:
            users.append(_user(postern, row))
        except CannotBeImportedError as reason:
            report.skipped.append((row["id"], str(reason)))
    taken = await _taken(users)
    for user in users:
        if user.email in taken:
            report.skipped.append((user.id, "another user here has the e-mail address"))
    await _write([user for user in users if user.email not in taken], report, dry_run=dry_run)


async def _taken(users: list[User]) -> set[str]:
    """Addresses that somebody here has, or two of these users."""
    emails = [user.email for user in users]
    here = await User.filter(email__in=emails).values_list("email", flat=True)
    twice = {email for email in emails if emails.count(email) > 1}
    return {str(email) for email in here} | twice


async def _write(users: list[User], report: Report, *, dry_run: bool) -> None:
    written = users
    if not dry_run:
        try:
            async with in_transaction():
                await User.bulk_create(users)
        except IntegrityError:  # somebody signed up meanwhile: one by one, then
            written = [user for user in users if await _written(user, report)]
    report.imported += len(written)
    report.with_factor += sum(user.active_mfa_type is not None for user in written)


async def _written(user: User, report: Report) -> bool:
    try:
        await user.save(force_create=True)
    except IntegrityError:
        report.skipped.append((user.id, "another user here has the e-mail address"))
        return False
    return True


def _user(postern: Postern, row: Any) -> User:
    """The user as we store one. Raises CannotBeImportedError."""
    email = addresses.normalise(row["email"] or "")
    for wrong, reason in [
        (row["is_anonymous"], "anonymous"),
        (email is None, "no e-mail address"),
        (row["password_hash"] is None, "no password (a provider's user, say)"),
        (not passwords.is_known(row["password_hash"] or ""), "a password hash of another kind"),
        (row["active_mfa_type"] not in {None, "totp"}, "a second factor of another kind"),
    ]:
        if wrong:
            raise CannotBeImportedError(reason)
    user = User(
        id=row["id"],
        email=email,
        email_verified=row["email_verified"],
        password_hash=row["password_hash"],
        display_name=_name(row["display_name"]) or email,
        locale=row["locale"],
        default_role=row["default_role"],
        roles=list(dict.fromkeys([*row["roles"], row["default_role"]])),
        metadata=_metadata(row["metadata"]),
        disabled=row["disabled"],
        created_at=row["created_at"],
        last_signed_in_at=row["last_seen"],
    )
    if row["active_mfa_type"]:
        user.totp_secret = factors.seal_secret(postern, user, _secret(row["totp_secret"]))
        user.totp_enrolled_at = user.totp_activated_at = postern.now()
    return user


def _name(display_name: str) -> str:
    try:
        return shown_name(display_name)
    except AuthError:
        return ""


def _metadata(text: str | None) -> dict[str, Any] | None:
    metadata = json.loads(text) if text else None
    if metadata is not None and not isinstance(metadata, dict):
        raise CannotBeImportedError("metadata that is no object")
    return metadata


def _secret(secret: str | None) -> str:
    try:
        pyotp.TOTP(secret or "").now()
    except ValueError:
        secret = None
    if not secret:
        raise CannotBeImportedError("a second factor without a usable secret")
    return secret

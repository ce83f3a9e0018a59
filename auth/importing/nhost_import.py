"""Flow: import the users of a Nhost Auth database.

Each user is one row that is written or not, so the import can be stopped at any point and started
again. A row that cannot be imported is reported with the reason; the import goes on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tortoise.exceptions import BaseORMException, IntegrityError
from tortoise.transactions import in_transaction

from auth.importing.nhost_users import CannotBeImportedError, Imported, read_user
from auth.postern import Postern
from models import Passkey, User, database, nhost_source


@dataclass
class Report:
    """The result of an import."""

    imported: int = 0
    with_factor: int = 0
    """How many of these were imported with their second factor; they have no recovery codes yet."""
    already_there: int = 0
    skipped: list[tuple[UUID, str]] = field(default_factory=list)
    factor_lost: list[tuple[UUID, str]] = field(default_factory=list)
    """Users who were imported without the second factor that they had, and why."""
    changed: list[tuple[UUID, str]] = field(default_factory=list)
    """Users who were imported with a changed value, and which."""


@dataclass
class _Import:
    postern: Postern
    keys: list[AESGCM]
    dry_run: bool
    report: Report = field(default_factory=Report)
    owners: dict[str, UUID] = field(default_factory=dict)
    """The source's user who has each address, of those imported so far."""


async def import_users(
    postern: Postern,
    source: str,
    *,
    dry_run: bool,
    progress: Callable[[int, int], None],
    keys: Sequence[AESGCM] = (),
) -> Report:
    """Import every user of the database `source` who is not here yet.

    `progress` is called with the number of users done, and of all users. `keys` open TOTP secrets
    that Nhost Auth has encrypted. With `dry_run`, nothing is written and the report is the same.
    Raises SourceError if the source cannot be read.
    """
    it = _Import(postern, list(keys), dry_run)
    async with nhost_source.opened(source) as opened:
        total, done = await opened.total(), 0
        async for ids in opened.pages():
            rows, unreadable = await opened.rows(ids)
            it.report.skipped += unreadable
            await _import_page(it, rows)
            done += len(ids)
            progress(done, max(done, total))
    return it.report


async def _import_page(it: _Import, rows: Sequence[Any]) -> None:
    ids = [row["id"] for row in rows]
    here = dict(await User.filter(id__in=ids).values_list("id", "email"))
    it.owners.update({str(email): user_id for user_id, email in here.items()})
    found: list[Imported] = []
    for row in rows:
        if row["id"] in here:
            it.report.already_there += 1
            continue
        try:
            found.append(read_user(it.postern, row, it.keys))
        except CannotBeImportedError as reason:
            it.report.skipped.append((row["id"], str(reason)))
    await _write(it, await _whose_address_is_free(it, found))


async def _whose_address_is_free(it: _Import, found: list[Imported]) -> list[Imported]:
    """Return the users whose address is free; of several users with one address, the first."""
    emails = [each.user.email for each in found]
    here = await User.filter(email__in=emails).values_list("email", flat=True)
    taken = {str(email) for email in here}
    free = []
    for each in found:
        email, user_id = each.user.email, each.user.id
        if owner := it.owners.get(email):
            reason = f"the same e-mail address as {owner}, spelt otherwise"
            it.report.skipped.append((user_id, reason))
        elif email in taken:
            it.report.skipped.append((user_id, _TAKEN))
        else:
            it.owners[email] = user_id
            free.append(each)
    return free


_TAKEN = "another user here has the e-mail address"


async def _write(it: _Import, found: list[Imported]) -> None:
    written = found
    if found and not it.dry_run:
        try:
            async with in_transaction():
                await User.bulk_create([each.user for each in found])
                await Passkey.bulk_create([key for each in found for key in each.passkeys])
        except (BaseORMException, ValueError, OverflowError) as error:
            if database.is_unavailable(error):
                raise
            written = [each for each in found if await _written(it, each)]  # one by one
    for each in written:
        it.report.imported += 1
        it.report.with_factor += each.user.has_second_factor
        if each.factor_lost:
            it.report.factor_lost.append((each.user.id, each.factor_lost))
        it.report.changed += [(each.user.id, what) for what in each.changed]


async def _written(it: _Import, found: Imported) -> bool:
    user = found.user
    try:
        async with in_transaction():
            await user.save(force_create=True)
            await Passkey.bulk_create(found.passkeys)
    except IntegrityError:  # somebody has signed up in the meantime, or has a passkey of theirs
        reason = _TAKEN if await User.exists(email=user.email) else "a passkey is here already"
    except (BaseORMException, ValueError, OverflowError) as error:
        if database.is_unavailable(error):
            raise
        reason = f"the database does not take it ({type(error).__name__})"
    else:
        return True
    it.owners.pop(user.email, None)
    it.report.skipped.append((user.id, reason))
    return False

"""Commands that show users and events, and that set roles and metadata."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from auth import events, metadata
from auth.caller import Operator
from auth.factors import second_factor
from auth.factors.second_factor import FACTORS
from auth.operators import acts, reading
from auth.operators.reading import Details, Wanted
from auth.postern import Postern
from cli.command import acting, as_json, as_text, look, read_input, say
from cli.users import change, existing, shown, user_argument
from config import Settings
from models import User


@click.command("list-users")
@click.argument("text", default="")
@click.option(
    "--disabled",
    "disabled",
    flag_value=True,
    type=bool,
    default=None,
    help="Only those who are disabled.",
)
@click.option(
    "--unverified",
    "email_verified",
    flag_value=False,
    type=bool,
    default=None,
    help="Only those whose address is not verified.",
)
@click.option(
    "--with-factor",
    "has_second_factor",
    flag_value=True,
    type=bool,
    default=None,
    help="Only those with a second factor.",
)
@click.option(
    "--without-factor",
    "has_second_factor",
    flag_value=False,
    type=bool,
    default=None,
    help="Only those without one.",
)
@click.option("--role", help="Only those with this role.")
@click.option("--limit", type=click.IntRange(1), default=1000, help="How many at the most (1000).")
@as_json
def list_users(text: str, limit: int, in_json: bool, **only: Any) -> None:
    """List the accounts, the newest first; only those with TEXT in address, name or id."""
    conditions = {name: value for name, value in only.items() if value is not None}
    wanted = Wanted(text=text, **conditions)

    async def found(settings: Settings) -> list[User]:
        return await reading.search(wanted, limit=limit)

    users = look(found)
    lines = [
        f"{user.created_at:%Y-%m-%d}  {'disabled' if user.disabled else 'enabled ':8}  "
        f"{_factors(user):12}  {user.email}"
        for user in users
    ]
    say(in_json, [shown(user) for user in users], *lines)
    if not users:
        click.echo("No user was found.", err=True)


@click.command("show-user")
@user_argument
@as_json
def show_user(user: str, in_json: bool) -> None:
    """Show a user: sessions, second factor, waits after failed attempts, latest events."""
    now = datetime.now(UTC)

    async def found(settings: Settings) -> Details:
        return await reading.details(await existing(settings, user), int(now.timestamp()))

    seen = look(found)
    told = _told(seen)
    apart = ("sessions", "latestEvents")
    lines = [f"{name}: {json.dumps(told[name])}" for name in told if name not in apart]
    lines += [f"session: {json.dumps(one)}" for one in told["sessions"]]
    lines += [
        f"{event['at']}  {event['event']:24}  {event['address'] or '-'}{_by(event)}"
        for event in told["latestEvents"]
    ]
    say(in_json, told, *lines)


@click.command("events")
@click.option("--user", help="Only those of the user with this address or id.")
@click.option("--limit", type=click.IntRange(1), default=50, help="How many at the most (50).")
@as_json
def show_events(user: str | None, limit: int, in_json: bool) -> None:
    """Show the security events, the newest first."""

    async def found(settings: Settings) -> list[dict[str, object]]:
        owner = await existing(settings, user) if user is not None else None
        return [events.as_json(event) for event in await events.latest(user=owner, limit=limit)]

    trail = look(found)
    lines = (
        f"{event['at']}  {event['event']:24}  {event['user'] or '-':36}  {event['address'] or '-'}"
        f"{_by(event)}"
        for event in trail
    )
    say(in_json, trail, *lines)


@click.command("set-roles")
@user_argument
@click.argument("roles", nargs=-1, required=True)
@click.option("--default", "default_role", help="The role that the user acts in (the first one).")
@acting
@as_json
def set_roles(
    user: str, roles: tuple[str, ...], default_role: str | None, in_json: bool, operator: Operator
) -> None:
    """Give a user these ROLES and no others.

    Access tokens issued before keep the old roles until they expire. `postern revoke-sessions` ends
    them at once in Postern, but not in services that only check the token's signature.
    """
    chosen = list(dict.fromkeys(roles))

    async def set_them(postern: Postern, found: User) -> None:
        try:
            default = default_role if default_role is not None else chosen[0]
            await acts.set_roles(postern, operator, found, chosen, default)
        except ValueError as error:
            raise click.ClickException(f"These cannot be the roles: {error}.") from None

    changed = change(user, set_them)
    line = (
        f"{changed.email} has the roles {', '.join(changed.roles)}; {changed.default_role} first."
    )
    say(in_json, shown(changed), line)


@click.command("set-metadata")
@user_argument
@click.argument("content", metavar="JSON", default="-")
@acting
@as_json
def set_metadata(user: str, content: str, in_json: bool, operator: Operator) -> None:
    """Replace a user's metadata with a JSON object, or with `null`; `-` is standard input."""
    text = as_text(read_input(), "Standard input") if content == "-" else content
    try:
        parsed = None if text.strip() == "null" else metadata.parse(text)
    except ValueError as error:
        raise click.ClickException(f"This cannot be the metadata: {error}.") from None
    changed = change(user, lambda it, found: acts.set_metadata(it, operator, found, parsed))
    say(in_json, shown(changed), f"The metadata of {changed.email} is replaced.")


def _told(seen: Details) -> dict[str, Any]:
    user = seen.user
    return shown(user) | {
        "recoveryCodesLeft": seen.recovery_codes_left,
        "waitsForPasswordUntil": _time(seen.waits.get("password")),
        "waitsForCodeUntil": _time(seen.waits.get("code")),
        "waitsForMailedCodeUntil": _time(seen.waits.get("mailed code")),
        "sessions": [
            {
                "id": str(session.id),
                "createdAt": session.created_at.isoformat(),
                "lastUsedAt": session.last_used_at.isoformat(),
                "expiresAt": session.expires_at.isoformat(),
                "address": session.address,
                "userAgent": session.user_agent,
            }
            for session in seen.sessions
        ],
        "latestEvents": [events.as_json(event) for event in seen.events],
    }


def _by(event: Mapping[str, Any]) -> str:
    """Return what an operator did, who it was, and why, to follow a line; nothing for others."""
    said = [event["detail"]] if event["detail"] else []
    said += [f"by {event['operator']}"] if event["operator"] else []
    said += [f"({event['reason']})"] if event["reason"] else []
    return "".join(f"  {each}" for each in said)


def _factors(user: User) -> str:
    """Return the factors that stand alone, as a column shows them."""
    alone = [each.kind.name.lower() for each in FACTORS if each.stands_alone]
    has = [kind.name.lower() for kind in second_factor.of(user)]
    return "+".join(name for name in alone if name in has) or "-"


def _time(seconds: int | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()

"""Commands that create, change and delete users."""

from collections.abc import Awaitable, Callable
from typing import Any

import click

from auth import new_accounts, public_fields
from auth.accounts import sign_up
from auth.caller import Operator
from auth.factors import second_factor
from auth.operators import acts, reading
from auth.postern import Postern
from cli.command import (
    acting,
    as_json,
    ask,
    chosen_settings,
    count_of,
    read_password,
    say,
)
from config import Settings
from config.settings import OPERATOR_ROLE
from config.values import is_loopback
from models import User, database
from models.transactions import atomic

user_argument = click.argument("user")
"""A user, by e-mail address or id."""


@click.command("create-user")
@click.argument("email")
@click.option("--display-name", help="The name to show. The e-mail address unless given.")
@click.option("--admin", is_flag=True, help="Make an operator, with a verified address.")
@acting
@as_json
def create_user(
    email: str, display_name: str | None, admin: bool, in_json: bool, operator: Operator
) -> None:
    """Create an account that can sign in with EMAIL.

    With --admin, its user is an operator: they sign in at /dashboard, where they first add a second
    factor.

    The command prompts for the password. Without a terminal, it reads the password from the first
    line of standard input.
    """
    password = read_password()
    wishes = new_accounts.Wishes(display_name=display_name)

    async def create(postern: Postern) -> User:
        async with atomic():
            made = await sign_up.create_account(postern, operator, email, password, wishes)
            if admin:
                roles = [*made.roles, OPERATOR_ROLE]
                await acts.set_roles(postern, operator, made, roles, made.default_role)
                await acts.set_email_verified(postern, operator, made)
        return await User.get(id=made.id)

    made = ask(create)
    lines = [f"Created {'the operator ' if admin else ''}{made.email}, id {made.id}."]
    if admin:
        lines += [
            f"The database is {database.describe(chosen_settings())}.",
            "They sign in at /dashboard of the server that uses it.",
        ]
    say(in_json, shown(made), *lines)


@click.command("verify-user")
@user_argument
@acting
@as_json
def verify_user(user: str, in_json: bool, operator: Operator) -> None:
    """Mark a user's e-mail address as verified.

    Needed if only users with a verified address may sign in
    (AUTH_EMAIL_SIGNIN_EMAIL_VERIFIED_REQUIRED). Verify the address yourself first.
    """
    changed = change(user, lambda it, found: acts.set_email_verified(it, operator, found))
    say(in_json, shown(changed), f"{changed.email} is verified.")


@click.command("disable-user")
@user_argument
@acting
@as_json
def disable_user(user: str, in_json: bool, operator: Operator) -> None:
    """Disable a user, and end all of their sessions at once."""
    changed = change(user, lambda it, found: acts.set_disabled(it, operator, found, disabled=True))
    say(in_json, shown(changed), f"{changed.email} is disabled; their sessions are over.")


@click.command("enable-user")
@user_argument
@acting
@as_json
def enable_user(user: str, in_json: bool, operator: Operator) -> None:
    """Enable a user again."""
    changed = change(user, lambda it, found: acts.set_disabled(it, operator, found, disabled=False))
    say(in_json, shown(changed), f"{changed.email} is enabled.")


@click.command("set-password")
@user_argument
@click.option("--link", is_flag=True, help="Print a link with which the user sets it themselves.")
@acting
@as_json
def set_password(user: str, link: bool, in_json: bool, operator: Operator) -> None:
    """Replace a user's password, and end their sessions and open sign-ins.

    With --link, nothing changes yet: hand the link over to the user. It is good once, for an hour,
    and you do not learn the password.

    Otherwise the command prompts for the password. Without a terminal, it reads the password from
    the first line of standard input. A second factor stays as it is. Verify first that the request
    comes from the user.
    """
    if link:
        made = ask(lambda it: _reset_link(it, operator, user))
        say(in_json, {"link": made}, made)
        return
    password = read_password()
    changed = change(user, lambda it, found: acts.set_password(it, operator, found, password))
    say(in_json, shown(changed), f"The password of {changed.email} is replaced.")


async def _reset_link(postern: Postern, operator: Operator, user: str) -> str:
    settings = postern.settings
    if not settings.server_url and not is_loopback(settings.host):
        raise click.ClickException("Set AUTH_SERVER_URL: nobody could follow the link.")
    return await acts.reset_link(postern, operator, await existing(postern.settings, user))


@click.command("send-reset")
@user_argument
@acting
@as_json
def send_reset(user: str, in_json: bool, operator: Operator) -> None:
    """Send a user a link for a new password.

    A running server sends the mail. The operator sees neither the link nor the password.
    """
    changed = change(user, lambda it, found: acts.send_reset(it, operator, found))
    say(in_json, shown(changed), f"A link for a new password is on its way to {changed.email}.")


@click.command("reset-mfa")
@user_argument
@acting
@as_json
def reset_mfa(user: str, in_json: bool, operator: Operator) -> None:
    """Delete a user's second factors: authenticator app, passkeys, recovery codes.

    For a user who has lost phone, passkeys and recovery codes, and who then signs in with the
    password alone, or, without one, by mail. Verify first that the request comes from the user.
    """
    had_factor = False

    async def reset(postern: Postern, found: User) -> None:
        nonlocal had_factor
        had_factor = await acts.reset_mfa(postern, operator, found)

    changed = change(user, reset)
    deleted = f"The second factor of {changed.email} is deleted."
    if not changed.has_password:
        deleted += " There is no password: send a link for one with `postern send-reset`."
    say(
        in_json, shown(changed), deleted if had_factor else f"{changed.email} has no second factor."
    )


@click.command("revoke-sessions")
@click.argument("user", required=False)
@click.option("--all", "everybody", is_flag=True, help="Of all users: after a restored backup.")
@acting
@as_json
def revoke_sessions(user: str | None, everybody: bool, in_json: bool, operator: Operator) -> None:
    """End all sessions and open sign-ins of a user, or of all users."""
    if (user is None) != everybody:
        raise click.UsageError("Name either a user or --all.")
    if user is None:
        count = ask(lambda it: acts.end_everybodys_sessions(it, operator))
        signed_out = count_of(count, "user")
        say(in_json, {"users": count}, f"{signed_out} signed out everywhere.")
    else:
        changed = change(user, lambda it, found: acts.end_sessions(it, operator, found))
        say(in_json, shown(changed), f"{changed.email} is signed out everywhere.")


@click.command("delete-user")
@user_argument
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@acting
@as_json
def delete_user(user: str, yes: bool, in_json: bool, operator: Operator) -> None:
    """Delete a user with all their data, including security events. This cannot be undone."""
    if not yes:
        click.confirm(f"Delete {user} for good?", abort=True, err=True)

    async def deleted(postern: Postern) -> User:
        found = await existing(postern.settings, user)
        await acts.delete_user(postern, operator, found)
        return found

    gone = ask(deleted)
    say(in_json, shown(gone), f"{gone.email}, id {gone.id}, is deleted.")


def shown(user: User) -> dict[str, object]:
    """Return a user as JSON values."""
    return public_fields.as_json(user) | {
        "factors": [kind.name for kind in second_factor.of(user)],
        "disabled": user.disabled,
        "lastSignedInAt": user.last_signed_in_at and user.last_signed_in_at.isoformat(),
    }


async def existing(settings: Settings, user: str) -> User:
    """Return the user with this address or id. Raises ClickException, which names the database."""
    found = await reading.find(user)
    if found is None:
        kind = "address" if reading.parsed_id(user) is None else "id"
        where = database.describe(settings)
        raise click.ClickException(f"There is no user with the {kind} {user} in {where}.")
    return found


def change(user: str, work: Callable[[Postern, User], Awaitable[Any]]) -> User:
    """Run the work on the user with this address or id; return the changed user."""

    async def changed(postern: Postern) -> User:
        found = await existing(postern.settings, user)
        await work(postern, found)
        return await User.get(id=found.id)

    return ask(changed)

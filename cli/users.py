"""What the operator does with users."""

from collections.abc import Awaitable, Callable
from typing import Any

import click

from auth import accounts, events, mfa, sessions, sign_up
from auth.postern import Postern
from cli.command import OPERATOR, as_json, ask, look, read_password, say
from config import Settings
from models import User


@click.command("create-user")
@click.argument("email")
@click.option("--display-name", help="The name to show. The e-mail address unless given.")
@as_json
def create_user(email: str, display_name: str | None, in_json: bool) -> None:
    """Make an account that can sign in with EMAIL.

    The password is asked for; where there is no terminal, it is the first line of standard input.
    """
    password = read_password()
    wishes = sign_up.Wishes(display_name=display_name)
    user = ask(lambda it: sign_up.create_account(it, OPERATOR, email, password, wishes))
    say(in_json, _shown(user), f"Created {user.email}, id {user.id}.")


@click.command("list-users")
@click.option("--limit", type=click.IntRange(1), default=1000, help="How many at the most (1000).")
@as_json
def list_users(limit: int, in_json: bool) -> None:
    """List the accounts, the newest first."""

    async def found(_settings: Settings) -> list[User]:
        return await User.all().order_by("-created_at").limit(limit)

    users = look(found)
    lines = (
        f"{user.created_at:%Y-%m-%d}  {'disabled' if user.disabled else 'enabled ':8}  "
        f"{user.active_mfa_type or '-':4}  {user.email}"
        for user in users
    )
    say(in_json, [_shown(user) for user in users], *lines)


@click.command("verify-user")
@click.argument("email")
@as_json
def verify_user(email: str, in_json: bool) -> None:
    """Mark a user's e-mail address as theirs.

    For where only such users are let in (AUTH_EMAIL_SIGNIN_EMAIL_VERIFIED_REQUIRED). Make sure of
    it first: this server sends no mail.
    """
    user = _change(email, lambda it, user: accounts.set_email_verified(it, OPERATOR, user))
    say(in_json, _shown(user), f"{user.email} is verified.")


@click.command("disable-user")
@click.argument("email")
@as_json
def disable_user(email: str, in_json: bool) -> None:
    """Keep a user out, and end all of their sessions at once."""
    user = _change(email, lambda it, user: accounts.set_disabled(it, OPERATOR, user, disabled=True))
    say(in_json, _shown(user), f"{user.email} is disabled; their sessions are over.")


@click.command("enable-user")
@click.argument("email")
@as_json
def enable_user(email: str, in_json: bool) -> None:
    """Let a user in again."""
    user = _change(
        email, lambda it, user: accounts.set_disabled(it, OPERATOR, user, disabled=False)
    )
    say(in_json, _shown(user), f"{user.email} is enabled.")


@click.command("reset-mfa")
@click.argument("email")
@as_json
def reset_mfa(email: str, in_json: bool) -> None:
    """Delete a user's second factor.

    For the user with EMAIL who has lost phone and recovery codes; they then sign in with the
    password alone. Make sure first that it is them who asks.
    """
    user = _change(email, lambda it, user: mfa.reset_mfa(it, OPERATOR, user))
    say(in_json, _shown(user), f"The second factor of {user.email} is deleted.")


@click.command("revoke-sessions")
@click.argument("email")
@as_json
def revoke_sessions(email: str, in_json: bool) -> None:
    """End all sessions of a user."""
    user = _change(email, lambda it, user: sessions.end_all(it, OPERATOR, user))
    say(in_json, _shown(user), f"{user.email} is signed out everywhere.")


@click.command("events")
@click.option("--user", "email", help="Only those of the user with this address.")
@click.option("--limit", type=click.IntRange(1), default=50, help="How many at the most (50).")
@as_json
def show_events(email: str | None, limit: int, in_json: bool) -> None:
    """Show the trail of security events, the newest first."""

    async def found(_settings: Settings) -> list[dict[str, object]]:
        user = await _user(email) if email else None
        return [events.as_json(event) for event in await events.latest(user=user, limit=limit)]

    trail = look(found)
    lines = (
        f"{event['at']}  {event['event']:24}  {event['user'] or '-':36}  {event['address'] or '-'}"
        for event in trail
    )
    say(in_json, trail, *lines)


def _shown(user: User) -> dict[str, object]:
    return {
        "id": str(user.id),
        "email": user.email,
        "displayName": user.display_name,
        "emailVerified": user.email_verified,
        "disabled": user.disabled,
        "activeMfaType": user.active_mfa_type,
        "createdAt": user.created_at.isoformat(),
        "lastSignedInAt": user.last_signed_in_at and user.last_signed_in_at.isoformat(),
    }


async def _user(email: str) -> User:
    user = await accounts.find(email)
    if user is None:
        raise click.ClickException(f"There is no user with the address {email}.")
    return user


def _change(email: str, change: Callable[[Postern, User], Awaitable[Any]]) -> User:
    """The user with this address, after the change."""

    async def changed(postern: Postern) -> User:
        user = await _user(email)
        await change(postern, user)
        return await User.get(id=user.id)

    return ask(changed)

"""Commands for keys: rotate the signing keys, rotate the encryption key."""

from contextlib import suppress

import click

from auth.caller import Operator
from auth.errors import AuthError
from auth.factors import totp
from auth.keys import key_files
from auth.keys.key_files import UnusableKeyError
from auth.operators import upkeep
from auth.postern import Postern
from cli.command import (
    acting,
    as_json,
    ask,
    opened,
    refuse_without_encryption_key,
    say,
    warn_on_screen,
    with_changes,
)


@click.command("rotate-keys")
@click.option(
    "--revoke",
    is_flag=True,
    help="Delete all other keys at once: for a key that has leaked.",
)
@acting
@as_json
def rotate_keys(revoke: bool, in_json: bool, operator: Operator) -> None:
    """Sign access tokens with a new key from now on.

    The old key verifies until its last token has expired. Running servers that share the data
    folder notice the new key.

    With --revoke, Postern refuses access tokens of all other keys at once, and removes those keys
    from /.well-known/jwks.json. Clients refresh their sessions and continue. Services that cache
    the public keys accept the old tokens until they fetch the keys again.
    """
    postern = opened()
    with suppress(click.ClickException):  # a leaked key must go without a database too
        postern = with_changes(postern)
    try:
        done = upkeep.rotate_files(postern, revoke=revoke)
    except (AuthError, OSError, UnusableKeyError) as error:
        raise click.ClickException(str(error)) from None
    try:
        ask(lambda it: upkeep.note_rotation(it, operator, done), without_changes=True)
    except click.ClickException as error:
        warn_on_screen(f"no event was recorded. {error.message}")
    told = {"kid": done.signing, "verifying": done.verifying, "deleted": done.gone}
    older = [kid for kid in done.verifying if kid != done.signing]
    lines = [f"Access tokens are signed with {done.signing} from now on."]
    lines += [f"{kid} verifies until its last token has expired." for kid in older]
    lines += [f"{kid} is deleted; its tokens are refused here." for kid in done.gone]
    say(in_json, told, *lines)


@click.command("rotate-encryption-key")
@as_json
def rotate_encryption_key(in_json: bool) -> None:
    """Encrypt the TOTP secrets with a new key.

    If the keys are in a file in the data folder, the command adds a new key as the first one. Then
    it encrypts with the first key every secret that another key encrypted. Running servers continue
    and notice the new key. If the keys are in AUTH_ENCRYPTION_KEYS, add the new key there as the
    first one and restart the servers before. The command can be repeated.
    """
    postern = opened()
    refuse_without_encryption_key(postern)
    settings = postern.settings
    if settings.encryption_keys is None:
        try:
            key_files.add_encryption_key(settings.data_dir)
        except (UnusableKeyError, OSError) as error:
            raise click.ClickException(str(error)) from None

    async def resealed(postern: Postern) -> dict[str, object]:
        sealed, unreadable = await totp.reseal_secrets(postern)
        return {"keyId": postern.vault.current, "sealed": sealed, "unreadable": unreadable}

    done = ask(resealed)
    lines = [f"Encrypted {done['sealed']} secrets with the key {done['keyId']}."]
    if done["unreadable"]:
        lines += [f"{done['unreadable']} secrets cannot be opened with any of the keys."]
    else:
        lines += ["The older keys are only needed for older backups."]
    say(in_json, done, *lines)

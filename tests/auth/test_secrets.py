"""The repr of an object, as shown in logs, debuggers and crash reports, contains no secret."""

import base64
import json
import os
import traceback

import pytest

from auth.accounts import enrolment
from auth.errors import AuthError
from auth.factors.recovery_codes import CodeSet, new_set
from auth.postern import Postern, open_postern
from auth.ways_in import email_password
from config import read
from models import MfaTicket, RecoveryCode, RefreshToken, Throttle, User, UserSession, proofs
from tests.support import JOE, PASSWORD, caller, environment, open_ticket, sign_up_with_factor

pytestmark = pytest.mark.anyio


def shown(thing: object) -> str:
    return f"{thing!r} {thing!s} {thing}"


async def test_no_repr_shows_a_secret(postern: Postern) -> None:
    phone = await sign_up_with_factor(postern)
    ticket = await open_ticket(postern)
    codes = await new_set(postern)
    answer = await email_password.sign_in_email_password(postern, caller(), JOE, PASSWORD)
    refused: AuthError | None = None
    try:
        await enrolment.verify_change_user_mfa(postern, phone.caller, "", phone.wrong_code(postern))
    except AuthError as error:
        refused = error
    (user,) = await User.all()
    rows = [user]
    for model in (MfaTicket, RecoveryCode, RefreshToken, Throttle, UserSession):
        rows += await model.all()  # type: ignore[arg-type]
    things = [
        postern, postern.settings, postern.vault, postern.key_ring, postern.key_ring.current,
        postern.passwords, postern.rate_limits, phone.session, phone.caller, answer, codes,
        proofs.recovery_code(user, "digest of a code"), refused, *rows,
    ]  # fmt: skip
    secrets = [
        PASSWORD, phone.secret, *phone.recovery_codes, *codes.shown, *codes.digests, ticket,
        phone.session.access_token, phone.session.refresh_token, str(user.password_hash),
        str(user.totp_secret), str(user.recovery_salt), "digest of a code",
    ]  # fmt: skip
    text = "\n".join(map(shown, things))
    for secret in secrets:
        assert secret not in text
    assert isinstance(codes, CodeSet)


def test_no_setting_shows_a_secret(tmp_path: os.PathLike[str]) -> None:
    key = base64.b64encode(os.urandom(32)).decode()
    secrets = {
        "AUTH_ENCRYPTION_KEYS": key,
        "DATABASE_URL": "postgres://joe:hunter2@127.0.0.1/x",
        "AUTH_RATE_LIMIT_STORAGE": "redis://joe:hunter2@127.0.0.1/0",
        "HASURA_GRAPHQL_JWT_SECRET": json.dumps({"type": "HS256", "key": "hunter2" * 6}),
    }
    configuration = read(environment(tmp_path, **secrets))  # type: ignore[arg-type]
    settings, opened = configuration.settings(), open_postern(configuration)
    opened.passwords.close()
    crash = "".join(traceback.format_exception(RuntimeError(opened, settings)))
    for text in (shown(settings), shown(opened), crash, shown(settings.jwt_secret)):
        assert "hunter2" not in text
        assert key not in text

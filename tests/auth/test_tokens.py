"""Access tokens: what stands in them, and every way to forge one."""

import base64
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from auth import tokens
from models import User

KEY = Ed25519PrivateKey.generate()
USER = User(id=uuid4(), email="joe@example.com", default_role="user", roles=["user", "me"])


def issue(now: datetime | None = None, key: Ed25519PrivateKey = KEY) -> str:
    now = now or datetime.now(UTC)
    return tokens.access_token(key, USER, methods=tokens.PASSWORD, now=now, expires_in=900)


def claims(**changes: object) -> dict[str, object]:
    now = int(datetime.now(UTC).timestamp())
    fresh = {"sub": str(USER.id), "iss": tokens.ISSUER, "iat": now, "exp": now + 900}
    return {name: value for name, value in (fresh | changes).items() if value is not None}


def test_an_access_token_says_who_and_how() -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    token = tokens.access_token(
        KEY, USER, methods=tokens.PASSWORD_AND_TOTP, now=now, expires_in=900
    )
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "typ": "JWT"}
    found = jwt.decode(token, options={"verify_signature": False})
    assert UUID(found.pop("jti"))
    assert found == {
        "sub": str(USER.id),
        "iss": "hasura-auth",
        "iat": int(now.timestamp()),
        "exp": int(now.timestamp()) + 900,
        "amr": ["pwd", "otp", "mfa"],
        "https://hasura.io/jwt/claims": {
            "x-hasura-user-id": str(USER.id),
            "x-hasura-default-role": "user",
            "x-hasura-allowed-roles": ["user", "me"],
            "x-hasura-user-is-anonymous": "false",
        },
    }
    assert tokens.user_id_of(token, KEY) == USER.id


def test_an_access_token_expires() -> None:
    assert tokens.user_id_of(issue(datetime.now(UTC) - timedelta(seconds=890)), KEY) == USER.id
    with pytest.raises(tokens.InvalidTokenError):
        tokens.user_id_of(issue(datetime.now(UTC) - timedelta(seconds=901)), KEY)


def public_key() -> bytes:
    return KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def unsigned(header: object, body: object) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in (header, body))
    return b".".join(part.rstrip(b"=") for part in parts).decode() + "."


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(issue(key=Ed25519PrivateKey.generate()), id="another key"),
        pytest.param(issue()[:-4] + "AAAA", id="another signature"),
        pytest.param(unsigned({"alg": "none"}, claims()), id="no signature"),
        pytest.param(jwt.encode(claims(), public_key(), "HS256"), id="the public key as a secret"),
        pytest.param(jwt.encode(claims(), b"x" * 32, "HS256"), id="another algorithm"),
        pytest.param(jwt.encode(claims(iss="another"), KEY, "EdDSA"), id="another issuer"),
        pytest.param(jwt.encode(claims(iss=None), KEY, "EdDSA"), id="no issuer"),
        pytest.param(jwt.encode(claims(exp=None), KEY, "EdDSA"), id="no expiry"),
        pytest.param(jwt.encode(claims(sub=None), KEY, "EdDSA"), id="no subject"),
        pytest.param(jwt.encode(claims(sub="joe"), KEY, "EdDSA"), id="a subject that is no user"),
        pytest.param(jwt.encode(claims(iat=2**40), KEY, "EdDSA"), id="from the future"),
        pytest.param("[" * 100_000, id="no token"),
        pytest.param(
            base64.urlsafe_b64encode(b"[" * 100_000).decode().rstrip("=") + ".e30.AA", id="deep"
        ),
        pytest.param("a.b.c", id="no base64"),
        pytest.param("", id="empty"),
    ],
)
def test_a_forged_token_is_nobodys(forged: str) -> None:
    with pytest.raises(tokens.InvalidTokenError):
        tokens.user_id_of(forged, KEY)


@given(st.text())
def test_any_text_is_nobodys_token(text: str) -> None:
    with pytest.raises(tokens.InvalidTokenError):
        tokens.user_id_of(text, KEY)


def test_an_opaque_token_is_128_random_bits_in_uuid_form() -> None:
    made = [tokens.opaque_token() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(str(UUID(token)) == token for token in made)
    bits = [f"{UUID(token).int:0128b}" for token in made]
    varying = [len({word[place] for word in bits}) for place in range(128)]
    assert varying == [2] * 128, "no bit is fixed, unlike in a version 4 UUID"

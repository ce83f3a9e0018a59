"""Access tokens: their claims, and the ways to forge one."""

import base64
import hashlib
import json
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt as jose
from joserfc.jwk import KeySet

from auth import tokens
from auth.claims import hasura_claims
from auth.keys import jws, signing_keys
from auth.keys.key_ring import KeyRing, given_key_ring
from auth.keys.signing_keys import own_key_ring
from config.jwt_secret import JwtSecret
from models import User, UserSession

LIFE = 900
FOLDER = Path(tempfile.mkdtemp())
RING = own_key_ring(FOLDER, token_life=LIFE)
KEY, KID = RING.current.private, RING.current.kid
USER = User(id=uuid4(), email="joe@example.com", default_role="user", roles=["user", "me"])
SESSION = UserSession(
    id=uuid4(), methods=["pwd"], authenticated_at=datetime(2026, 11, 25, tzinfo=UTC)
)


def issue(now: datetime | None = None, *, ring: KeyRing = RING) -> str:
    hasura = hasura_claims(USER)
    return tokens.access_token(
        ring, USER, SESSION, now=now or datetime.now(UTC), expires_in=LIFE, hasura=hasura
    )


def read(token: str, ring: KeyRing = RING) -> tokens.Claims:
    return tokens.read(token, ring, datetime.now(UTC))


def claims(**changes: object) -> dict[str, object]:
    now = int(datetime.now(UTC).timestamp())
    fresh: dict[str, object] = {
        "sub": str(USER.id),
        "sid": str(SESSION.id),
        "iss": "hasura-auth",
        "iat": now,
        "exp": now + LIFE,
        "auth_time": now,
    }
    return {name: value for name, value in (fresh | changes).items() if value is not None}


def signed(
    algorithm: str = "EdDSA", key: Any = KEY, kid: str | None = KID, **changes: object
) -> str:
    headers = {"kid": kid} if kid else None
    return jwt.encode(claims(**changes), key, algorithm, headers=headers)


def test_an_access_token_says_who_and_how() -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    token = issue(now)
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "typ": "JWT", "kid": KID}
    found = jwt.decode(token, options={"verify_signature": False})
    assert UUID(found.pop("jti"))
    assert found == {
        "sub": str(USER.id),
        "iss": "hasura-auth",
        "iat": int(now.timestamp()),
        "exp": int(now.timestamp()) + LIFE,
        "sid": str(SESSION.id),
        "amr": ["pwd"],
        "auth_time": int(SESSION.authenticated_at.timestamp()),
        "https://hasura.io/jwt/claims": {
            "x-hasura-user-id": str(USER.id),
            "x-hasura-default-role": "user",
            "x-hasura-allowed-roles": ["user", "me"],
            "x-hasura-user-is-anonymous": "false",
        },
    }
    assert read(token) == tokens.Claims(USER.id, SESSION.id, SESSION.authenticated_at, ("pwd",))


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # only the name; the key is Ed25519
def test_an_independent_verifier_needs_only_the_public_keys() -> None:
    published: list[Any] = [key.jwk() for key in RING.in_use(datetime.now(UTC))]
    keys = KeySet.import_key_set({"keys": published})
    found = jose.decode(issue(), keys, algorithms=["EdDSA"])
    assert found.claims["sub"] == str(USER.id)


@given(st.binary(max_size=80))
def test_a_token_is_read_in_one_spelling_only(noise: bytes) -> None:
    """Any other text with the same content is refused: padding, the other alphabet, line ends."""
    token = issue()
    header, body, signature = token.split(".")
    text = noise.decode("latin-1")
    for other in (
        token[:-1] + chr(ord(token[-1]) + 1), f"{token}=", f"{token}\n", f" {token}",
        f"{header}.{body}=.{signature}", f"{header}..{signature}", f"{token}.{text}",
        f"{header}.{body}.{text}", f"{text}.{body}.{signature}", f"{header}.{text}.{signature}",
    ):  # fmt: skip
        if other != token:
            assert read(token), "also if the token itself is known already"
            with pytest.raises(tokens.InvalidTokenError):
                read(other)


def test_an_access_token_expires() -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    token = issue(now)
    assert tokens.read(token, RING, now + timedelta(seconds=LIFE - 1))
    assert tokens.read(token, RING, now - timedelta(seconds=60)), "this machine's clock may be slow"
    for time in (now + timedelta(seconds=LIFE), now - timedelta(seconds=61)):
        with pytest.raises(tokens.InvalidTokenError):
            tokens.read(token, RING, time)


def test_a_token_survives_rotation_but_not_deletion_of_its_key(tmp_path: Path) -> None:
    ring = own_key_ring(tmp_path, token_life=LIFE)
    token = issue(ring=ring)
    signing_keys.rotate(tmp_path, datetime.now(UTC), token_life=LIFE)
    assert read(token, ring)
    later = datetime.now(UTC) + timedelta(seconds=LIFE + 1)
    with pytest.raises(tokens.InvalidTokenError):
        tokens.read(token, ring, later)


def test_a_known_token_is_refused_as_soon_as_its_key_is_revoked(tmp_path: Path) -> None:
    ring = own_key_ring(tmp_path, token_life=LIFE)
    token = issue(ring=ring)
    assert read(token, ring) == read(token, ring)
    signing_keys.rotate(tmp_path, datetime.now(UTC), token_life=LIFE, revoke=True)
    with pytest.raises(tokens.InvalidTokenError):
        read(token, ring)


def test_a_known_token_is_worth_nothing_to_another_server_with_its_key_id(tmp_path: Path) -> None:
    """The same `kid`, another key: what one ring has verified is not taken from the other."""
    kid, shared = "shared", "k" * 32
    rings = [
        given_key_ring(
            JwtSecret.model_validate({"type": "HS256", "kid": kid, "key": key}), token_life=LIFE
        )
        for key in (shared, shared[::-1] + "x")
    ]
    token = issue(ring=rings[0])
    assert read(token, rings[0])
    with pytest.raises(tokens.InvalidTokenError):
        read(token, rings[1])


def test_only_verified_tokens_are_remembered_and_the_last_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known: dict[bytes, Any] = {}
    monkeypatch.setattr(jws, "_known", known)
    monkeypatch.setattr(jws, "KNOWN", 8)
    issued = [issue() for _ in range(20)]
    assert {read(token).user_id for token in issued} == {USER.id}
    assert list(known) == [hashlib.sha256(token.encode()).digest() for token in issued[-8:]]
    for wrong in (issued[0][:-4] + "AAAA", signed(pad="x" * jws.KNOWN_LENGTH)):
        with suppress(tokens.InvalidTokenError):
            read(wrong)
        assert hashlib.sha256(wrong.encode()).digest() not in known


def public_key() -> Any:
    return KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def unsigned(header: object, body: object) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in (header, body))
    return b".".join(part.rstrip(b"=") for part in parts).decode() + "."


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(signed(key=Ed25519PrivateKey.generate()), id="another key"),
        pytest.param(signed(kid=None), id="no key id"),
        pytest.param(signed(kid="another"), id="another key id"),
        pytest.param(issue()[:-4] + "AAAA", id="another signature"),
        pytest.param(unsigned({"alg": "none", "kid": KID}, claims()), id="no signature"),
        pytest.param(unsigned({"alg": "EdDSA", "kid": [KID]}, claims()), id="a list of key ids"),
        pytest.param(signed("HS256", public_key()), id="the public key as a secret"),
        pytest.param(signed("HS256", b"x" * 32), id="another algorithm"),
        pytest.param(signed(iss="another"), id="another issuer"),
        pytest.param(signed(iss=None), id="no issuer"),
        pytest.param(signed(exp=None), id="no expiry"),
        pytest.param(signed(sub=None), id="no subject"),
        pytest.param(signed(sub="joe"), id="a subject that is no user"),
        pytest.param(signed(sid=None), id="no session"),
        pytest.param(signed(sid=7), id="a session that is none"),
        pytest.param(signed(auth_time="now"), id="a time that is none"),
        pytest.param(signed(auth_time=10**30), id="a time out of the world"),
        pytest.param(signed(iat=2**40), id="from the future"),
        pytest.param(signed(exp="never"), id="an expiry that is none"),
        pytest.param(signed(iat=None), id="no issue time"),
        pytest.param("[" * 100_000, id="no token"),
        pytest.param(
            base64.urlsafe_b64encode(b"[" * 100_000).decode().rstrip("=") + ".e30.AA", id="deep"
        ),
        pytest.param(unsigned([], claims()), id="a header that is no object"),
        pytest.param("a.b.c", id="no base64"),
        pytest.param("", id="empty"),
    ],
)
def test_a_forged_token_is_refused(forged: str) -> None:
    with pytest.raises(tokens.InvalidTokenError):
        read(forged)


@given(st.text())
def test_arbitrary_text_is_refused_as_a_token(text: str) -> None:
    with pytest.raises(tokens.InvalidTokenError):
        read(text)


def test_an_opaque_token_is_128_random_bits_in_uuid_form() -> None:
    made = [tokens.opaque_token() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(str(UUID(token)) == token for token in made)
    bits = [f"{UUID(token).int:0128b}" for token in made]
    varying = [len({word[place] for word in bits}) for place in range(128)]
    assert varying == [2] * 128, "no bit is fixed, unlike in a version 4 UUID"


def test_audience_and_allowed_skew_are_applied() -> None:
    def ring(**members: object) -> KeyRing:
        secret = {"type": "HS256", "key": "x" * 32} | members
        return given_key_ring(JwtSecret.model_validate(secret), token_life=LIFE)

    mine = ring(audience=["me", "you"], allowed_skew=30)
    token = issue(ring=mine)
    assert jwt.decode(token, options={"verify_signature": False})["aud"] == ["me", "you"]
    assert read(token, mine)
    for other in (ring(audience="them"), ring()):
        with pytest.raises(tokens.InvalidTokenError):
            read(token, other)
    with pytest.raises(tokens.InvalidTokenError):
        read(issue(ring=ring()), mine)
    end = datetime.now(UTC) - timedelta(seconds=LIFE)
    assert read(issue(end - timedelta(seconds=20), ring=mine), mine)
    with pytest.raises(tokens.InvalidTokenError):
        read(issue(end - timedelta(seconds=40), ring=mine), mine)

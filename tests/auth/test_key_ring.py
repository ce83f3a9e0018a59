import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from auth.key_files import UnusableKeyError
from auth.key_ring import KeyRing, given_key_ring, own_key_ring, rotate_signing_key
from config import load

PrivateKey = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
LIFE = 900
NOW = datetime.now(UTC)


def own(folder: Path) -> KeyRing:
    return own_key_ring(folder, token_life=LIFE)


def kids(ring: KeyRing, now: datetime) -> list[str | None]:
    return [key.kid for key in ring.in_use(now)]


def test_one_key_is_made_and_found_again(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        rings = list(pool.map(own, [tmp_path] * 64))
    assert len({ring.current.kid for ring in rings}) == 1
    (file,) = (tmp_path / "signing-keys").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_new_key_signs_and_the_old_one_verifies_until_its_last_token_expires(
    tmp_path: Path,
) -> None:
    running = own(tmp_path)
    old = running.current.kid
    new = rotate_signing_key(tmp_path, NOW, token_life=LIFE).kid
    assert new != old
    assert running.current.kid == new, "a running server notices"
    assert kids(running, NOW) == [old, new]
    assert kids(running, NOW + timedelta(seconds=LIFE - 1)) == [old, new]
    assert kids(running, NOW + timedelta(seconds=LIFE + 1)) == [new]


def test_rotating_deletes_what_verifies_nothing_any_more(tmp_path: Path) -> None:
    own(tmp_path)
    times = [NOW, NOW + timedelta(seconds=LIFE / 2), NOW + timedelta(seconds=2 * LIFE)]
    new = [rotate_signing_key(tmp_path, time, token_life=LIFE).kid for time in times]
    assert kids(own(tmp_path), times[-1]) == new[1:]
    assert len(list((tmp_path / "signing-keys").iterdir())) == 2


def test_a_key_that_is_deleted_while_it_is_read_disturbs_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = own(tmp_path)
    old = running.current.kid
    new = rotate_signing_key(tmp_path, NOW, token_life=LIFE).kid
    with monkeypatch.context() as deleted:
        deleted.setattr(Path, "read_bytes", Mock(side_effect=FileNotFoundError))
        assert running.current.kid == old
    assert running.current.kid == new


def test_two_rotations_in_one_second_are_one(tmp_path: Path) -> None:
    rotate_signing_key(tmp_path, NOW, token_life=LIFE)
    with pytest.raises(UnusableKeyError):
        rotate_signing_key(tmp_path, NOW, token_life=LIFE)


@pytest.mark.parametrize("content", [b"", b"hunter2", b"-----BEGIN PRIVATE KEY-----\nhunter2"])
def test_a_broken_key_is_named_and_not_shown(tmp_path: Path, content: bytes) -> None:
    own(tmp_path)
    file = tmp_path / "signing-keys" / "0.pem"
    file.write_bytes(content)
    with pytest.raises(UnusableKeyError, match=file.name) as refused:
        own(tmp_path)
    assert "hunter2" not in str(refused.value)


def test_a_key_shows_its_public_half_alone(tmp_path: Path) -> None:
    key = own(tmp_path).current
    jwk = key.jwk()
    assert jwk is not None
    assert set(jwk) == {"kty", "crv", "x", "kid", "alg", "use"}
    assert (jwk["kty"], jwk["crv"], jwk["alg"], jwk["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")
    raw = key.private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    assert raw.hex() not in repr(key)


def test_the_thumbprint_is_that_of_rfc_8037(tmp_path: Path) -> None:
    """RFC 8037, appendix A.3, computed from the key of A.1."""
    private = ed25519.Ed25519PrivateKey.from_private_bytes(
        bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    )
    ring = given(type="Ed25519", signing_key=private_pem(private))
    assert ring.current.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def private_pem(
    key: PrivateKey,
) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem(
    key: PrivateKey,
) -> str:
    encoded = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return encoded.decode()


def given(**secret: str) -> KeyRing:
    settings, _ = load({"HASURA_GRAPHQL_JWT_SECRET": json.dumps(secret)})
    assert settings.jwt_secret is not None
    return given_key_ring(settings.jwt_secret, token_life=LIFE)


RSA = rsa.generate_private_key(65537, 2048)
P256 = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(
    ("secret", "algorithm", "kind"),
    [
        ({"type": "HS256", "key": "x" * 32}, "HS256", None),
        ({"type": "HS512", "key": "x" * 64, "kid": "mine"}, "HS512", None),
        (
            {"type": "RS256", "key": public_pem(RSA), "signing_key": private_pem(RSA)},
            "RS256",
            "RSA",
        ),
        ({"type": "RS512", "signing_key": private_pem(RSA)}, "RS512", "RSA"),
        ({"type": "ES256", "signing_key": private_pem(P256), "kid": "mine"}, "ES256", "EC"),
        (
            {"type": "Ed25519", "signing_key": private_pem(ed25519.Ed25519PrivateKey.generate())},
            "EdDSA",
            "OKP",
        ),
    ],
)  # fmt: skip
def test_the_key_of_hasura_is_honoured(
    secret: dict[str, str], algorithm: str, kind: str | None
) -> None:
    ring = given(**secret, issuer="me", claims_namespace="claims")
    key = ring.current
    assert (ring.issuer, ring.claims_namespace, key.algorithm) == ("me", "claims", algorithm)
    if kind is None:
        assert key.jwk() is None
        assert key.kid == secret.get("kid")
    else:
        jwk = key.jwk()
        assert jwk is not None
        assert (jwk["kty"], jwk["kid"]) == (kind, key.kid)
        assert key.kid == secret.get("kid", key.kid)
        assert not set(jwk) & {"d", "p", "q", "dp", "dq", "qi"}


@pytest.mark.parametrize(
    "secret",
    [
        {"type": "HS256", "key": "hunter2"},
        {"type": "RS256", "key": public_pem(RSA)},
        {"type": "RS256", "signing_key": "hunter2"},
        {"type": "RS256", "signing_key": public_pem(RSA)},
        {"type": "RS256", "signing_key": private_pem(P256)},
        {"type": "ES384", "signing_key": private_pem(P256)},
        {"type": "Ed25519", "signing_key": private_pem(P256)},
        {
            "type": "RS256",
            "signing_key": private_pem(RSA),
            "key": public_pem(rsa.generate_private_key(65537, 2048)),
        },
    ],
)
def test_a_key_that_does_not_fit_is_refused_and_not_shown(secret: dict[str, str]) -> None:
    with pytest.raises(UnusableKeyError, match="HASURA_GRAPHQL_JWT_SECRET") as refused:
        given(**secret)
    for value in (secret.get("key"), secret.get("signing_key")):
        assert value is None or value not in str(refused.value)

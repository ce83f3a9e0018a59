import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from auth.keys.key_files import UnusableKeyError
from auth.keys.key_ring import KeyRing, given_key_ring
from config import ConfigError, load

PrivateKey = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
LIFE = 900


def test_the_thumbprint_matches_rfc_8037() -> None:
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


def given(**secret: object) -> KeyRing:
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
def test_hasuras_jwt_secret_signs(secret: dict[str, str], algorithm: str, kind: str | None) -> None:
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
def test_a_wrong_key_is_refused_and_not_shown(secret: dict[str, str]) -> None:
    with pytest.raises(UnusableKeyError, match="HASURA_GRAPHQL_JWT_SECRET") as refused:
        given(**secret)
    for value in (secret.get("key"), secret.get("signing_key")):
        assert value is None or value not in str(refused.value)


P384 = ec.generate_private_key(ec.SECP384R1())
SMALL = rsa.generate_private_key(65537, 1024)


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ({"type": "HS384", "key": "x" * 47}, "48 bytes"),
        ({"type": "HS512", "key": "x" * 63}, "64 bytes"),
        ({"type": "HS256", "key": public_pem(RSA)}, "shared secret"),
        ({"type": "HS256", "key": "x" * 32, "signing_key": "y" * 32}, "no signing_key"),
        ({"type": "RS256", "signing_key": private_pem(SMALL)}, "2048 bits"),
        ({"type": "ES256", "signing_key": private_pem(P384)}, "P-256"),
        ({"type": "ES384", "signing_key": private_pem(P256)}, "P-384"),
        (
            {"type": "RS256", "key": private_pem(RSA), "signing_key": private_pem(RSA)},
            "public half",
        ),
    ],
)
def test_a_weak_or_misplaced_key_is_refused_in_one_line(secret: dict[str, str], said: str) -> None:
    with pytest.raises(UnusableKeyError, match=said) as refused:
        given(**secret)
    assert "\n" not in str(refused.value)
    assert "BEGIN" not in str(refused.value)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("jwk_url", "https://a.test/jwks"),
        ("claims_map", {"x-hasura-user-id": {"path": "$.sub"}}),
        ("claims_namespace_path", "$.hasura"),
        ("claims_namespace", "sub"),
        ("claims_format", "stringified_json"),
        ("header", {"type": "Cookie", "name": "token"}),
        ("allowed_skew", 100000),
        ("allowed_skew", "1"),
        ("audience", ""),
        ("audiences", "me"),
    ],
)
def test_a_member_that_would_be_ignored_is_refused_by_name(member: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"^HASURA_GRAPHQL_JWT_SECRET: .*{member}") as refused:
        given(type="HS256", key="hunter2" * 6, **{member: value})
    assert "hunter2" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_hasuras_default_values_are_accepted() -> None:
    ring = given(
        type="HS256", key="x" * 32, header={"type": "Authorization"}, claims_format="json",
        allowed_skew=30, audience=["me", "you"],
    )  # fmt: skip
    assert (ring.allowed_skew, ring.audience) == (30, ("me", "you"))

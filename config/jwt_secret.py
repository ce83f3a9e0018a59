"""Parsing HASURA_GRAPHQL_JWT_SECRET: each member is used, or refused by name."""

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from config.refusal import Refusal

_LONGEST_SKEW = 300
"""Maximum of `allowed_skew` in seconds; clocks that differ by more must be set."""
_REFUSED = {
    "jwk_url": "Postern signs with its own key and publishes /.well-known/jwks.json; leave it out",
    "claims_map": "Postern writes the claims itself; set AUTH_JWT_CUSTOM_CLAIMS",
    "claims_namespace_path": "Postern writes the claims at the top; set claims_namespace",
}
_RESERVED = {"sub", "iss", "iat", "exp", "nbf", "jti", "aud", "sid", "amr", "auth_time"}
"""Claims that a namespace of the same name would replace."""


class JwtSecret(BaseModel):
    """HASURA_GRAPHQL_JWT_SECRET: how access tokens are signed, in Hasura's format."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    type: Literal[
        "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "Ed25519"
    ]
    key: SecretStr = SecretStr("")
    """The shared secret (HS…), or the public key in PEM form."""
    signing_key: SecretStr | None = None
    """The private key in PEM form."""
    kid: str | None = None
    issuer: str | None = None
    audience: str | tuple[str, ...] | None = None
    """The `aud` claim of tokens; a token for another audience is rejected."""
    claims_namespace: str | None = None
    claims_format: Literal["json"] = "json"
    header: dict[str, str] | None = None
    allowed_skew: int = Field(default=0, ge=0, le=_LONGEST_SKEW)
    """Seconds for which a token is accepted after its expiry."""


def checked_jwt_secret(value: object) -> object:
    """Parse the members of the secret. Raises Refusal for a member that would be ignored."""
    found: Any = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, dict):
        return found
    for name in found:
        if name not in JwtSecret.model_fields:
            advice = _REFUSED.get(name, "leave it out")
            raise Refusal(f"Postern has no member {ascii(name)[:40]}: {advice}")
    if found.get("claims_format", "json") != "json":
        raise Refusal("claims_format: expected json, which Nhost's clients read")
    if found.get("header", {"type": "Authorization"}) != {"type": "Authorization"}:
        raise Refusal('header: expected {"type": "Authorization"}, where clients send their token')
    if found.get("claims_namespace") in ({""} | _RESERVED):
        raise Refusal("claims_namespace: expected a name that no other claim of a token has")
    if found.get("audience", "x") in ("", []) or found.get("issuer", "x") == "":
        raise Refusal("audience and issuer: expected a name, or neither")
    skew = found.get("allowed_skew", 0)
    if type(skew) is not int or not 0 <= skew <= _LONGEST_SKEW:
        raise Refusal(f"allowed_skew: expected seconds from 0 to {_LONGEST_SKEW}")
    return found

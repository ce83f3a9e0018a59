"""HASURA_GRAPHQL_JWT_SECRET: each member is honoured, or refused by its name."""

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from config.refusal import Refusal

_LONGEST_SKEW = 300
"""Seconds that a token may be taken after its end; mend clocks that differ by more."""
_REFUSED = {
    "jwk_url": "Postern signs with its own key and publishes /.well-known/jwks.json; leave it out",
    "claims_map": "Postern writes the claims itself; set AUTH_JWT_CUSTOM_CLAIMS",
    "claims_namespace_path": "Postern writes the claims at the top; set claims_namespace",
}
_RESERVED = {"sub", "iss", "iat", "exp", "nbf", "jti", "aud", "sid", "amr", "auth_time"}
"""Claims that a namespace would replace."""


class JwtSecret(BaseModel):
    """HASURA_GRAPHQL_JWT_SECRET: how access tokens are signed, in Hasura's words."""

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
    """For whom the tokens are; a token for others is refused."""
    claims_namespace: str | None = None
    claims_format: Literal["json"] = "json"
    header: dict[str, str] | None = None
    allowed_skew: int = Field(default=0, ge=0, le=_LONGEST_SKEW)
    """Seconds that a token is taken after its end."""


def checked_jwt_secret(value: object) -> object:
    """The members of the secret, from JSON. Raises Refusal for one that would be ignored."""
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

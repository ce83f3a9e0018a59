"""Custom claims, as Hasura reads them."""

from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from auth.accounts import sign_up
from auth.claims import custom_claims, hasura_claims
from auth.new_accounts import Wishes
from auth.postern import Postern
from config import ConfigError, load
from models import User
from tests.support import PASSWORD, caller, environment, with_settings

METADATA: dict[str, Any] = {
    "organisation": {"id": 7, "name": 'Red "Team"'},
    "teams": [{"id": "a"}, {"id": 'b"'}],
    "beta": True,
    "nothing": None,
}
USER = User(
    email="joe@example.com", display_name="Joe", locale="en", default_role="user", roles=["user"],
    created_at=datetime(2026, 1, 1, tzinfo=UTC), metadata=METADATA,
)  # fmt: skip


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("metadata.organisation.id", "7"),
        ("$.metadata.organisation.name", 'Red "Team"'),
        ("metadata.teams[*].id", '{"a","b\\""}'),
        ("metadata.teams[0].id", "a"),
        ("roles", '{"user"}'),
        ("metadata.beta", "true"),
        ("metadata.nothing", "null"),
        ("metadata.missing.deep", "null"),
        ("metadata.missing[*]", "{}"),
        ("email", "joe@example.com"),
        ("passwordHash", "null"),
        ("totpSecret", "null"),
    ],
)
def test_a_claims_value_is_text(path: str, text: str) -> None:
    assert custom_claims(USER, (("Mine", path),)) == {"x-hasura-mine": text}


def test_custom_claims_do_not_replace_standard_ones() -> None:
    added = (("team", "metadata.teams[0].id"), ("user-id", "email"))
    claims = hasura_claims(USER, added)
    assert claims["x-hasura-team"] == "a"
    assert claims["x-hasura-user-id"] == str(USER.id)


@pytest.mark.parametrize("name", ["user-id", "x-hasura-User-Id", "allowed-roles", "auth-elevated"])
def test_a_standard_claim_cannot_be_customised(name: str) -> None:
    assert custom_claims(USER, ((name, "metadata.beta"),)) == {}


@pytest.mark.anyio
async def test_every_access_token_has_the_custom_claims(postern: Postern) -> None:
    chosen = with_settings(postern, jwt_custom_claims=(("team", "metadata.team"),))
    session = await sign_up.sign_up_email_password(
        chosen, caller(), "a@b.test", PASSWORD, Wishes(metadata={"team": "red"})
    )
    claims = jwt.decode(session.access_token, options={"verify_signature": False})
    hasura = claims["https://hasura.io/jwt/claims"]
    assert hasura["x-hasura-team"] == "red"
    assert hasura["x-hasura-user-id"] == str(session.user.id)


def test_custom_claims_come_from_the_environment_or_the_file(tmp_path: Any) -> None:
    env = {"AUTH_JWT_CUSTOM_CLAIMS": '{"team": "metadata.team"}'}
    assert load(environment(tmp_path, **env))[0].jwt_custom_claims == (("team", "metadata.team"),)
    file = tmp_path / "nhost.toml"
    file.write_text(
        '[[auth.session.accessToken.customClaims]]\nkey = "team"\nvalue = "metadata.team"\n'
    )
    chosen, warnings = load({"AUTH_CONFIG": str(file)})
    assert (chosen.jwt_custom_claims, warnings) == ((("team", "metadata.team"),), [])


@pytest.mark.parametrize(
    "wrong", ["x", '["a"]', '{"a": 1}', '{"a b": "c"}', '{"a": "$["}', '{"": "c"}']
)
def test_an_invalid_custom_claim_is_refused_at_the_start(tmp_path: Any, wrong: str) -> None:
    with pytest.raises(ConfigError, match="AUTH_JWT_CUSTOM_CLAIMS"):
        load(environment(tmp_path, AUTH_JWT_CUSTOM_CLAIMS=wrong))

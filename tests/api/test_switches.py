"""Features that the operator can switch off, and what a stranger then learns."""

from collections.abc import Iterator

import httpx2
import pytest
from graphql import get_introspection_query

from tests.support import PASSWORD, Client, RefusedError, running_server

SETTINGS = {
    "AUTH_GRAPHIQL_ENABLED": "false",
    "AUTH_GRAPHQL_INTROSPECTION": "false",
    "AUTH_CONCEAL_ERRORS": "true",
}


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A server that reveals as little as possible."""
    with (
        running_server(tmp_path_factory.mktemp("switches") / "var", **SETTINGS) as server,
        httpx2.Client(base_url=server.url, timeout=30) as client,
    ):
        yield client


@pytest.mark.parametrize(
    "query",
    [
        get_introspection_query(),
        '{ __type(name: "User") { name } }',
        "{ me { __typename } __schema { queryType { name } } }",
    ],
)
def test_without_introspection_the_schema_is_hidden(http: httpx2.Client, query: str) -> None:
    answer = http.post("/graphql", json={"query": query}).json()
    assert answer.get("data") is None
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"INVALID_REQUEST"}


def test_a_typename_is_still_answered(http: httpx2.Client) -> None:
    assert http.post("/graphql", json={"query": "{ __typename }"}).json() == {
        "data": {"__typename": "Query"}
    }


@pytest.mark.parametrize(
    "query",
    [
        "{ m }",
        "{ me { emal } }",
        '{ me { sessionz { id } } }',
        'mutation { signInEmailPasword(email: "a", password: "b") { __typename } }',
        'mutation { signInEmailPassword(emial: "a", password: "b") { __typename } }',
        'mutation { signInEmailPassword(email: "a", password: "b") { ... on Sesion { user } } }',
        "query ($a: Sting) { me { id } }",
    ],
)  # fmt: skip
def test_without_introspection_messages_suggest_nothing(http: httpx2.Client, query: str) -> None:
    answer = http.post("/graphql", json={"query": query})
    assert answer.json()["errors"]
    assert "Did you mean" not in answer.text


def test_without_graphiql_a_browser_gets_json(http: httpx2.Client) -> None:
    answer = http.get("/graphql", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["extensions"]["code"] == "INVALID_REQUEST"


def test_without_graphiql_a_browser_is_not_redirected(http: httpx2.Client) -> None:
    answer = http.get("/", headers={"accept": "text/html"})
    assert (answer.status_code, answer.json()["graphql"]) == (200, "graphql")


def test_concealed_errors_are_identical(http: httpx2.Client) -> None:
    joe, email = Client(http), "conceal@example.com"
    joe.sign_up(email)
    phone = joe.enrol()
    stranger, ticket = Client(http), joe.ticket(email)
    refused: list[tuple[Client, str, dict[str, object]]] = [
        (stranger, "signInEmailPassword", {"email": email, "password": "wrong"}),
        (stranger, "signInEmailPassword", {"email": "nobody@example.com", "password": "wrong"}),
        (stranger, "signUpEmailPassword", {"email": email, "password": PASSWORD}),
        (stranger, "verifySignInMfaTotp", {"ticket": "mfaTotp:nope", "otp": "000000"}),
        (stranger, "verifySignInMfaTotp", {"ticket": ticket, "otp": phone.wrong_code()}),
        (
            stranger,
            "verifySignInMfaRecoveryCode",
            {"ticket": ticket, "recoveryCode": "AAAA-AAAA-AAAA-AAAA"},
        ),
        (stranger, "refreshSession", {"refreshToken": "nope"}),
        (Client(http, "nope"), "me", {}),
        (stranger, "changeUserMfa", {}),
        (joe, "elevate", {"password": "wrong", "code": "000000"}),
    ]
    told = set()
    for client, operation, variables in refused:
        with pytest.raises(RefusedError) as error:
            client.call(operation, **variables)
        told.add((error.value.code, error.value.message, len(error.value.extensions)))
    assert told == {("INVALID_REQUEST", "The request is not valid.", 1)}


def test_errors_that_reveal_no_account_are_not_concealed(http: httpx2.Client) -> None:
    with pytest.raises(RefusedError) as error:
        Client(http).call("signUpEmailPassword", email="new@example.com", password="short")
    assert error.value.code == "PASSWORD_TOO_SHORT"
    assert error.value.extensions["minLength"] == 8

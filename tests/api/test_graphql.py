"""How `/graphql` answers wrong requests, against a real server."""

import json
import sqlite3
from pathlib import Path

import httpx2
import pytest
from graphql import get_introspection_query

from api.app import VERSION
from tests.support import OPERATIONS, PASSWORD, Client, Server, payload, running_server

JSON = {"content-type": "application/json"}
QUERY = {"query": "{ me { id } }"}


def code_of(response: httpx2.Response) -> str:
    (error,) = response.json()["errors"]
    assert set(error) <= {"message", "locations", "path", "extensions"}
    return str(error["extensions"]["code"])


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b'"x"', b"1", b"[]", b'[{"query": "{me{id}}"}]', b"{", b"\xff\xfe", b"\x00",
        b'{"query": "\xff"}', b"[" * 50_000, b'{"a":' * 10_000, b"1" * 5_000,
        b'{"query": "{me{id}}", "variables": {"x": "\\ud800"}}',
        b'{"query": 1}', b'{"query": null}', b"{}", b'{"query": ""}', b'{"query": ["{me{id}}"]}',
        b'{"query": "{me{id}}", "variables": []}', b'{"query": "{me{id}}", "variables": "x"}',
        b'{"query": "{me{id}}", "operationName": "nope"}',
        b'{"query": "{me{id}}", "operationName": 7}', b'{"query": "{me{id}}", "extensions": 7}',
        b'{"query": "fragment F on User { id }"}', b'{"query": "type T { id: ID }"}',
    ],
)  # fmt: skip
def test_a_malformed_body_is_a_400_with_a_code(
    http: httpx2.Client, shared_server: Server, body: bytes
) -> None:
    response = http.post("/graphql", content=body, headers=JSON)
    assert response.status_code == 400
    assert code_of(response) == "INVALID_REQUEST"
    assert "Traceback" not in shared_server.log()


@pytest.mark.parametrize(
    "content_type",
    [
        None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
        "text/plain; application/json", "application/jsonp",
    ],
)  # fmt: skip
def test_a_request_without_a_preflight_runs_no_operation(
    http: httpx2.Client, content_type: str | None
) -> None:
    """Otherwise any site could post a form from its visitor's browser."""
    headers = {"content-type": content_type} if content_type else {}
    response = http.post("/graphql", content=json.dumps(QUERY).encode(), headers=headers)
    assert response.status_code == 415
    assert code_of(response) == "INVALID_REQUEST"


def test_a_body_is_limited_to_64_kib(http: httpx2.Client) -> None:
    def padded(size: int) -> bytes:
        return json.dumps(QUERY).encode().ljust(size)

    assert http.post("/graphql", content=padded(65536), headers=JSON).status_code == 200
    for content in (padded(65537), padded(10_000_000), iter([padded(40_000)] * 2)):
        response = http.post("/graphql", content=content, headers=JSON)
        assert response.status_code == 413
        assert code_of(response) == "INVALID_REQUEST"


def test_a_document_is_limited_in_size(http: httpx2.Client) -> None:
    introspection = {"query": get_introspection_query()}
    assert "errors" not in http.post("/graphql", json=introspection).json()
    aliases = " ".join(f"a{n}: me {{ id }}" for n in range(200))
    assert code_of(http.post("/graphql", json={"query": f"{{ {aliases} }}"})) == "INVALID_REQUEST"


def test_responses_are_not_cached_and_pages_not_framed(http: httpx2.Client) -> None:
    for response in (http.post("/graphql", json=QUERY), http.post("/graphql", content=b"")):
        assert response.headers["cache-control"] == "no-store"
    for path in ("/graphql", "/healthz", "/nowhere"):
        headers = http.get(path, headers={"accept": "text/html"}).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["content-security-policy"].startswith("default-src 'none'; ")
        assert headers["referrer-policy"] == "no-referrer"


def test_only_pages_of_allowed_origins_may_send_requests(tmp_path: Path) -> None:
    named = "https://app.example.com"
    with (
        running_server(
            tmp_path / "var",
            AUTH_CORS_ORIGINS=named,
            AUTH_CLIENT_URL="http://localhost:3000/login",
        ) as server,
        httpx2.Client(base_url=server.url) as http,
    ):
        asks = {
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type, authorization",
        }
        for origin in (named, "http://localhost:3000"):
            preflight = http.options("/graphql", headers=asks | {"origin": origin})
            assert preflight.status_code == 200
            assert preflight.headers["access-control-allow-origin"] == origin
            assert "access-control-allow-credentials" not in preflight.headers
            answer = http.post("/graphql", json=QUERY, headers={"origin": origin})
            assert answer.headers["access-control-allow-origin"] == origin
        for origin in ("https://evil.example", "https://app.example.com.evil.example", "null"):
            preflight = http.options("/graphql", headers=asks | {"origin": origin})
            assert preflight.status_code == 400
            assert "access-control-allow-origin" not in preflight.headers


def test_a_mutation_does_not_run_over_get(http: httpx2.Client) -> None:
    response = http.get("/graphql", params={"query": "mutation { changeUserMfa { totpSecret } }"})
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert code_of(response) == "INVALID_REQUEST"


def test_a_query_runs_over_get(http: httpx2.Client) -> None:
    assert http.get("/graphql", params=QUERY).json() == {"data": {"me": None}}


def test_a_wrong_method_is_refused_in_json(http: httpx2.Client) -> None:
    response = http.put("/graphql", json=QUERY)
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"
    assert code_of(response) == "INVALID_REQUEST"


SIGN_IN = (
    "mutation ($e: String!, $p: String!) { signInEmailPassword(email: $e, password: $p) { %s } }"
)
INLINE = 'mutation { signInEmailPassword(email: "a", password: %s) { __typename } }'


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ me { hunter", {}),
        ("{ me { nope } }", {}),
        ('mutation { signInEmailPassword(email: "hunter2") { __typename } }', {}),
        (INLINE % '{x: "hunter2"}', {}),
        (INLINE % "hunter2", {}),
        (INLINE % '["hunter2"]', {}),
        ('mutation { signInEmailPassword(email: "a" password "hunter2") { __typename } }', {}),
        ('mutation { signInEmailPassword(email: "a" password hunter2) { __typename } }', {}),
        ('mutation { signInEmailPassword(email: "a" password: """hunter2""" """hunter2""") }', {}),
        ('"hunter2" { me { id } }', {}),
        ("""mutation { signInEmailPassword(email: 'hunter2') { __typename } }""", {}),
        (SIGN_IN % "__typename", {"e": "a"}),
        (SIGN_IN % "__typename", {"e": "a", "p": {"hunter2": "hunter2"}}),
        (SIGN_IN % "__typename", {"e": "a", "p": ["hunter2"]}),
        (SIGN_IN % "__typename", {"e": ["hunter2\nhunter2"], "p": "hunter2"}),
        (SIGN_IN % "ticket", {"e": "a", "p": "hunter2"}),
    ],
)  # fmt: skip
def test_a_wrong_operation_has_a_code_and_repeats_no_value(
    http: httpx2.Client, shared_server: Server, query: str, variables: dict[str, object]
) -> None:
    response = http.post("/graphql", json={"query": query, "variables": variables})
    for error in response.json()["errors"]:
        assert error["extensions"]["code"] == "INVALID_REQUEST"
        assert error["message"]
    assert "hunter2" not in response.text
    assert "hunter2" not in shared_server.log()


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, None),
        ("", None),
        ("Basic am9lOmpvZQ==", None),
        ("Bearer", "UNAUTHENTICATED"),
        ("Bearer forged", "UNAUTHENTICATED"),
        ("bearer a.b.c", "UNAUTHENTICATED"),
        ("Bearer \xff", "UNAUTHENTICATED"),
    ],
)
def test_me_is_null_without_a_token_and_an_error_with_a_bad_one(
    http: httpx2.Client, authorization: str | None, code: str | None
) -> None:
    headers = {} if authorization is None else {b"authorization": authorization.encode("latin-1")}
    body = http.post("/graphql", json=QUERY, headers=headers).json()
    assert body["data"] == {"me": None}
    assert [error["extensions"]["code"] for error in body.get("errors", [])] == (
        [code] if code else []
    )


def test_an_expired_token_does_not_prevent_a_sign_in(http: httpx2.Client) -> None:
    client = Client(http, access_token="expired")
    client.call("signUpEmailPassword", email="stale@example.com", password=PASSWORD)
    client.call("signInEmailPassword", email="stale@example.com", password=PASSWORD)


def test_each_operation_of_a_document_can_be_chosen(http: httpx2.Client) -> None:
    document = "query A { me { id } } query B { __typename }"
    chosen = http.post("/graphql", json={"query": document, "operationName": "B"})
    assert chosen.json() == {"data": {"__typename": "Query"}}


def test_browsers_get_graphiql(http: httpx2.Client) -> None:
    page = http.get("/graphql", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "GraphiQL" in page.text


def test_the_root_redirects_browsers_and_lists_addresses_for_others(http: httpx2.Client) -> None:
    browsers = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    led = http.get("/", headers={"accept": browsers, "host": "evil.example"})
    assert (led.status_code, led.headers["location"]) == (303, "graphql")
    assert "accept" in led.headers["vary"]
    for accept in ("*/*", "application/json", ""):
        told = http.get("/", headers={"accept": accept, "host": "evil.example"})
        assert told.status_code == 200
        assert "evil.example" not in told.text
        for address in told.json().values():
            if address != "graphql":
                assert http.get(f"/{address}").status_code == 200
    assert http.post("/").status_code == 405


def test_the_other_routes_answer_json(http: httpx2.Client) -> None:
    assert http.get("/healthz").json() == "OK"
    assert http.head("/healthz").status_code == 200
    assert http.get("/version").json() == {"version": VERSION}
    assert http.get("/nowhere").status_code == 404
    assert http.get("/nowhere").json()["error"] == "not-found"
    assert http.post("/healthz").status_code == 405
    assert http.post("/healthz").json()["error"] == "method-not-allowed"
    assert "server" not in http.get("/healthz").headers


def test_an_unexpected_error_gives_the_client_only_an_id(tmp_path: Path) -> None:
    variables = {"email": "a@b.test", "password": "hunter2"}
    with running_server(tmp_path / "var") as server:
        with sqlite3.connect(server.data_dir / "postern.db") as database:
            database.execute("ALTER TABLE users RENAME TO lost")
        response = httpx2.post(
            f"{server.url}/graphql", json=payload("signInEmailPassword", variables)
        )
    (error,) = response.json()["errors"]
    assert error["message"] == "Something went wrong on the server."
    assert set(error["extensions"]) == {"code", "id"}
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert f"error {error['extensions']['id']}: OperationalError: no such table" in server.log()
    for secret in ("hunter2", "a@b.test", OPERATIONS["signInEmailPassword"]):
        assert secret not in server.log()

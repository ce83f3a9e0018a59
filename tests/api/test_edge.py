"""What all routes share: no redirects, rate limits, JSON, and HEAD requests without effect."""

import json
import re
import socket
from pathlib import Path

import httpx2
import pytest

from api.app import create_app
from api.cors import MAX_REPORTED
from auth.postern import Postern
from tests.support import JOE, PASSWORD, Client, Server, running_server

PATHS = [
    "/graphql/", "//graphql", "/graphql//", "/./graphql", "/a/../graphql", "/graphql%2f",
    "/%2fgraphql", "/graphql/?query={__typename}", "/healthz/", "//evil.example/", "/v1/token/",
    "//v1/token", "/v1//token", "/v1/token%2F", "/v1/", "/v1", "//", "/..", "/%2e%2e/",
    "/graphiql", "/graphiql/", "/graphiql/../graphql", "/graphiql/..%2fapp.py", "/openapi.json/",
    "/.well-known/jwks.json/", "/\\evil.example", "/graphql;/", "/nowhere", "/nowhere/",
]  # fmt: skip
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]


def raw(server: Server, method: str, path: str) -> tuple[int, bytes, bytes]:
    """Return status, head and body of the response to a path that is sent unchanged."""
    host, port = server.url.removeprefix("http://").split(":")
    asked = f"{method} {path} HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n"
    if method not in {"GET", "HEAD"}:
        asked += "content-length: 0\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(asked.encode() + b"\r\n")
        received = b""
        while part := connection.recv(65536):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.lower(), body


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_redirected(shared_server: Server, method: str) -> None:
    for path in PATHS:
        status, head, body = raw(shared_server, method, path)
        assert not 300 <= status < 400, (method, path)
        assert b"location:" not in head
        assert b"evil.example" not in body
        assert status in {400, 404, 405}, (method, path, status)
        if method != "HEAD":
            json.loads(body)


def test_a_head_request_changes_nothing(server: Server, client: Client) -> None:
    """Starlette adds HEAD to every GET route, but one of Nhost's GET routes enrols a factor."""
    client.sign_up(JOE)
    headers = {"authorization": f"Bearer {client.access_token}"}
    pending = httpx2.head(f"{server.url}/v1/mfa/totp/generate", headers=headers)
    assert (pending.status_code, pending.headers["allow"]) == (405, "GET")
    body = {"code": "123456", "activeMfaType": "totp"}
    code = httpx2.post(f"{server.url}/v1/user/mfa", json=body, headers=headers)
    assert code.json()["error"] == "no-totp-secret", "nothing is pending"
    query = {"query": "mutation { signOut }"}
    assert httpx2.head(f"{server.url}/graphql", params=query, headers=headers).status_code == 405
    assert client.call("me")["email"] == JOE
    for path in (
        "/healthz",
        "/readyz",
        "/version",
        "/.well-known/jwks.json",
        "/graphiql/graphiql.js",
    ):
        answer = httpx2.head(f"{server.url}{path}")
        assert (answer.status_code, answer.content) == (200, b"")


def test_every_route_except_the_probes_is_rate_limited(tmp_path: Path) -> None:
    counted = [
        ("GET", "/version"), ("GET", "/v1/version"), ("GET", "/openapi.json"),
        ("GET", "/.well-known/jwks.json"), ("GET", "/graphiql/graphiql.css"), ("GET", "/nowhere"),
        ("PUT", "/version"), ("HEAD", "/version"), ("OPTIONS", "/graphql"), ("GET", "/v1/token"),
        ("POST", "/v1/token"), ("GET", "/v1/user"), ("HEAD", "/graphql"), ("GET", "/graphql"),
    ]  # fmt: skip
    with (
        running_server(tmp_path / "var", AUTH_RATE_LIMIT_GLOBAL_BURST=str(len(counted))) as server,
        httpx2.Client(base_url=server.url) as http,
    ):
        for method, path in counted:
            assert http.request(method, path).status_code != 429, path
        for method, path in counted:
            refused = http.request(method, path)
            assert refused.status_code == 429, path
            assert int(refused.headers["retry-after"]) > 0
            assert refused.headers["content-type"].startswith("application/")
        for path in ("/healthz", "/readyz", "/v1/healthz"):
            assert http.get(path).status_code == 200
        lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
        throttled = [line for line in lines if line.get("event") == "THROTTLED"]
        assert [(line["limit"], line["who"]) for line in throttled] == [("requests", "127.0.0.1")]


def test_a_401_has_a_www_authenticate_header(server: Server) -> None:
    """RFC 9110, section 15.5.2, and RFC 6750, section 3."""
    url = f"{server.url}/v1"
    asks = httpx2.get(f"{url}/user")
    assert asks.status_code == 401
    assert asks.headers["www-authenticate"] == 'Bearer realm="postern"'
    wrong = httpx2.get(f"{url}/user", headers={"authorization": "Bearer x"})
    assert wrong.headers["www-authenticate"] == 'Bearer realm="postern", error="invalid_token"'
    body = {"email": JOE, "password": PASSWORD}
    unknown = httpx2.post(f"{url}/signin/email-password", json=body)
    assert unknown.status_code == 401
    assert unknown.headers["www-authenticate"] == 'Bearer realm="postern"'


@pytest.mark.anyio
async def test_an_unexpected_error_is_answered_with_json_everywhere(
    postern: Postern, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr(postern.key_ring, "in_use", broken)
    transport = httpx2.ASGITransport(create_app(postern), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://x") as http:
        answer = await http.get("/.well-known/jwks.json")
    assert answer.status_code == 500
    assert answer.json()["error"] == "internal-server-error"
    assert "hunter2" not in answer.text


ALLOWED = "https://app.example.com"


def preflight(http: httpx2.Client, origin: str, names: str) -> httpx2.Response:
    headers = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": names,
    }
    return http.options("/graphql", headers=headers)


def test_a_preflight_of_an_allowed_origin_may_name_any_header(tmp_path: Path) -> None:
    with (
        running_server(tmp_path / "var", AUTH_CORS_ORIGINS=ALLOWED) as server,
        httpx2.Client(base_url=server.url) as http,
    ):
        for names in (
            "authorization,content-type,traceparent,sentry-trace,baggage",
            "apollographql-client-name, X-Anything",
            "a",
        ):
            passed = preflight(http, ALLOWED, names)
            assert passed.status_code == 200
            assert passed.headers["access-control-allow-headers"] == names
            assert "Access-Control-Request-Headers" in passed.headers["vary"]
            assert passed.headers["access-control-allow-methods"] == "GET, POST"
        for names in ("a b", "a;b", "a,,b", "a," * 2000 + "a", "(a)"):
            assert "access-control-allow-headers" not in preflight(http, ALLOWED, names).headers
        answer = http.get("/version", headers={"origin": ALLOWED})
        assert answer.headers["access-control-expose-headers"] == "retry-after, www-authenticate"
        assert "Origin" in answer.headers["vary"]
        assert "Origin" in http.get("/version").headers["vary"]


def test_a_refused_origin_is_logged_once(tmp_path: Path) -> None:
    with (
        running_server(tmp_path / "var", AUTH_CORS_ORIGINS=ALLOWED) as server,
        httpx2.Client(base_url=server.url) as http,
    ):
        for _ in range(3):
            refused = preflight(http, "https://new.example.com", "content-type")
            assert refused.status_code == 400
            assert refused.json()["error"] == "origin-not-allowed"
            assert "access-control-allow-origin" not in refused.headers
        assert server.log().count("https://new.example.com") == 1
        assert "AUTH_CORS_ORIGINS" in server.log()
        for number in range(3 * MAX_REPORTED):
            preflight(http, f"https://{number}.example", "content-type")
        assert server.log().count("AUTH_CORS_ORIGINS") == MAX_REPORTED


@pytest.mark.parametrize("path", ["/graphql", "/v1/token"])
def test_both_apis_accept_the_same_json(shared_server: Server, path: str) -> None:
    headers = {"content-type": "application/json"}
    url = f"{shared_server.url}{path}"
    asked = b'{"query": "{ __typename }"}' if path == "/graphql" else b'{"refreshToken": "x"}'
    for content in (asked, b"\xef\xbb\xbf" + asked):
        taken = httpx2.post(url, content=content, headers=headers)
        assert taken.status_code == (200 if path == "/graphql" else 401)
    member = asked[:-1] + b', "x": %b}'
    for value in (
        b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"1" * 5000, b'"\\ud800"',
        b"[" * 65 + b"]" * 65, b"[" * 30_000 + b"]" * 30_000, b'{"a": 1, "a": 2}', b'"\xff"',
        b"01", b"'a'", b"[1,]", b"\xef\xbb\xbf1", b"1}{", b'"\t"',
    ):  # fmt: skip
        refused = httpx2.post(url, content=member % value, headers=headers)
        assert refused.status_code == 400, value[:20]
        assert re.search("Expected JSON (in UTF-8|without [a-zA-Z0-9 -]+)\\.", refused.text)


def test_an_empty_operation_name_counts_as_missing(shared_server: Server) -> None:
    asked = {"query": "{ __typename }", "operationName": ""}
    for answer in (
        httpx2.post(f"{shared_server.url}/graphql", json=asked),
        httpx2.get(f"{shared_server.url}/graphql", params=asked),
    ):
        assert answer.json() == {"data": {"__typename": "Query"}}
    two = asked | {"query": "query A { __typename } query B { __typename }"}
    assert httpx2.post(f"{shared_server.url}/graphql", json=two).status_code == 400

"""Ten thousand malformed requests: none causes a 500, hangs, or leaks memory."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import from_schema

from api.contract import GRAPHQL
from auth.errors import ErrorCode
from tests.support import CHEAP_HASHING, OPERATIONS, PASSWORD, ROOT, Client, Server, running_server

HALF = 5_000
CONTRACTS = {contract.name: contract for contract in GRAPHQL}
GROWTH_MAX = 64
"""By how many MiB the server may grow after its first thousand requests."""
MANY = settings(
    max_examples=HALF, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)

NUMBERS = st.integers() | st.floats() | st.sampled_from([2**31, -(2**63), 10**400, 1e308, -0.0])
TEXTS = st.text(max_size=200) | st.sampled_from(
    [
        "",
        "\x00",
        "\ud800",
        "\U0001d54f",
        "a" * 5000,
        "' OR 1=1 --",
        "{{ secrets.X }}",
        "mfaTotp:",
        PASSWORD,
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
QUERIES = st.sampled_from(sorted(OPERATIONS.values()))
ARGUMENTS = st.sampled_from(
    ["email", "password", "ticket", "otp", "code", "refreshToken", "id", "locale", "displayName"]
)
OPERATION = st.fixed_dictionaries(
    {"query": QUERIES, "variables": st.dictionaries(ARGUMENTS | TEXTS, VALUES, max_size=6)}
)
ODD = st.fixed_dictionaries(
    {},
    optional={
        "query": VALUES | QUERIES,
        "variables": VALUES,
        "operationName": VALUES,
        "extensions": VALUES,
        "documentId": VALUES,
    },
)


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A valid request, damaged somewhere."""
    body = bytearray(as_json(draw(OPERATION)))
    for _ in range(draw(st.integers(1, 5))):
        place = draw(st.integers(0, len(body) - 1))
        kind = draw(st.sampled_from(["change", "cut", "insert", "nest"]))
        if kind == "change":
            body[place] = draw(st.integers(0, 255))
        elif kind == "cut":
            del body[place : place + draw(st.integers(1, 50))]
        elif kind == "insert":
            body[place:place] = draw(st.binary(max_size=20))
        else:
            body[place:place] = draw(st.sampled_from([b"[", b'{"a":', b"{me", b"..."])) * 2000
        if not body:
            break
    return bytes(body)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


RAW = st.one_of(
    broken(), st.binary(max_size=500), ODD.map(as_json), VALUES.map(as_json), OPERATION.map(as_json)
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    passkeys = {"AUTH_WEBAUTHN_ENABLED": "true", "AUTH_CLIENT_URL": "http://localhost:3000"}
    settings = CHEAP_HASHING | passkeys
    with running_server(tmp_path_factory.mktemp("fuzz") / "var", **settings) as running:
        yield running


@pytest.fixture
def http(server: Server) -> Iterator[httpx2.Client]:
    """A signed-in client, which reaches more code."""
    with httpx2.Client(base_url=server.url, timeout=10) as opened:
        client = Client(opened)
        client.sign_up(f"{secrets.token_hex(4)}@example.com")
        opened.headers["authorization"] = f"Bearer {client.access_token}"
        opened.headers["content-type"] = "application/json"
        yield opened


def send(http: httpx2.Client, content: bytes) -> None:
    response = http.post("/graphql", content=content)
    assert response.status_code in {200, 400, 413}, (content, response.text)
    answer = response.json()
    assert set(answer) <= {"data", "errors"}, content
    for error in answer.get("errors", []):
        code = error["extensions"]["code"]
        assert code != "INTERNAL_SERVER_ERROR", (content, error)
        declared = CONTRACTS.get(error.get("path", [""])[0])  # fields with an alias are not found
        assert declared is None or declared.declares(ErrorCode[code]), (content, error)


def resident(server: Server) -> float:
    """Return the server's memory in MiB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def check(server: Server, http: httpx2.Client, contents: st.SearchStrategy[bytes]) -> None:
    sent, sizes = 0, []

    @MANY
    @given(contents)
    def fuzz(content: bytes) -> None:
        nonlocal sent
        send(http, content)
        sent += 1
        if sent % 1000 == 0:
            sizes.append(resident(server))

    fuzz()
    assert sent >= HALF
    assert sizes[-1] - sizes[0] < GROWTH_MAX, sizes
    assert http.get("/healthz").json() == "OK"
    assert "Traceback" not in server.log()
    assert PASSWORD not in server.log()


def test_generated_operations_get_declared_answers(server: Server, http: httpx2.Client) -> None:
    """Documents that are valid for the schema, with any values of its types."""
    documents = from_schema((ROOT / "schema.graphql").read_text())
    check(server, http, documents.map(lambda document: as_json({"query": document})))


def test_malformed_requests_are_refused(server: Server, http: httpx2.Client) -> None:
    """Bytes, JSON of every kind, and damaged operations."""
    check(server, http, RAW)

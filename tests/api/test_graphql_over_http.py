"""GraphQL over HTTP: media types, statuses, and the audits of the specification's authors."""

import json
import shutil
import subprocess

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.graphql.endpoint import GRAPHQL_RESPONSE, JSON, media_type_for
from tests.support import OPERATIONS, ROOT, Server, node_modules

WEB = ROOT / "web"
OURS = {"accept": GRAPHQL_RESPONSE}
AUDITS = 61


@pytest.mark.skipif(not shutil.which("npm"), reason="the audits need Node")
def test_every_audit_passes(server: Server) -> None:
    node_modules(WEB)
    command = ["node", "audit.mjs", f"{server.url}/graphql"]
    ended = subprocess.run(command, cwd=WEB, capture_output=True, text=True, check=True)
    audits = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [audit for audit in audits if audit["status"] != "ok"] == []
    assert len(audits) == AUDITS


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/json", JSON),
        ("application/graphql-response+json", GRAPHQL_RESPONSE),
        ("application/graphql-response+json, application/json;q=0.9", GRAPHQL_RESPONSE),
        ("application/json, application/graphql-response+json", GRAPHQL_RESPONSE),
        ("application/json, application/graphql-response+json;q=0.5", JSON),
        ("application/graphql-response+json;charset=utf-8, */*;q=0.1", GRAPHQL_RESPONSE),
        ("Application/GraphQL-Response+JSON", GRAPHQL_RESPONSE),
        ("application/graphql-response+json;q=0", JSON),
        ("application/graphql-response+json;q=much", JSON),
        ("text/html", JSON),
    ],
)
def test_the_media_type_is_the_accepted_one(accept: str, expected: str) -> None:
    assert media_type_for(accept) == expected


@given(st.text())
def test_every_accept_header_gets_a_media_type(accept: str) -> None:
    assert media_type_for(accept) in {JSON, GRAPHQL_RESPONSE}


@pytest.mark.parametrize(
    "body",
    [
        {"query": "{"},
        {"query": "{ nope }"},
        {"query": "query A { __typename } query B { __typename }", "operationName": "C"},
        {"query": OPERATIONS["signInEmailPassword"], "variables": {"email": 1}},
    ],
)
def test_an_operation_that_did_not_run_is_a_400(http: httpx2.Client, body: object) -> None:
    """Only for clients that accept the new media type; others expect 200."""
    answer = http.post("/graphql", json=body, headers=OURS)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == f"{GRAPHQL_RESPONSE}; charset=utf-8"
    assert "data" not in answer.json()
    assert answer.json()["errors"][0]["extensions"]["code"] == "INVALID_REQUEST"
    before = http.post("/graphql", json=body, headers={"accept": JSON})
    assert before.headers["content-type"] == f"{JSON}; charset=utf-8"
    assert before.json()["errors"]


@pytest.mark.parametrize("accept", [JSON, GRAPHQL_RESPONSE])
def test_a_refused_credential_is_a_200(http: httpx2.Client, accept: str) -> None:
    variables = {"email": "nobody@example.com", "password": "wrong"}
    body = {"query": OPERATIONS["signInEmailPassword"], "variables": variables}
    answer = http.post("/graphql", json=body, headers={"accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(accept)
    assert answer.json()["data"] is None
    assert answer.json()["errors"][0]["extensions"]["code"] == "INVALID_EMAIL_PASSWORD"


def test_a_malformed_request_is_refused_in_the_accepted_type(http: httpx2.Client) -> None:
    answer = http.post("/graphql", content=b"[]", headers=OURS | {"content-type": JSON})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == f"{GRAPHQL_RESPONSE}; charset=utf-8"

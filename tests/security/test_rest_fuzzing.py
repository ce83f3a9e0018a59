"""Requests that schemathesis generates from the OpenAPI document of the routes."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import VERSION
from api.contract import EVERYWHERE
from api.nhost import endpoint, operations
from api.nhost.openapi import document
from tests.support import PASSWORD, Server, running_server

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
OPERATIONS = {each.contract.name: each for each in operations.OPERATIONS}
DESCRIBED = schemathesis.openapi.from_dict(document(VERSION, "/v1"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    passkeys = {"AUTH_WEBAUTHN_ENABLED": "true", "AUTH_CLIENT_URL": "http://localhost:3000"}
    with running_server(tmp_path_factory.mktemp("rest") / "var", **passkeys) as running:
        yield running


@pytest.fixture(scope="module")
def bearer(server: Server) -> str:
    body = {"email": "joe@example.com", "password": PASSWORD}
    answer = httpx2.post(f"{server.url}/v1/signup/email-password", json=body)
    return f"Bearer {answer.json()['session']['accessToken']}"


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_response_matches_the_openapi_document(
    name: str, server: Server, bearer: str
) -> None:
    operation = OPERATIONS[name]
    described: Any = DESCRIBED[f"/v1{operation.path}"][operation.method]
    declared = EVERYWHERE.union(operation.contract.refusals)
    words = {endpoint.RENAMED.get(code, code.name.lower().replace("_", "-")) for code in declared}
    assert httpx2.get(f"{server.url}/openapi.json").json() == DESCRIBED.raw_schema

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=described.as_strategy(), signed_in=st.booleans())
    def ask(case: Any, *, signed_in: bool) -> None:
        headers = {"authorization": bearer} if signed_in else {}
        answer = case.call_and_validate(base_url=server.url, headers=headers, checks=CHECKS)
        if answer.status_code >= 400 and answer.status_code not in {405, 413}:
            assert answer.json()["error"] in words

    ask()
    assert server.process.poll() is None
    assert "Traceback" not in server.log()
    assert "error " not in server.log()

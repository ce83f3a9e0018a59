"""Requests that schemathesis generates from the OpenAPI document of the routes."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support import PASSWORD, Server, running_server

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("rest") / "var") as running:
        yield running


@pytest.fixture
def described(server: Server) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{server.url}/openapi.json")


schema = schemathesis.pytest.from_fixture("described")


@pytest.fixture(scope="module")
def bearer(server: Server) -> str:
    body = {"email": "joe@example.com", "password": PASSWORD}
    answer = httpx2.post(f"{server.url}/v1/signup/email-password", json=body)
    return f"Bearer {answer.json()['session']['accessToken']}"


@schema.parametrize()
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case[Any], server: Server, bearer: str) -> None:
    headers = {"authorization": bearer} if len(str(case.body)) % 2 else {}
    case.call_and_validate(base_url=server.url, headers=headers, checks=CHECKS)
    assert server.process.poll() is None

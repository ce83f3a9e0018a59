"""Thousands of odd requests to the operators' interface: typed errors, and no 500."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import from_schema

from api.admin.schema import schema
from tests.admin_client import ACTS, QUERIES, document
from tests.security.test_fuzzing import TEXTS, VALUES, as_json
from tests.support import CHEAP_HASHING, JOE, Client, Server, running_server

SECRET = "a secret of scripts, which is long enough"
FEW = settings(
    max_examples=1500, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
NAMES = st.sampled_from(
    ["id", "reason", "filter", "order", "first", "after", "sessionId", "roles", "defaultRole",
     "metadataJson", "email", "displayName", "revoke", "changes", "version"]
)  # fmt: skip
LIKELY: dict[str, st.SearchStrategy[Any]] = {
    "reason": TEXTS | st.just("why"),
    "first": st.integers(-1, 101),
    "order": st.sampled_from(["NEWEST", "OLDEST", "EMAIL"]),
    "after": TEXTS | st.sampled_from(["MQ==", "OTk5OTk5OTk5OTk5OTk5OTk5OTk=", "eA=="]),
    "filter": st.dictionaries(
        st.sampled_from(["text", "role", "address", "userId", "since", "until", "disabled"]),
        TEXTS | st.booleans() | st.sampled_from(["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]),
        max_size=3,
    ),
    "roles": st.lists(TEXTS, max_size=3),
    "changes": st.lists(
        st.fixed_dictionaries(
            {
                "name": st.sampled_from(
                    ["AUTH_PASSWORD_MIN_LENGTH", "AUTH_CLIENT_URL", "AUTH_LOCALE_DEFAULT", "X"]
                ),
                "value": TEXTS | st.none(),
            }
        ),
        max_size=3,
    ),
    "version": st.integers(-(2**31), 2**31 - 1) | st.none(),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    chosen = {"HASURA_GRAPHQL_ADMIN_SECRET": SECRET, "AUTH_ADMIN_SECRET_ENABLED": "true"}
    with running_server(
        tmp_path_factory.mktemp("fuzz") / "var", **CHEAP_HASHING, **chosen
    ) as running:
        yield running


@pytest.fixture
def http(server: Server) -> Iterator[httpx2.Client]:
    headers = {"x-hasura-admin-secret": SECRET, "content-type": "application/json"}
    with httpx2.Client(base_url=server.url, timeout=10, headers=headers) as opened:
        yield opened


def send(http: httpx2.Client, asked: Any) -> None:
    response = http.post("/admin/graphql", content=as_json(asked))
    assert response.status_code in {200, 400, 413}, (asked, response.text)
    for error in response.json().get("errors", []):
        assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR", (asked, error)


def test_odd_variables_get_typed_errors(http: httpx2.Client, server: Server) -> None:
    joe = Client(http)
    user_id = joe.sign_up(JOE)["user"]["id"]
    ids = TEXTS | st.just(user_id)

    @FEW
    @given(st.sampled_from([*QUERIES, *ACTS]), st.data())
    def fuzz(operation: str, data: st.DataObject) -> None:
        names = data.draw(st.sets(NAMES, min_size=1, max_size=6)) | {"id", "reason"}
        variables = {
            name: data.draw(LIKELY.get(name, ids) | VALUES if operation else VALUES)
            for name in sorted(names)
        }
        send(http, {"query": document(operation), "variables": variables})

    fuzz()
    assert "Traceback" not in server.log()
    assert SECRET not in server.log()


def test_operations_that_the_schema_allows_get_typed_errors(
    http: httpx2.Client, server: Server
) -> None:
    @FEW
    @given(from_schema(schema.as_str()))
    def fuzz(query: str) -> None:
        send(http, {"query": query})

    fuzz()
    assert "Traceback" not in server.log()

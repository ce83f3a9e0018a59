"""With a manifest, only its operations run."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from api.graphql.trusted_documents import read_manifest
from config import ConfigError
from tests.support import environment, free_port, postern, running_server

ME = "query Me { me { id } }"
NAME = "query Name { __typename }"
MANIFEST = {"1a2b": ME, "sha256:3c4d": NAME}


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    folder = tmp_path_factory.mktemp("trusted")
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    settings = {"AUTH_GRAPHQL_TRUSTED_DOCUMENTS": str(folder / "manifest.json")}
    with (
        running_server(folder / "var", **settings) as server,
        httpx2.Client(base_url=server.url) as client,
    ):
        yield client


@pytest.mark.parametrize(
    "body",
    [
        {"query": ME},
        {"documentId": "1a2b"},
        {"documentId": "sha256:1a2b"},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "1a2b"}}},
        {"query": "", "documentId": "1a2b"},
        {
            "query": "{ me { email } }",
            "documentId": "1a2b",
        },  # the named document runs, not the text
    ],
)
def test_a_trusted_document_runs(http: httpx2.Client, body: dict[str, object]) -> None:
    assert http.post("/graphql", json=body).json() == {"data": {"me": None}}


def test_a_trusted_document_runs_over_get(http: httpx2.Client) -> None:
    persisted = json.dumps({"persistedQuery": {"version": 1, "sha256Hash": "3c4d"}})
    named = ({"documentId": "3c4d"}, {"documentId": "sha256:3c4d"}, {"extensions": persisted})
    for params in (*named, {"query": NAME}):
        answer = http.get("/graphql", params=params, headers={"accept": "application/json"})
        assert answer.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    "body",
    [
        {"query": "{ me { id } }"},
        {"query": f"{ME} "},
        {"query": "{ __schema { types { name } } }"},
        {"documentId": "nope"},
        {"documentId": "nope", "query": ME},
        {"documentId": 7},
        {"extensions": {"persistedQuery": "1a2b"}},
        {"extensions": {"persistedQuery": {"sha256Hash": None}}},
        {"extensions": {}},
        {},
    ],
)
def test_an_untrusted_document_is_refused(http: httpx2.Client, body: dict[str, object]) -> None:
    answer = http.post("/graphql", json=body)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "INVALID_REQUEST"
    assert "trusted documents" in error["message"]


@pytest.mark.parametrize("content", [None, "", "[]", '"x"', '{"a": 1}', "\xff"])
def test_an_unusable_manifest_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "manifest.json"
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigError, match="AUTH_GRAPHQL_TRUSTED_DOCUMENTS"):
        read_manifest(path)


def test_an_unusable_manifest_stops_the_start_with_one_line(tmp_path: Path) -> None:
    env = environment(tmp_path / "var", AUTH_GRAPHQL_TRUSTED_DOCUMENTS=str(tmp_path / "nope"))
    env["AUTH_PORT"] = str(free_port())
    ended = postern("serve", env=env)
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: ")
    assert "Traceback" not in ended.stderr

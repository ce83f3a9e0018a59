"""The example clients work against a real server."""

import fcntl
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.support import (
    ROOT,
    SHIPPED_LIMITS,
    Server,
    has_node,
    node_modules,
    running_server,
)
from tests.test_readme import tour

EXAMPLES = ROOT / "examples"
needs_node = pytest.mark.skipif(not has_node(20), reason="it needs Node 20")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("examples")
    with running_server(folder / "var", **SHIPPED_LIMITS) as running:
        yield running


def run(*command: str, folder: Path) -> str:
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def python_of(project: Path) -> Path:
    """The interpreter of an environment with the example's pinned dependencies, created once."""
    venv, pins = project / ".venv", project / "requirements.txt"
    wanted = hashlib.sha256(pins.read_bytes()).hexdigest()
    with (project / ".installing").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = venv / ".installed"
        if not done.exists() or done.read_text() != wanted:
            run(sys.executable, "-m", "venv", str(venv), folder=project)
            install = ("-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "-r")
            run(str(venv / "bin" / "python"), *install, str(pins), folder=project)
            done.write_text(wanted)
    return venv / "bin" / "python"


def test_the_curl_example_is_the_readmes_tour() -> None:
    """`test_the_tour_works_as_written` runs it."""
    script = (EXAMPLES / "curl" / "tour.sh").read_text()
    assert script.endswith("\n\n" + "\n".join(tour()))


def test_the_python_example_works(server: Server) -> None:
    folder = EXAMPLES / "python"
    python, url = str(python_of(folder)), f"{server.url}/graphql"
    run(str(folder / ".venv" / "bin" / "ariadne-codegen"), folder=folder)
    typed = run(python, "story.py", url, folder=folder)
    assert "wrong password: INVALID_EMAIL_PASSWORD\nsecond factor: totp\n" in typed
    assert "signed in with both factors:" in typed
    untyped = run(python, "with_gql.py", url, folder=folder)
    assert "wrong code: {'code': 'INVALID_TOTP', 'attemptsLeft': 4}" in untyped
    assert "signed in with both factors:" in untyped


def only_these_run(manifest: Path, folder: Path) -> None:
    documents = json.loads(manifest.read_text())
    settings = {"AUTH_GRAPHQL_TRUSTED_DOCUMENTS": str(manifest)}
    with running_server(folder / "var", **settings) as server:
        url = f"{server.url}/graphql"
        for name, text in documents.items():
            persisted = {"persistedQuery": {"version": 1, "sha256Hash": name}}
            for asked in ({"documentId": name}, {"extensions": persisted}, {"query": text}):
                assert httpx2.post(url, json=asked).status_code == 200
        other = httpx2.post(url, json={"query": "{ __typename }"})
    assert documents
    assert "trusted documents" in other.text


@needs_node
def test_the_typescript_example_works(server: Server, tmp_path: Path) -> None:
    folder = EXAMPLES / "typescript"
    node_modules(folder)
    said = run("npm", "start", "--", f"{server.url}/graphql", folder=folder)
    assert "INVALID_EMAIL_PASSWORD: show the message beside the form" in said
    assert "signed in with both factors\n10 answers after 1 refresh\n" in said
    only_these_run(folder / "src" / "gql" / "persisted-documents.json", tmp_path)


@needs_node
def test_the_nhost_example_works(server: Server) -> None:
    """The snippets of Nhost's documentation, run by its own SDK."""
    folder = EXAMPLES / "nhost-js"
    node_modules(folder)
    said = run("npm", "start", "--", f"{server.url}/v1", folder=folder)
    assert "FetchError 401 invalid-totp: The code is wrong or was already used.\n" in said
    assert said.endswith("refreshed\nsecond factor off\nsigned out everywhere\n")


@needs_node
def test_the_passkeys_of_the_nhost_example_work(tmp_path: Path) -> None:
    folder, app = EXAMPLES / "nhost-js", "http://localhost:5173"
    node_modules(folder)
    settings = {"AUTH_WEBAUTHN_ENABLED": "true", "AUTH_CLIENT_URL": app}
    with running_server(tmp_path / "var", **settings) as server:
        said = run("npm", "run", "passkeys", "--", f"{server.url}/v1", app, folder=folder)
    assert "signed up without a password\nconfirmed by passkey\nadded another one\n" in said
    assert "FetchError 400 invalid-request: The passkey was not accepted." in said

from collections.abc import Iterator

import httpx2
import pytest

from tests.support import Server, running_server


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server shared by all tests of a module that do not change it."""
    with running_server(tmp_path_factory.mktemp("api") / "var") as running:
        yield running


@pytest.fixture
def http(shared_server: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=shared_server.url, timeout=30) as opened:
        yield opened

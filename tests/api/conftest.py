from collections.abc import Iterator

import httpx2
import pytest

from tests.support import Server, running_server


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all the tests of a module that leave it as it is."""
    with running_server(tmp_path_factory.mktemp("api") / "var") as running:
        yield running


@pytest.fixture
def http(shared_server: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=shared_server.url, timeout=30) as opened:
        yield opened

"""`postern serve`: one process, one socket, one friendly block on the screen."""

import asyncio
import contextlib
import gc
import logging
import os
import resource
import socket
import sys
import time

import click
import h11
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.supervisors import Multiprocess

from api.app import VERSION, create_app
from auth.postern import Postern, open_postern
from config import Settings, load
from models import database

DRAIN_SECONDS = 8
"""How long requests in flight may take once the server was asked to stop; it is gone within 10."""
REQUEST_SECONDS = 15
"""How long a client may take to send a request, from connecting or from its first byte."""
GARBAGE = 10_000
"""New objects after which they are looked at; Python's 700 is about one request."""
SWITCH_SECONDS = 0.0005
"""How long one thread may keep the interpreter from another. SQLite answers on a thread of its own,
and with Python's 5 ms each answer waits for that long: bench/README.md has the measurement."""
A_MOMENT = 1e-9
"""Seconds, the least that one can sleep: really some 60 µs, in which another worker wakes up."""


class ImpatientProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, to clients that get to the point.

    Uvicorn closes connections that are idle between two requests, but waits for ever for one that
    comes a byte at a time, or never: a few thousand of those, and nobody else is let in.
    """

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        """A client is there."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """A part of a request is there, or all of it."""
        super().data_received(data)
        self._watch()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; what else would be answered on this connection is nothing now."""
        super().send_400_response(msg)
        if self.cycle is not None:
            self.cycle.disconnected = True

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._stop_watching()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Keep the deadline of a request that is coming; there is none once it is here."""
        if self.conn.their_state not in {h11.IDLE, h11.SEND_BODY}:
            self._stop_watching()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.close)

    def _stop_watching(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class ConsiderateProtocol(ImpatientProtocol):
    """The same for one of several workers, which leaves connections to the others.

    All wait for the next one, and whoever is awake already would take all that come at once: of a
    proxy's sixteen, often all, and while one worker hashes passwords for them the others sleep.
    """

    def connection_made(  # type: ignore[override]
        self, transport: asyncio.Transport
    ) -> None:
        """A client is there, and the next one is somebody else's if there is anybody."""
        super().connection_made(transport)
        time.sleep(A_MOMENT)


def serve(postern: Postern, *, workers: int) -> None:
    """Serve until SIGINT or SIGTERM, in this process or in as many workers of it.

    A worker that dies is replaced.
    Raises ClickException where the address is not to be had, ConfigError.
    """
    settings, app = postern.settings, create_app(postern)
    _allow_many_connections()
    _let_garbage_lie()
    listening = _listen(settings.host, settings.port)
    config = uvicorn.Config(
        app if workers == 1 else "cli.server:worker_app",
        factory=workers > 1,
        workers=workers,
        http=ImpatientProtocol if workers == 1 else ConsiderateProtocol,
        ws="none",
        access_log=False,  # it would hold the variables of queries sent by GET
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    click.echo(_welcome(settings, listening.getsockname()[1]))
    if workers > 1:
        each = max(1, (os.cpu_count() or 1) // workers)
        os.environ.setdefault("AUTH_PASSWORD_ARGON2_THREADS", str(each))
        Multiprocess(config, sockets=[listening]).run()
        return
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


def worker_app() -> Starlette:
    """The application of one worker, from the environment that the first process has checked."""
    prepare_process()
    logging.getLogger("postern").setLevel(logging.INFO)
    settings, _ = load(os.environ)
    app = create_app(open_postern(settings))
    _let_garbage_lie()
    return app


def prepare_process() -> None:
    """What every process of Postern begins with."""
    sys.setswitchinterval(SWITCH_SECONDS)
    os.umask(0o077)  # whatever is made here is for its owner alone
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def _allow_many_connections() -> None:
    """As many open files as the system lets this process have; the usual 1024 are few."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # some systems have a limit below `most`
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _let_garbage_lie() -> None:
    """Look less often for garbage in circles, and never at what has been made by now: it stays."""
    gc.freeze()
    gc.set_threshold(GARBAGE)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server(address, family=family, backlog=2048)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise click.ClickException(f"Cannot listen on {host}:{port}: {reason}") from None
    # Connections inherit it. Asyncio sets it only for sockets that it has made itself; without it,
    # the second part of an answer waits 40 ms for the client to confirm the first.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _welcome(settings: Settings, port: int) -> str:
    host = settings.host
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{port}/graphql"
    browser = f"{url} (open it in a browser)" if settings.graphiql_enabled else "switched off"
    return f"""
  Postern {VERSION} is at your service.

  GraphQL   {url}
  GraphiQL  {browser}
  Data      {database.describe(settings)}

  Stop it with Ctrl+C.
"""

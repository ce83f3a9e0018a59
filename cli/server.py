"""`postern serve`: run the server, in one process or with several workers."""

import contextlib
import gc
import logging
import os
import resource
import socket
import sys
from functools import partial

import click
import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from api.app import VERSION, create_app
from auth.argon2_build import built_for
from auth.postern import Postern, open_postern
from cli import logs
from cli.connections import OpenConnections
from cli.http1 import UsualProtocol
from config import Settings, file_in_force, read
from config.processors import processors
from models import database

SEND_BUFFER = 128 * 1024
"""Bytes of a response that the system buffers for one connection; Linux doubles the number."""
DRAIN_SECONDS = 8
"""Seconds that running requests may take after a stop signal; the process ends within 10."""
GARBAGE = 10_000
"""New objects before a garbage collection; Python's default of 700 is about one request."""
SWITCH_SECONDS = 0.0005
"""Seconds that one thread may hold the interpreter lock. SQLite runs on its own thread, and with
Python's default of 5 ms each result would wait that long: measured in bench/README.md."""


def serve(postern: Postern, *, workers: int) -> None:
    """Serve until SIGINT or SIGTERM, in this process or in several workers.

    A worker that dies is replaced.
    Raises ClickException if the address cannot be bound, and ConfigError.
    """
    settings, app = postern.settings, create_app(postern)
    _allow_many_connections()
    _let_garbage_lie()
    listening = _listen(settings.host, settings.port)
    config = uvicorn.Config(
        app if workers == 1 else "cli.server:worker_app",
        factory=workers > 1,
        workers=workers,
        http=_protocol(settings),  # type: ignore[arg-type] # it only calls it
        loop="auto" if workers == 1 else "cli.turns:WorkerLoop",
        ws="none",
        access_log=False,  # it would contain the variables of queries sent by GET
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=settings.keep_alive_timeout,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    threads = settings.argon2_threads
    if workers > 1 and "argon2_threads" not in settings.model_fields_set:
        threads = max(1, processors() // workers)
        os.environ["AUTH_PASSWORD_ARGON2_THREADS"] = str(threads)
    click.echo(_welcome(settings, listening.getsockname()[1], workers, threads))
    if workers > 1:
        Multiprocess(config, sockets=[listening]).run()
        return
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


def worker_app() -> ASGIApp:
    """Return the application of one worker; the first process has checked the environment."""
    prepare_process()
    logging.getLogger("postern").setLevel(logging.INFO)
    try:
        app = create_app(open_postern(read(os.environ), make_encryption_key=False))
    except Exception:
        logging.getLogger("postern").critical("a worker cannot start", exc_info=True)
        raise SystemExit(1) from None
    _let_garbage_lie()
    return app


def prepare_process() -> None:
    """Prepare a process of Postern; the first call in each."""
    sys.setswitchinterval(SWITCH_SECONDS)
    os.umask(0o077)  # new files are readable by their owner only
    logs.start()


def _protocol(settings: Settings) -> partial[UsualProtocol]:
    held = OpenConnections(settings.connections_per_address, settings.trusted_proxies)
    return partial(UsualProtocol, held=held)


def _allow_many_connections() -> None:
    """Raise the limit of open files to the system's maximum; the usual 1024 are few."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # some systems have a limit below `most`
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _let_garbage_lie() -> None:
    """Collect garbage less often, and never the objects that exist by now: they stay."""
    gc.freeze()
    gc.set_threshold(GARBAGE)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server(address, family=family, backlog=2048)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise click.ClickException(
            f"Cannot listen on {host}:{port}: {reason}. Set AUTH_HOST or AUTH_PORT."
        ) from None
    # Connections inherit this option. Asyncio sets it only for sockets that it has created itself.
    # Without it, the second part of a response waits 40 ms for the client to confirm the first.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Otherwise Linux buffers up to 4 MiB of a response for a client that does not read.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    return listening


def _welcome(settings: Settings, port: int, workers: int, threads: int) -> str:
    host = settings.host
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{port}/graphql"
    browser = f"{url} (open it in a browser)" if settings.graphiql_enabled else "switched off"
    dashboard = f"http://{shown}:{port}/dashboard"
    if settings.admin_enabled is False:
        dashboard = "switched off"
    mail = {
        "smtp": f"sent through {settings.smtp_host}:{settings.smtp_port}",
        "mailbox": f"kept here, at http://{shown}:{port}/mailbox (set AUTH_SMTP_HOST to send it)",
        "off": "none: set AUTH_SMTP_HOST and AUTH_SERVER_URL",
    }[settings.mail]
    built = built_for()
    argon2 = f"built for {built}" if built else "for any processor (make native)"
    each = f" in each of {workers} workers" if workers > 1 else ""
    return f"""
  Postern {VERSION} is at your service.

  GraphQL   {url}
  GraphiQL  {browser}
  Dashboard {dashboard}
  Mail      {mail}
  Data      {database.describe(settings)}
  Hashing   {threads} at once{each}, by Argon2 {argon2}
  Settings  {file_in_force(os.environ).resolve()}, the environment, and operators

  Stop it with Ctrl+C.
"""

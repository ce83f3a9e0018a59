"""`postern serve`: one process, one socket, one friendly block on the screen."""

import contextlib
import os
import socket

import click
import uvicorn

from api.app import VERSION, create_app
from auth.postern import Postern
from models import database

DRAIN_SECONDS = 10
"""How long requests in flight may take once the server was asked to stop."""


def serve(postern: Postern) -> None:
    """Serve until SIGINT or SIGTERM. Raises ClickException where the address is not to be had."""
    settings = postern.settings
    listening = _listen(settings.host, settings.port)
    config = uvicorn.Config(
        create_app(postern),
        access_log=False,  # it would hold the variables of queries sent by GET
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    click.echo(_welcome(settings.host, listening.getsockname()[1], database.describe(settings)))
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address, family=family, backlog=2048)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise click.ClickException(f"Cannot listen on {host}:{port}: {reason}") from None


def _welcome(host: str, port: int, data: str) -> str:
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{port}/graphql"
    return f"""
  Postern {VERSION} is at your service.

  GraphQL   {url}
  GraphiQL  {url} (open it in a browser)
  Data      {data}

  Stop it with Ctrl+C.
"""

"""Every line of the log is one JSON object, whatever library writes it; or text, for people."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from auth.limits.throttle_log import MAX_WAITS, ThrottleLog
from tests.support import (
    JOE,
    POSTERN,
    Client,
    Server,
    environment,
    free_port,
    running_server,
    running_workers,
    workers_of,
)

PROGRAM = """
import asyncio, logging, threading, warnings
from cli import logs
logs.start()
warnings.warn("a\\nwarning")
logging.getLogger("uvicorn.error").error("two\\nlines")
asyncio.new_event_loop().call_exception_handler({"message": "asyncio's\\nown"})
def fail(): raise RuntimeError("hunter2\\nin a thread")
threading.Thread(target=fail).start()
try: fail()
except RuntimeError: logging.getLogger("x").exception("caught")
fail()
"""


def lines_of(text: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        assert {"time", "level", "logger", "message"} <= line.keys(), line
    return lines


def log_of(server: Server) -> list[dict[str, Any]]:
    """Return the log without the welcome, which goes to standard output."""
    return lines_of(server.log().partition("Stop it with Ctrl+C.\n\n")[2])


def run(env: dict[str, str]) -> str:
    env = env | {"PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False).stderr


def test_every_line_is_json(tmp_path: Path) -> None:
    said = run(environment(tmp_path))
    lines = lines_of(said)
    assert [line["logger"] for line in lines] == [
        "py.warnings", "uvicorn.error", "asyncio", "postern", "x", "postern",
    ]  # fmt: skip
    assert lines[1]["message"] == "two\nlines"
    assert "RuntimeError" in lines[4]["error"]
    assert "hunter2" not in said.replace('raise RuntimeError("hunter2', ""), (
        "the message is not logged"
    )


def test_malformed_requests_do_not_fill_the_log(tmp_path: Path) -> None:
    with running_server(tmp_path / "var") as server:
        host, port = server.url.removeprefix("http://").split(":")
        for _ in range(50):
            with socket.create_connection((host, int(port))) as connection:
                connection.sendall(b"nonsense\r\n\r\n")
                assert connection.recv(1024).startswith(b"HTTP/1.1 400 ")
        assert server.log().count("Invalid HTTP request") == 1


def test_the_log_can_be_text(tmp_path: Path) -> None:
    said = run(environment(tmp_path, AUTH_LOG_FORMAT="text"))
    assert "ERROR uvicorn.error: two\nlines\n" in said


def test_a_server_writes_only_json(tmp_path: Path) -> None:
    chosen = {"AUTH_MISSPELT": "1", "AUTH_RATE_LIMIT_BRUTE_FORCE_BURST": "2"}
    with running_server(tmp_path / "var", **chosen) as server:
        with httpx2.Client(base_url=server.url) as http:
            client = Client(http)
            client.sign_up(JOE)
            for _ in range(6):
                http.post("/v1/signin/email-password", json={"email": JOE, "password": "wrong"})
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(b"nonsense\r\n\r\n")
            connection.recv(1024)
        assert "AUTH_MISSPELT" in server.log().splitlines()[0]
        lines_of(server.log().partition("\n  Postern ")[0])
        events = [line for line in log_of(server) if "event" in line]
    signed_up = next(line for line in events if line["event"] == "SIGNED_UP")
    assert signed_up["message"] == "SIGNED_UP"
    assert signed_up["address"] == "127.0.0.1"
    throttled = [line for line in events if line["event"] == "THROTTLED"]
    said = [(line["limit"], line["who"]) for line in throttled]
    assert ("guesses_at_account", "127.0.0.1") in said
    assert len(said) == len(set(said)), "one line for each wait"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_several_workers_write_json_too(tmp_path: Path) -> None:
    with running_workers(tmp_path / "var", 2) as server:
        with httpx2.Client(base_url=server.url) as http:
            Client(http).sign_up(JOE)
        os.kill(workers_of(server)[0], signal.SIGKILL)
        deadline = time.monotonic() + 15
        while len(workers_of(server)) < 2 and time.monotonic() < deadline:
            time.sleep(0.2)
        time.sleep(1)
        before, _, after = server.log().partition("\n  Postern ")
        on_sqlite, by_itself = (line["message"] for line in lines_of(before))
        assert ("SQLite" in on_sqlite, "AUTH_RATE_LIMIT_STORAGE" in by_itself) == (True, True)
        assert "SIGNED_UP" in [line["message"] for line in log_of(server)], after


def test_an_error_at_the_start_is_a_json_line(tmp_path: Path) -> None:
    env = environment(tmp_path / "var", AUTH_PORT=str(free_port()), AUTH_HOST="203.0.113.1")
    env |= {"AUTH_TRUSTED_PROXIES": "127.0.0.1"}
    ended = subprocess.run([POSTERN, "serve"], env=env, capture_output=True, text=True, check=False)
    (line,) = lines_of(ended.stderr)
    assert (ended.returncode, line["level"]) == (1, "CRITICAL")
    assert line["message"].startswith("Cannot listen on 203.0.113.1:")


def test_a_wait_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    log = ThrottleLog()
    with caplog.at_level(logging.WARNING, "postern.throttled"):
        for _ in range(1000):
            log.refused("brute_force", "192.0.2.7", 60)
        assert len(caplog.records) == 1
        for number in range(2 * MAX_WAITS):
            log.refused("account", str(number), 60)
        assert len(log._waits) <= MAX_WAITS

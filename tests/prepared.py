"""Processes of `postern` that start at once: forks of one that has imported the program.

Importing takes two seconds of a core, and the tests start the program a thousand times. What runs
in a fork is `cli.main:main`, as in the installed command; that this command starts is tested too.
"""

import array
import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

ROOT = Path(__file__).parent.parent
POSTERN = str(Path(sys.executable).with_name("postern"))
_REQUEST_MAX = 128 * 1024
_NEEDED = (
    "cli.main",
    "models.postgres",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    *(f"models.migrations.{file.stem}" for file in ROOT.glob("models/migrations/0*.py")),
)
"""What the program imports at its start, and what it imports before it answers."""
_MADE_AT_START = ("PYTHON", "LANG", "LC_", "LD_", "TZ", "MALLOC_")
"""Variables that a process reads before it runs the program: a fork would not."""


class Forked:
    """A process that was forked, with the part of `subprocess.Popen` that the tests use."""

    def __init__(self, status: int) -> None:
        self._status = status
        self.returncode: int | None = None
        self.pid = self._read()

    def poll(self) -> int | None:
        """Return the exit code, or None if the process runs."""
        if self.returncode is None and select.select([self._status], [], [], 0)[0]:
            self._note_the_end()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; return the exit code. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(POSTERN, timeout or 0)
            self._note_the_end()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask the process to stop."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Stop the process."""
        self.send_signal(signal.SIGKILL)

    def _note_the_end(self) -> None:
        self.returncode = self._read()
        os.close(self._status)

    def _read(self) -> int:
        said = os.read(self._status, 8)
        assert said, "the prepared process has died"
        return int.from_bytes(said, "little", signed=True)


Process = Forked | subprocess.Popen[bytes]


def start(
    arguments: Sequence[str],
    env: Mapping[str, str],
    *,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes],
    stderr: IO[bytes],
) -> Process:
    """Start `postern` with these arguments, by a fork where that is the same."""
    if sys.platform != "linux" or _at_start(env) != _at_start(os.environ):
        command = [POSTERN, *arguments]
        return subprocess.Popen(command, env=env, stdin=stdin, stdout=stdout, stderr=stderr)
    with Path(os.devnull).open("rb") as nothing:
        return _prepared().fork(arguments, env, [stdin or nothing, stdout, stderr])


def run(
    arguments: Sequence[str], env: Mapping[str, str], stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run `postern` to its end. Raises subprocess.TimeoutExpired."""
    with TemporaryFile() as typed, TemporaryFile() as output, TemporaryFile() as errors:
        typed.write(stdin)
        typed.seek(0)
        process = start(arguments, env, stdin=typed, stdout=output, stderr=errors)
        code = process.wait(60)
        output.seek(0)
        errors.seek(0)
        said = output.read(), errors.read()
    return subprocess.CompletedProcess([POSTERN, *arguments], code, *said)


def _at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(_MADE_AT_START)}


class _Prepared:
    """The process that is forked; one for each process of the tests."""

    def __init__(self) -> None:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.prepared", str(theirs.fileno())]
        self._process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()])
        theirs.close()
        self._lock = threading.Lock()
        atexit.register(self._stop)

    def fork(
        self, arguments: Sequence[str], env: Mapping[str, str], files: Sequence[IO[bytes]]
    ) -> Forked:
        wanted = json.dumps([list(arguments), dict(env), str(Path.cwd())])
        status, theirs = os.pipe()
        numbers = array.array("i", [*(file.fileno() for file in files), theirs])
        with self._lock:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)]
            self._requests.sendmsg([wanted.encode()], rights)
        os.close(theirs)
        return Forked(status)

    def _stop(self) -> None:
        self._requests.close()
        self._process.wait()


_prepared = cache(_Prepared)


def _forked_child(requests: socket.socket) -> list[str]:
    """Fork whenever a request comes in; return in the child, with the arguments of `postern`."""
    running: dict[int, int] = {}

    def reap(*_: object) -> None:
        # Another child may end meanwhile, which calls this again, within itself.
        with contextlib.suppress(ChildProcessError):  # no child is left
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = ended
                told = running.pop(pid)
                _tell(told, os.waitstatus_to_exitcode(status))
                os.close(told)

    signal.signal(signal.SIGCHLD, reap)
    while True:
        wanted, numbers, *_ = socket.recv_fds(requests, _REQUEST_MAX, 4)
        if not wanted:  # the tests are over, perhaps in the middle of one
            for pid in running:
                os.kill(pid, signal.SIGTERM)
            os._exit(0)
        # A child may end before its number is noted.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        pid = os.fork()
        if not pid:
            arguments, env, folder = json.loads(wanted)
            _become(env, folder, numbers[:3])
            return list(arguments)
        *files, running[pid] = numbers
        _tell(running[pid], pid)
        for each in files:
            os.close(each)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])


def _become(env: dict[str, str], folder: str, files: Sequence[int]) -> None:
    """Make this process what it would be, had it been started like this."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    for standard, number in enumerate(files):
        os.dup2(number, standard)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    _open_standard_streams()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)


def _open_standard_streams() -> None:
    """Open them again: a stream remembers what kind of file it was opened on."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        old = getattr(sys, name)
        new = open(  # noqa: SIM115 - a number has no path, and it stays open
            number, mode, encoding=old.encoding, errors=old.errors, closefd=False
        )
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)
    sys.stderr.reconfigure(line_buffering=True)  # type: ignore[union-attr] # it is a text file


def _tell(status: int, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(status, number.to_bytes(8, "little", signed=True))


def _run() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the tests: they end this process
    for module in _NEEDED:
        importlib.import_module(module)
    gc.freeze()
    sys.argv = [POSTERN, *_forked_child(socket.socket(fileno=int(sys.argv[1])))]
    sys.modules["cli.main"].main()


if __name__ == "__main__":
    _run()

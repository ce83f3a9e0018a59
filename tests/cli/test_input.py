"""Any input on the command line is accepted or refused in one line."""

import os
import pty
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import pytest

from tests import prepared
from tests.support import PASSWORD, POSTERN, environment, postern

LOOKING = [
    ["list-users"],
    ["events"],
    ["show-user", "joe@example.com"],
]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path / "var")


def run(
    *arguments: str | bytes,
    env: Any,
    stdin: bytes | None = None,
    closed: str = "",
    stdout: IO[bytes] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run the command with raw bytes, and with some streams closed by the shell."""
    words = [each for each in arguments if isinstance(each, str)]
    usual = not closed and stdout is None and all(isinstance(name, str) for name in env)
    if usual and len(words) == len(arguments):
        return prepared.run(words, env, stdin or b"")
    command: list[str | bytes] = [POSTERN, *arguments]
    if closed:
        command = ["sh", "-c", f'exec "$@" {closed}', "sh", *command]
    return subprocess.run(
        command,
        env=env,
        input=stdin,
        stdin=None if stdin is not None else subprocess.DEVNULL,
        stdout=stdout or subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )


def refused_in_one_line(ended: subprocess.CompletedProcess[bytes]) -> str:
    assert ended.returncode in {1, 2}
    last = ended.stderr.decode().splitlines()[-1]
    assert b"Traceback" not in ended.stderr
    assert last.startswith("Error: ")
    return last


@pytest.mark.parametrize(
    ("stdin", "complaint"),
    [
        (b"caf\xe9 and more words\n", "The password on standard input is not UTF-8 text."),
        (b"\xff\xfe\n", "not UTF-8"),
        ("correct horse".encode("utf-16-le") + b"\n", "contains a NUL character"),
        (b"correct\0horse\n", "contains a NUL character"),
        (b"", "Standard input has no password in its first line."),
        (b"\n", "Standard input has no password in its first line."),
        (b"\r\n", "Standard input has no password in its first line."),
        (b"x" * 1_000_000, "password: expected at most 1024 bytes."),
    ],
)
def test_an_invalid_password_is_refused_in_one_line(
    env: dict[str, str], stdin: bytes, complaint: str
) -> None:
    for locale in ({}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
        ended = run("create-user", "joe@example.com", env=env | locale, stdin=stdin)
        assert complaint in refused_in_one_line(ended)
        assert b"caf" not in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [b"create-user", b"jo\xff@example.com"],
        [b"create-user", b"joe@example.com", b"--display-name", b"Jo\xe9"],
        [b"disable-user", b"\xed\xa0\x80"],
        [b"events", b"--user", b"\xff"],
        [b"\xff"],
        [b"list-users", b"--\xff"],
    ],
)
def test_arguments_that_are_not_text_are_refused_in_one_line(
    env: dict[str, str], arguments: list[bytes]
) -> None:
    postern("migrate", env=env)
    last = refused_in_one_line(run(*arguments, env=env, stdin=PASSWORD.encode()))
    assert last.endswith(" is not UTF-8 text.")


@pytest.mark.parametrize("name", [b"AUTH_DATA_DIR", b"AUTH_CONFIG", b"DATABASE_URL", b"AUTH_\xff"])
@pytest.mark.parametrize("command", ["migrate", "list-users"])
def test_settings_that_are_not_text_are_named(
    env: dict[str, str], name: bytes, command: str
) -> None:
    chosen = {key.encode(): value.encode() for key, value in env.items()} | {name: b"/tmp/\xff"}
    last = refused_in_one_line(run(command, env=chosen))
    assert last == f"Error: {ascii(os.fsdecode(name))[1:-1]}: expected UTF-8 text"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[auth]\n# \xe9\n", b"\0", b"a = \n"])
def test_a_configuration_file_that_is_not_text_is_named(
    tmp_path: Path, env: dict[str, str], content: bytes
) -> None:
    file = tmp_path / "nhost.toml"
    file.write_bytes(content)
    last = refused_in_one_line(run("migrate", env=env | {"AUTH_CONFIG": str(file)}))
    assert last.startswith(f"Error: {file}: not a TOML file: ")


def test_a_closed_pipe_causes_no_error_message(env: dict[str, str]) -> None:
    postern("create-user", "joe@example.com", env=env, stdin=PASSWORD)
    for arguments in (["events"], ["list-users", "--json"], ["export-schema"], ["--help"]):
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "wb") as nobody_reads:
            assert run(*arguments, env=env, stdout=nobody_reads).stderr == b""


def test_output_to_a_full_disk_fails_in_one_line(env: dict[str, str]) -> None:
    postern("create-user", "joe@example.com", env=env, stdin=PASSWORD)
    with Path("/dev/full").open("wb") as full:
        ended = run("list-users", "--json", env=env, stdout=full)
    assert "No space left" in refused_in_one_line(ended)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_no_harm(env: dict[str, str], closed: str) -> None:
    made = run("create-user", "amy@example.com", env=env, stdin=PASSWORD.encode())
    assert made.returncode == 0
    for command in ("list-users", "migrate"):  # one writes, the other one only reads
        ended = run(command, env=env, closed=closed)
        assert (ended.returncode, ended.stderr) == (0, b"")
    ended = run("create-user", "joe@example.com", env=env, closed="<&-")
    assert "Standard input has no password" in refused_in_one_line(ended)
    assert b"amy@example.com" in run("list-users", env=env).stdout, "the database is intact"


def test_characters_that_the_terminal_cannot_show_are_escaped(env: dict[str, str]) -> None:
    postern("create-user", "zoe\u0436@example.com", env=env, stdin=PASSWORD)
    shown = run("list-users", env=env | {"PYTHONIOENCODING": "latin-1"})
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert b"zoe\\u0436@example.com" in shown.stdout


def test_ctrl_c_at_the_prompt_aborts_with_a_message(env: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    command = [POSTERN, "create-user", "joe@example.com"]
    # A shell starts what it runs in the background with this signal ignored, and so its children.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        command,
        env=env,
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        start_new_session=True,  # without a terminal of its own, it prompts on its standard error
    )
    signal.signal(signal.SIGINT, before)
    assert process.stderr
    try:
        errors = b""
        while b"Password: " not in errors:
            part = os.read(process.stderr.fileno(), 1024)
            assert part, errors
            errors += part
        for _ in range(10):  # a signal that comes just before the read does not interrupt it
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=3)
                break
        errors += process.communicate(timeout=30)[1]
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)
    assert process.returncode == 1
    assert b"Traceback" not in errors
    assert errors.decode().endswith("Aborted!\n")


@pytest.mark.parametrize("arguments", LOOKING, ids=lambda arguments: arguments[0])
def test_read_only_commands_create_nothing(
    tmp_path: Path, env: dict[str, str], arguments: list[str]
) -> None:
    last = refused_in_one_line(run(*arguments, env=env))
    path = tmp_path / "var" / "postern.db"
    assert last == f"Error: There is no database at {path}: run `postern migrate` first."
    assert not (tmp_path / "var").exists()
    (tmp_path / "var").mkdir()
    path.touch()
    last = refused_in_one_line(run(*arguments, env=env))
    assert "The database is not up to date" in last
    assert "run `postern migrate` first." in last
    assert {file.name for file in (tmp_path / "var").iterdir()} <= {
        "postern.db", "postern.db-shm", "postern.db-wal",
    }  # fmt: skip


@pytest.mark.parametrize("arguments", LOOKING, ids=lambda arguments: arguments[0])
def test_read_only_commands_do_not_migrate_postgresql(
    env: dict[str, str], postgres_database: dict[str, str], arguments: list[str]
) -> None:
    last = refused_in_one_line(run(*arguments, env=env | postgres_database))
    assert "The database is not up to date" in last
    assert "Applied" in postern("migrate", env=env | postgres_database).stdout
    assert b"not up to date" not in run(*arguments, env=env | postgres_database).stderr


@pytest.mark.parametrize("arguments", [["export-schema"], ["--help"], ["--version"]])
def test_commands_without_a_database_create_none(
    tmp_path: Path, env: dict[str, str], arguments: list[str]
) -> None:
    assert run(*arguments, env=env).returncode == 0
    assert not (tmp_path / "var").exists()

"""README.md does what it says."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from config import Settings
from config.load import _NAMES
from tests.support import ROOT, running_server

README = (ROOT / "README.md").read_text()


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"(?s)```{language}\n(.*?)```", text)


@pytest.mark.skipif(not shutil.which("curl"), reason="the tour needs curl")
def test_the_tour_works_when_it_is_pasted(tmp_path: Path) -> None:
    with running_server(tmp_path / "var") as server:
        tour = "".join(blocks(section("A two-minute tour"), "bash"))
        script = "set -euo pipefail\n" + tour.replace("http://127.0.0.1:4000", server.url)
        ended = subprocess.run(
            ["bash"], input=script, capture_output=True, text=True, cwd=ROOT, check=False
        )
    assert (ended.returncode, ended.stderr) == (0, "")
    answers = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    signed_up, activated, ticket, wrong, session, me = answers
    email = signed_up["data"]["signUpEmailPassword"]["user"]["email"]
    assert activated["data"]["verifyChangeUserMfa"]["user"] == {"activeMfaType": "totp"}
    assert ticket["data"]["signInEmailPassword"]["__typename"] == "MfaTicket"
    assert wrong["errors"][0]["extensions"] == {"code": "INVALID_TOTP", "attemptsLeft": 4}
    assert session["data"]["verifySignInMfaTotp"]["user"]["email"] == email
    assert me["data"]["me"]["activeMfaType"] == "totp"
    assert "█" in ended.stdout or "▀" in ended.stdout, "the QR code is drawn"

    (shown,) = blocks(section("Errors"), "json")
    error = json.loads(shown)["errors"][0]
    assert error | {"locations": []} == wrong["errors"][0] | {"locations": []}


@pytest.mark.parametrize("field", _NAMES)
def test_every_setting_is_in_the_table_with_its_default(field: str) -> None:
    named = _NAMES[field]
    (row,) = [line for line in README.splitlines() if line.startswith(f"| `{named.env}` |")]
    _, _, in_file, default, meaning, _ = row.split("|")
    assert (f"`{named.toml}`" in in_file) if named.toml else not in_file.strip()
    assert meaning.strip()
    value = Settings.model_fields[field].default
    if isinstance(value, bool):
        assert f"`{str(value).lower()}`" in default
    elif field.endswith("expires_in"):
        assert default.strip().strip("`") in {f"{value // 60}m", f"{value // 3600}h"}
    elif isinstance(value, tuple):
        assert f"`{','.join(value)}`" in default
    elif value is not None and field != "argon2_threads":
        assert f"`{value}`" in default


def test_the_table_has_no_other_settings() -> None:
    known = {named.env for named in _NAMES.values()}
    assert set(re.findall(r"(?m)^\| `([A-Z_0-9]+)` \|", README)) == known


def test_the_files_that_it_names_are_there() -> None:
    for name in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / name).exists(), name


def test_the_make_targets_that_it_names_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?m)(?:^|`)make (\w+)", README)):
        assert re.search(rf"(?m)^{target}:", makefile), target

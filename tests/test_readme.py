"""README.md does what it says."""

import json
import re
import shutil
import subprocess
from importlib.metadata import metadata
from pathlib import Path

import pytest
from pydantic import SecretStr

from config import Settings
from config.load import _NAMES
from tests.support import ROOT, SHIPPED_LIMITS, running_server

README = (ROOT / "README.md").read_text()


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"(?s)```{language}\n(.*?)```", text)


@pytest.mark.skipif(not shutil.which("curl"), reason="the tour needs curl")
def test_the_tour_works_when_it_is_pasted(tmp_path: Path) -> None:
    pasted = blocks(section("A two-minute tour") + section("Going on"), "bash")
    with running_server(tmp_path / "var", **SHIPPED_LIMITS) as server:
        here = [block.replace("http://127.0.0.1:4000", server.url) for block in pasted]
        ended = subprocess.run(
            ["bash", "-euo", "pipefail"],
            input="".join(here),
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "█" in ended.stdout or "▀" in ended.stdout, "the QR code is drawn"
    answers = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    signed_up, activated, ticket, wrong, verified, me = answers[:6]
    email = signed_up["data"]["signUpEmailPassword"]["user"]["email"]
    assert activated["data"]["verifyChangeUserMfa"]["user"] == {"activeMfaType": "totp"}
    assert ticket["data"]["signInEmailPassword"]["__typename"] == "MfaTicket"
    assert wrong["errors"][0]["extensions"] == {"code": "INVALID_TOTP", "attemptsLeft": 4}
    assert verified["data"]["verifySignInMfaTotp"]["user"]["email"] == email
    assert me["data"]["me"]["activeMfaType"] == "totp"
    refreshed, devices, named, changed, recovered, elevated, events, out, nobody, keys = answers[6:]
    assert refreshed["data"]["refreshSession"]["accessTokenExpiresIn"] == 900
    assert len(devices["data"]["me"]["sessions"]["edges"]) == 2
    assert named["data"]["changeUser"]["displayName"] == "Joe"
    assert changed["data"]["changeUserPassword"]["accessTokenExpiresIn"] == 900
    user = recovered["data"]["verifySignInMfaRecoveryCode"]["user"]
    assert user == {"recoveryCodesLeft": 9}
    assert elevated["data"]["elevate"]["accessTokenExpiresIn"] == 900
    newest = events["data"]["me"]["securityEvents"]["edges"][0]["node"]
    assert (newest["type"], newest["address"]) == ("ELEVATED", "127.0.0.1")
    assert out == {"data": {"signOut": True}}
    assert nobody["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
    assert keys["keys"][0]["alg"] == "EdDSA"

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
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, bool):
        assert f"`{str(value).lower()}`" in default
    elif value in {"", ()} or field == "graphql_trusted_documents":
        assert default.strip() == "none"
    elif Settings.model_fields[field].annotation is int and default.strip()[-2] in "smh":
        forms = {str(value), f"{value}s", f"{value // 60}m", f"{value // 3600}h"}
        assert default.strip().strip("`") in forms
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


def test_the_licence_comes_with_the_package_and_the_image() -> None:
    about = metadata("postern")
    assert (about["License-Expression"], about["License-File"]) == ("Apache-2.0", "LICENSE")
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert "[LICENSE](LICENSE)" in README
    assert "!LICENSE" in (ROOT / ".dockerignore").read_text().splitlines()

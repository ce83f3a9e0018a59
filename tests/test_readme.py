"""The commands of README.md and docs/tour.md work as written."""

import json
import re
import shutil
import subprocess
from importlib.metadata import metadata
from pathlib import Path

import pytest

from tests.support import (
    PASSWORD,
    ROOT,
    SHIPPED_LIMITS,
    environment,
    postern,
    running_server,
)

README = (ROOT / "README.md").read_text()
TOUR = (ROOT / "docs" / "tour.md").read_text()
CLIENTS = (ROOT / "docs" / "clients.md").read_text()


def section(title: str, document: str) -> str:
    return document.split(f"\n## {title}\n")[1].split("\n## ", maxsplit=1)[0]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"(?s)```{language}\n(.*?)```", text)


def tour() -> list[str]:
    """Return the commands of README.md, then those of docs/tour.md."""
    return blocks(section("A two-minute tour", README), "bash") + blocks(TOUR, "bash")


@pytest.mark.skipif(not shutil.which("curl"), reason="the tour needs curl")
def test_the_tour_works_as_written(tmp_path: Path) -> None:
    with running_server(tmp_path / "var", **SHIPPED_LIMITS) as server:
        here = [block.replace("http://127.0.0.1:4000", server.url) for block in tour()]
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
    refreshed, devices, named, changed, recovered, elevated, events, *rest = answers[6:]
    out, nobody, asked, reset, keys = rest
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
    assert asked == {"data": {"sendPasswordResetEmail": True}}
    assert reset == {"data": {"resetPassword": True}}
    assert keys["keys"][0]["alg"] == "EdDSA"

    (shown,) = blocks(section("Errors", CLIENTS), "json")
    error = json.loads(shown)["errors"][0]
    assert error | {"locations": []} == wrong["errors"][0] | {"locations": []}


def test_package_and_image_contain_the_licence() -> None:
    about = metadata("postern")
    assert (about["License-Expression"], about["License-File"]) == ("Apache-2.0", "LICENSE")
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert "[LICENSE](LICENSE)" in README
    assert "!LICENSE" in (ROOT / ".dockerignore").read_text().splitlines()


def test_the_command_that_makes_an_operator_works(tmp_path: Path) -> None:
    (block,) = blocks(section("Operators", README), "sh")
    program, *arguments = block.split()
    assert program == ".venv/bin/postern"
    made = postern(*arguments, env=environment(tmp_path / "var"), stdin=PASSWORD)
    assert made.returncode == 0, made.stderr
    assert "operator" in made.stdout

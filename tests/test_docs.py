"""The documents' claims about tests and files are true."""

import re
import runpy
from pathlib import Path

import pytest

from auth.errors import FOR_OPERATORS, ErrorCode
from config.settings import NAMES
from tests.support import ROOT

ASVS = (ROOT / "docs" / "asvs.md").read_text()
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("bench/*.md")])
ROWS = [line for line in ASVS.splitlines() if re.match(r"\| \d", line)]
TESTS = {
    name
    for file in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"def (test_\w+)", file.read_text())
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_every_requirement_has_an_answer_and_evidence(row: str) -> None:
    _, number, level, requirement, answer, shown, _ = (cell.strip() for cell in row.split("|"))
    assert re.fullmatch(r"\d+\.\d+\.\d+", number)
    assert level in {"1", "2", "3"}
    assert requirement
    assert answer in {"yes", "no", "operator"}
    assert shown
    named = re.findall(r"`([^`]+)`", shown)
    files = [name for name in named if re.fullmatch(r"[\w/]+\.(py|md|graphql)", name)]
    tests = [name for name in named if name.startswith("test_")]
    assert [name for name in files if not (ROOT / name).exists()] == []
    assert [name for name in tests if name not in TESTS] == []
    if answer == "yes":
        assert files or tests


def test_all_chapters_are_present() -> None:
    chapters = {row.split("|")[1].strip().rsplit(".", 1)[0] for row in ROWS}
    assert chapters == {"4.3", *(f"6.{n}" for n in (1, 2, 3, 4, 5, 7)),
                        *(f"7.{n}" for n in range(1, 6)), "9.1", "9.2", "11.4"}  # fmt: skip


@pytest.mark.parametrize(
    "file",
    sorted(
        file
        for file in (ROOT / "deploy").iterdir()
        if file.suffix not in {".sql", ".py", ""} or file.name == "Dockerfile"
    ),
    ids=lambda file: file.name,
)
def test_deployment_files_name_existing_settings(file: Path) -> None:
    known = {named.env for named in NAMES.values()} | {"AUTH_CONFIG"}
    named = set(re.findall(r"\b(?:AUTH|HASURA|DATABASE)_[A-Z_0-9]+\b", file.read_text()))
    assert named
    assert named <= known


@pytest.mark.parametrize("name", [path.relative_to(ROOT).as_posix() for path in DOCUMENTS])
def test_links_lead_somewhere(name: str) -> None:
    document = ROOT / name
    for target, anchor in re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", document.read_text()):
        linked = (document.parent / target).resolve() if target else document
        assert linked.exists(), target
        headings = re.findall(r"(?m)^#+ (.+)$", linked.read_text()) if anchor else []
        assert not anchor or anchor in {h.lower().replace(" ", "-") for h in headings}


@pytest.mark.parametrize("name", [path.relative_to(ROOT).as_posix() for path in DOCUMENTS])
def test_named_make_targets_exist(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = r"(?m)`(?:[A-Z_]+=[^\s`]+ )*make ([\w-]+)|^make ([\w-]+) +#"
    for target in {a or b for a, b in re.findall(named, (ROOT / name).read_text())}:
        assert re.search(rf"(?m)^{target}:", makefile), target


def test_the_readme_links_every_document() -> None:
    linked = set(re.findall(r"\]\((docs/\w+\.md)\)", (ROOT / "README.md").read_text()))
    assert linked == {path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/*.md")}


def test_every_error_has_advice_for_clients() -> None:
    table = (ROOT / "docs" / "clients.md").read_text().split("\n## Errors\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = re.findall(r"`([A-Z_]+)`", " ".join(rows))
    assert sorted(named) == sorted(code.name for code in set(ErrorCode) - FOR_OPERATORS)


def test_generated_parts_of_documents_are_up_to_date() -> None:
    generate = runpy.run_path(str(ROOT / "docs" / "generate.py"))
    for path, text in generate["documents"]().items():
        assert path.read_text() == text, f"run `make docs`: {path.name}"

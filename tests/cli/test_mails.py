"""What the operator does about mail, by the command line."""

from pathlib import Path

import pytest

from tests.support import environment, postern

BROKEN = {
    "<p>\n{% if %}</p>": "body.html, line 2: Expected an expression, got 'end of statement block'.",
    "<p>\n\n${link + 1}</p>": ('body.html, line 3: can only concatenate str (not "int") to str.'),
    "${user.name}": "body.html, line 1: 'user' is undefined.",
    "${link": "body.html, line 1: unexpected end of template, expected 'end of print statement'.",
    "{% include 'other.html' %}": "body.html, line 1: there is no template other.html.",
    "\udcff": "body.html: not UTF-8.",
}


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A folder for a template of the operator."""
    folder = tmp_path / "mails" / "en" / "password-reset"
    folder.mkdir(parents=True)
    (folder / "subject.txt").write_text("Hello ${displayName}")
    return folder


@pytest.mark.parametrize("body", BROKEN)
def test_a_preview_says_in_a_line_what_is_wrong_with_a_template(
    tmp_path: Path, template: Path, body: str
) -> None:
    (template / "body.html").write_text(body, errors="surrogateescape")
    env = environment(tmp_path / "var", AUTH_EMAIL_TEMPLATES_PATH=str(tmp_path / "mails"))
    said = postern("preview-mail", "password-reset", "--folder", str(tmp_path), env=env)
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == f"Error: {template}/{BROKEN[body]}\n"


def test_a_preview_writes_the_operators_template(tmp_path: Path, template: Path) -> None:
    (template / "body.html").write_text("<b>${displayName}</b>")
    env = environment(tmp_path / "var", AUTH_EMAIL_TEMPLATES_PATH=str(tmp_path / "mails"))
    said = postern("preview-mail", "password-reset", "--folder", str(tmp_path), env=env)
    assert said.stdout.startswith("Hello Joe Example\n")
    assert (tmp_path / "password-reset.en.html").read_text() == "<b>Joe Example</b>"

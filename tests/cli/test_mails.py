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
    assert said.stderr == (
        f"Warning: {template}/body.html: without ${{link}}, its user cannot do anything with it.\n"
    )


def test_a_preview_of_a_code_has_no_link(tmp_path: Path) -> None:
    folder = tmp_path / "mails" / "en" / "signin-otp"
    folder.mkdir(parents=True)
    (folder / "subject.txt").write_text("Your code")
    (folder / "body.html").write_text("<b>${ticket}</b>")
    env = environment(tmp_path / "var", AUTH_EMAIL_TEMPLATES_PATH=str(tmp_path / "mails"))
    said = postern("preview-mail", "signin-otp", "--folder", str(tmp_path), env=env)
    assert (said.returncode, said.stderr) == (0, "")
    assert (tmp_path / "signin-otp.en.txt").read_text() == "123456\n"


def test_doctor_looks_through_all_templates(tmp_path: Path, template: Path) -> None:
    (template.parent / "pasword-reset").mkdir()
    (template.parent / "signin-otp").mkdir()
    (template.parent / "signin-otp" / "subject.txt").write_text("Your code")
    (template / "body.html").write_text("${link} ${code}")
    env = environment(tmp_path / "var", AUTH_EMAIL_TEMPLATES_PATH=str(tmp_path / "mails"))
    said = postern("doctor", env=env).stdout
    assert "pasword-reset: Postern sends no such mail" in said
    assert "signin-otp: body.html missing" in said
    assert "body.html, line 1: 'code' is undefined" in said


def test_a_test_mail_needs_an_address(tmp_path: Path) -> None:
    env = environment(
        tmp_path / "var", AUTH_SMTP_HOST="127.0.0.1", AUTH_SMTP_SENDER="postern@example.com"
    )
    said = postern("send-test-mail", "nope", env=env)
    assert (said.returncode, said.stderr) == (1, "Error: 'nope' is not an e-mail address.\n")

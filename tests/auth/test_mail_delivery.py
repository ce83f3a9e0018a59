"""The outbox and a real mail server: every mail arrives, whatever happens to either."""

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from auth import new_accounts
from auth.accounts import password_reset, sign_up
from auth.keys.vault import Vault
from auth.mail import delivery, kinds, outbox, smtp, templates
from auth.mail.smtp import MailServer, MisconfiguredError
from auth.postern import Postern
from config import Settings
from models import Mail, MailTicket, User
from models.transactions import atomic
from tests.support import JOE, PASSWORD, Clock, caller, event_names, sign_up_user, with_settings

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:aiosmtpd"),
]


@dataclass
class Inbox:
    """A mail server's users, and what has arrived."""

    mails: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    answer: str = "250 OK"
    of_sender: str = "250 OK"
    delay: float = 0
    logins: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    connections: int = 0

    async def handle_EHLO(  # noqa: N802 - as aiosmtpd names it
        self,
        _server: Any,
        session: Session,
        _envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        session.host_name = hostname
        self.connections += 1
        return responses

    async def handle_MAIL(  # noqa: N802
        self, _server: Any, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.of_sender.startswith("250"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return self.of_sender

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.answer.startswith("550"):
            return self.answer
        envelope.rcpt_tos.append(address)
        self.recipients.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, _server: Any, _session: Session, envelope: Envelope
    ) -> str:
        await asyncio.sleep(self.delay)
        if self.answer.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            self.raw.append(content)
            self.mails.append(message_from_bytes(content, policy=policy.default))
        return self.answer

    def authenticate(
        self, _server: Any, _session: Session, _envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((mechanism, data.login, data.password))
        return AuthResult(success=data.password == b"right", handled=False)


@asynccontextmanager
async def mail_server(
    inbox: Inbox, *, tls: ssl.SSLContext | None = None, auth: bool = False
) -> AsyncIterator[int]:
    """A real SMTP server; the port that it listens on."""

    def protocol() -> SMTP:
        return SMTP(
            inbox,
            tls_context=tls,
            require_starttls=tls is not None,
            authenticator=inbox.authenticate if auth else None,
            auth_required=auth,
            auth_require_tls=tls is not None,
        )

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def sending(postern: Postern, port: int, **changes: object) -> Postern:
    chosen: dict[str, object] = {
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "smtp_require_tls": False,
        "smtp_sender": "Postern <no-reply@example.org>",
    }
    return with_settings(postern, **chosen | changes)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands still, so a requested mail has to be due at once."""
    monkeypatch.setattr(outbox, "SPREAD", 0.001)


async def deliver(postern: Postern) -> None:
    """Deliver all that is due."""
    server = MailServer(postern.settings) if postern.settings.mail == "smtp" else None
    while await delivery.deliver_next(postern, server):
        pass
    if server:
        await server.close()


async def test_a_mail_has_text_html_and_nhosts_headers(postern: Postern) -> None:
    await sign_up_user(postern)
    inbox = Inbox()
    async with mail_server(inbox) as port:
        it = sending(postern, port, client_url="https://app.example.com")
        await password_reset.send_password_reset_email(it, caller(), JOE)
        await deliver(it)
    (mail,) = inbox.mails
    assert (mail["from"], mail["to"]) == ("Postern <no-reply@example.org>", JOE)
    assert mail["subject"] == "Reset your password"
    assert mail["auto-submitted"] == "auto-generated"
    assert mail["x-email-template"] == "password-reset"
    assert mail["x-redirect-to"] == "https://app.example.com"
    ticket, link = str(mail["x-ticket"]), str(mail["x-link"])
    assert ticket.startswith("passwordReset:")
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text
    assert html
    assert link in text.get_content()
    assert link.replace("&", "&amp;") in html.get_content()
    assert not await Mail.exists(), "with its secret it is deleted once sent"
    await password_reset.reset_password(it, caller(), ticket, "another password 7")


def encoded_word(text: str) -> str:
    """Return the text as an encoded word (RFC 2047), which programs that handle mail decode."""
    return f"=?utf-8?q?{''.join(f'={byte:02X}' for byte in text.encode())}?="


HOSTILE = (
    "x\r\nReply-To: thief@example.net\r\nContent-Type: text/html\r\n\r\n<img src='https://evil/"
)


async def test_an_address_to_be_led_to_adds_no_header(postern: Postern) -> None:
    """It is whoever asks for the mail that chooses it, and the mail has a secret."""
    await sign_up_user(postern)
    inbox = Inbox()
    async with mail_server(inbox) as port:
        it = sending(postern, port, client_url="https://app.example.com")
        wanted = f"https://app.example.com/{encoded_word(HOSTILE)}"
        await password_reset.send_password_reset_email(it, caller(), JOE, wanted)
        await deliver(it)
    (mail,) = inbox.mails
    assert (mail["reply-to"], mail.get_content_type()) == (None, "multipart/alternative")
    assert "evil" not in inbox.raw[0].decode().replace(quote(wanted, safe=""), "")
    assert unquote(str(mail["x-redirect-to"])) == wanted


@pytest.mark.parametrize(
    "name", [encoded_word(HOSTILE), f"Zoë {encoded_word(HOSTILE)}", "Ünï " * 30, "a" * 150]
)
async def test_a_name_in_a_subject_is_shown_as_it_is(
    postern: Postern, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "templates" / "en" / "password-reset"
    folder.mkdir(parents=True)
    (folder / "subject.txt").write_text("Hello ${displayName}")
    (folder / "body.html").write_text("<p>${link}</p>")
    session, _ = await sign_up_user(postern)
    await User.filter(id=session.user.id).update(display_name=name)
    inbox = Inbox()
    async with mail_server(inbox) as port:
        it = sending(postern, port, email_templates_path=tmp_path / "templates")
        await password_reset.send_password_reset_email(it, caller(), JOE)
        await deliver(it)
    (mail,) = inbox.mails
    assert (mail["reply-to"], mail.get_content_type()) == (None, "multipart/alternative")
    shown = str(make_header(decode_header(message_from_bytes(inbox.raw[0])["subject"])))
    assert shown == smtp.one_line(f"Hello {name}")
    head = inbox.raw[0].partition(b"\r\n\r\n")[0]
    assert max(map(len, head.partition(b"Subject: ")[2].partition(b"\r\nDate")[0].split())) < 78


async def test_an_address_that_mail_servers_could_read_as_another_one_gets_no_mail(
    postern: Postern,
) -> None:
    """Such an address cannot be signed up with; an account may be older than this rule."""
    session, _ = await sign_up_user(postern)
    await User.filter(id=session.user.id).update(email=f"{encoded_word('ann')}@example.com")
    other, _ = await sign_up_user(postern)
    inbox = Inbox()
    async with mail_server(inbox) as port:
        it = sending(postern, port)
        await outbox.post(it, await User.get(id=session.user.id), "password-changed", {})
        await deliver(it)
        await outbox.post(it, await User.get(id=other.user.id), "password-changed", {})
        await deliver(it)
    assert inbox.recipients == [JOE]
    assert inbox.connections == 1


@pytest.mark.parametrize("length", [10, 300, 600])
async def test_links_in_headers_are_plain_ascii_on_one_line(postern: Postern, length: int) -> None:
    await sign_up_user(postern)
    inbox = Inbox()
    wanted = f"https://app.example.com/{'a' * length}?q=ü b"
    async with mail_server(inbox) as port:
        it = sending(postern, port, client_url=wanted)
        await password_reset.send_password_reset_email(it, caller(), JOE)
        await deliver(it)
    head = inbox.raw[0].partition(b"\r\n\r\n")[0].decode("ascii")
    lines = dict(line.split(": ", 1) for line in head.split("\r\n") if line.startswith("X-"))
    assert lines["X-Redirect-To"] == wanted.replace("ü b", "%C3%BC%20b")
    assert lines["X-Ticket"].startswith("passwordReset:")
    assert lines["X-Email-Template"] == "password-reset"
    query = parse_qs(urlsplit(lines["X-Link"]).query)
    assert query["ticket"] == [lines["X-Ticket"]]
    assert query["redirectTo"] == [wanted]


async def test_a_header_that_would_be_too_long_for_a_line_is_left_out(postern: Postern) -> None:
    await sign_up_user(postern)
    inbox = Inbox()
    async with mail_server(inbox) as port:
        it = sending(postern, port, client_url=f"https://app.example.com/{'a' * 1000}")
        await password_reset.send_password_reset_email(it, caller(), JOE)
        await deliver(it)
    (mail,) = inbox.mails
    assert mail["x-redirect-to"] is mail["x-link"] is None
    text = mail.get_body(("plain",))
    assert text
    assert mail["x-ticket"] in unquote(text.get_content())
    assert max(map(len, inbox.raw[0].split(b"\r\n"))) <= 998


async def test_no_secret_is_stored_in_the_clear(postern: Postern) -> None:
    await sign_up_user(postern)
    await password_reset.send_password_reset_email(postern, caller(), JOE)
    await deliver(postern)
    (mail,), (ticket,) = await Mail.all(), await MailTicket.all()
    assert mail.sealed
    assert "passwordReset:" not in f"{mail.sealed}{mail.variables}{ticket.digest}"
    text = outbox.ticket_of(postern, mail)
    assert text.startswith("passwordReset:")
    assert text not in repr(mail)


async def test_a_mail_of_a_change_that_is_undone_is_not_written(postern: Postern) -> None:
    session, _ = await sign_up_user(postern)

    async def undone() -> None:
        async with atomic():
            await outbox.post(postern, session.user, "password-changed", {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await undone()
    assert not await Mail.exists()


async def test_an_address_without_an_account_gets_no_mail(postern: Postern) -> None:
    await password_reset.send_password_reset_email(postern, caller(), "nobody@example.com")
    assert await Mail.all().count() == 1, "the request itself does not know"
    await deliver(postern)
    assert not await Mail.exists()
    assert not await MailTicket.exists()


async def test_a_name_can_add_no_header_and_no_html(postern: Postern) -> None:
    wishes = new_accounts.Wishes(display_name="<b>Bob</b>")
    session = await sign_up.sign_up_email_password(postern, caller(), JOE, PASSWORD, wishes)
    inbox = Inbox()
    folder = postern.settings.data_dir / "mails" / "en" / "password-changed"
    folder.mkdir(parents=True)
    (folder / "subject.txt").write_text("Hello ${displayName}\nBcc: eve@example.com")
    (folder / "body.html").write_text("<p>${displayName}</p>")
    async with mail_server(inbox) as port:
        it = sending(postern, port, email_templates_path=folder.parent.parent)
        async with atomic():
            await outbox.post(it, session.user, "password-changed", {})
        await deliver(it)
    (mail,) = inbox.mails
    assert mail["subject"] == "Hello <b>Bob</b> Bcc: eve@example.com"
    assert mail["bcc"] is None
    html = mail.get_body(("html",))
    assert html
    assert html.get_content().strip() == "<p>&lt;b&gt;Bob&lt;/b&gt;</p>"


@pytest.mark.parametrize(("locale", "subject"), [("de-AT", "Setzen Sie"), ("xx", "Reset your")])
async def test_a_mail_is_in_the_users_language_or_the_default_one(
    postern: Postern, locale: str, subject: str
) -> None:
    session, _ = await sign_up_user(postern)
    await User.filter(id=session.user.id).update(locale=locale)
    inbox = Inbox()
    async with mail_server(inbox) as port:
        it = sending(postern, port)
        await password_reset.send_password_reset_email(it, caller(), JOE)
        await deliver(it)
    assert str(inbox.mails[0]["subject"]).startswith(subject)


class TestAMailThatCannotBeSent:
    async def test_is_tried_again_after_ever_longer_pauses_for_a_day(
        self, postern: Postern, clock: Clock
    ) -> None:
        session, _ = await sign_up_user(postern)
        it = sending(postern, 1)  # nobody listens there
        await outbox.post(it, session.user, "password-changed", {})
        started = clock.time
        for attempt, pause in enumerate(delivery.PAUSES, 1):
            await deliver(it)
            mail = await Mail.get()
            assert (mail.attempts, mail.due_at) == (attempt, clock.time + timedelta(seconds=pause))
            clock.forward(pause - 1)
            await deliver(it)
            assert (await Mail.get()).attempts == attempt, "not before it is due"
            clock.forward(1)
        assert clock.time - started > timedelta(hours=23)
        await deliver(it)
        assert (await Mail.get()).due_at is None
        assert (await event_names())[-1] == "MAIL_NOT_SENT"

    async def test_is_given_up_where_the_recipient_is_refused(self, postern: Postern) -> None:
        session, _ = await sign_up_user(postern)
        async with mail_server(Inbox(answer="550 no such mailbox")) as port:
            it = sending(postern, port)
            await outbox.post(it, session.user, "password-changed", {})
            await deliver(it)
        mail = await Mail.get()
        assert (mail.due_at, mail.attempts) == (None, 1)
        assert (await event_names())[-1] == "MAIL_NOT_SENT"

    async def test_is_kept_until_the_operator_has_mended_the_sender(
        self, postern: Postern, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        """However long that takes, it does not use up the attempts of a mail."""
        session, _ = await sign_up_user(postern)
        inbox = Inbox(of_sender="553 not your domain")
        async with mail_server(inbox) as port:
            it = sending(postern, port)
            for _ in range(2):
                await outbox.post(it, session.user, "password-changed", {})
            for _ in range(20):
                with pytest.raises(MisconfiguredError):
                    await deliver(it)
                clock.forward(delivery.MENDED)
            assert {mail.attempts for mail in await Mail.all()} == {0}
            (said,) = {each.getMessage() for each in caplog.records if each.levelname == "ERROR"}
            assert "AUTH_SMTP_SENDER (553)" in said
            assert "not your domain" not in caplog.text
            inbox.of_sender = "250 OK"
            await deliver(it)
        assert len(inbox.mails) == 2

    async def test_is_given_up_where_it_is_too_large_and_holds_up_no_other(
        self, postern: Postern
    ) -> None:
        session, _ = await sign_up_user(postern)
        inbox = Inbox(of_sender="552 too large")
        async with mail_server(inbox) as port:
            it = sending(postern, port)
            await outbox.post(it, session.user, "password-changed", {})
            await deliver(it)
            inbox.of_sender = "250 OK"
            await outbox.post(it, session.user, "password-changed", {})
            await deliver(it)
        assert len(inbox.mails) == 1
        assert (await event_names())[-1] == "MAIL_NOT_SENT"

    async def test_of_a_server_that_wants_a_login_says_so(self, postern: Postern) -> None:
        session, _ = await sign_up_user(postern)
        async with mail_server(Inbox(of_sender="530 authentication required")) as port:
            it = sending(postern, port)
            await outbox.post(it, session.user, "password-changed", {})
            with pytest.raises(MisconfiguredError, match="set AUTH_SMTP_USER"):
                await deliver(it)

    async def test_is_tried_again_where_the_sender_is_refused_for_now(
        self, postern: Postern
    ) -> None:
        session, _ = await sign_up_user(postern)
        async with mail_server(Inbox(of_sender="450 too many mails")) as port:
            it = sending(postern, port)
            await outbox.post(it, session.user, "password-changed", {})
            await deliver(it)
        assert (await Mail.get()).attempts == 1

    async def test_is_kept_where_the_server_is_busy(self, postern: Postern, clock: Clock) -> None:
        session, _ = await sign_up_user(postern)
        inbox = Inbox(answer="451 later")
        async with mail_server(inbox) as port:
            it = sending(postern, port)
            await outbox.post(it, session.user, "password-changed", {})
            await deliver(it)
            inbox.answer = "250 OK"
            clock.forward(31)
            await deliver(it)
        assert len(inbox.mails) == 1

    async def test_is_found_again_when_the_process_that_took_it_has_died(
        self, postern: Postern, clock: Clock
    ) -> None:
        session, _ = await sign_up_user(postern)
        await outbox.post(postern, session.user, "password-changed", {})
        assert await delivery._take(postern), "and then it dies"
        inbox = Inbox()
        async with mail_server(inbox) as port:
            it = sending(postern, port)
            await deliver(it)
            assert not inbox.mails, "another process may be sending it"
            clock.forward(delivery.LEASE + 1)
            await deliver(it)
        assert len(inbox.mails) == 1


@asynccontextmanager
async def dying_mail_server() -> AsyncIterator[int]:
    """A server that reads the beginning of each mail, and then ends the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            writer.write(b"354 go on\r\n" if line.startswith(b"DATA") else b"250 OK\r\n")
            if line.startswith(b"DATA"):
                await reader.readline()
                break
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class TestAMailServer:
    async def test_that_hangs_after_the_mail_is_left_and_tried_again(
        self,
        postern: Postern,
        clock: Clock,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        await sign_up_user(postern)
        monkeypatch.setattr(delivery, "SENDING_LIMIT", 0.5)
        inbox = Inbox(delay=2)
        async with mail_server(inbox) as port:
            it = sending(postern, port)
            await password_reset.send_password_reset_email(it, caller(), JOE)
            await deliver(it)
            mail = await Mail.get()
            assert (mail.attempts, mail.due_at) == (1, clock.time + timedelta(seconds=30))
            inbox.delay = 0
            clock.forward(30)
            await deliver(it)
        ids = {str(arrived["message-id"]) for arrived in inbox.mails}
        assert ids == {f"<{mail.id}@example.org>"}, "also if the first one arrived after all"
        assert not await Mail.exists()
        assert "took longer than 0.5 s" in caplog.text
        assert "passwordReset" not in caplog.text
        assert JOE not in caplog.text
        await password_reset.reset_password(
            it, caller(), str(inbox.mails[-1]["x-ticket"]), "another password 7"
        )

    async def test_that_dies_in_the_middle_of_a_mail_gets_it_again(
        self, postern: Postern, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        await sign_up_user(postern)
        async with dying_mail_server() as port:
            it = sending(postern, port)
            await password_reset.send_password_reset_email(it, caller(), JOE)
            await deliver(it)
        mail = await Mail.get()
        assert (mail.attempts, mail.due_at) == (1, clock.time + timedelta(seconds=30))
        clock.forward(30)
        inbox = Inbox()
        async with mail_server(inbox) as port:
            await deliver(sending(postern, port))
        assert len(inbox.mails) == 1
        assert "SMTPServerDisconnected" in caplog.text
        assert "passwordReset" not in caplog.text


BROKEN = {
    "<p>\n{% if %}</p>": "line 2: Expected an expression",
    "<p>\n\n${ticket + 1}</p>": "line 3: TypeError",
    "${{}[ticket].name}": "line 1: unknown placeholder",
    "<p>${code}</p>": "line 1: unknown placeholder",
    "\udcff": "body.html: not UTF-8",
}


@pytest.mark.parametrize("body", BROKEN)
async def test_with_a_broken_template_our_own_text_is_sent_and_the_log_says_so(
    postern: Postern, caplog: pytest.LogCaptureFixture, body: str
) -> None:
    await sign_up_user(postern)
    folder = postern.settings.data_dir / "mails" / "en" / "password-reset"
    folder.mkdir(parents=True)
    (folder / "subject.txt").write_text("Hello")
    (folder / "body.html").write_text(body, errors="surrogateescape")
    inbox = Inbox()
    async with mail_server(inbox) as port:
        it = sending(postern, port, email_templates_path=folder.parent.parent)
        await password_reset.send_password_reset_email(it, caller(), JOE)
        await deliver(it)
    (mail,) = inbox.mails
    assert mail["subject"] == "Reset your password"
    (said,) = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert f"{folder / 'body.html'}" in said
    assert BROKEN[body] in said
    assert "passwordReset:" not in caplog.text


async def test_no_two_tasks_send_the_same_mail(postern: Postern) -> None:
    session, _ = await sign_up_user(postern)
    inbox = Inbox(delay=0.01)
    async with mail_server(inbox) as port:
        it = sending(postern, port)
        for _ in range(20):
            await outbox.post(it, session.user, "password-changed", {})
        await asyncio.gather(*(deliver(it) for _ in range(5)))
    ids = [mail["message-id"] for mail in inbox.mails]
    assert len(ids) == len(set(ids)) == 20


async def test_a_connection_is_used_again(postern: Postern) -> None:
    session, _ = await sign_up_user(postern)
    inbox = Inbox()
    async with mail_server(inbox) as port:
        it = sending(postern, port)
        for _ in range(5):
            await outbox.post(it, session.user, "password-changed", {})
        await deliver(it)
    assert (len(inbox.mails), inbox.connections) == (5, 1)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine that nobody else vouches for, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


async def test_what_a_mail_server_says_is_not_logged(
    postern: Postern, caplog: pytest.LogCaptureFixture
) -> None:
    await sign_up_user(postern)
    inbox = Inbox(answer="451 greylisted: the link is new")
    async with mail_server(inbox) as port:
        it = sending(postern, port)
        await password_reset.send_password_reset_email(it, caller(), JOE)
        await deliver(it)
        inbox.answer = "450 wait"
        await Mail.all().update(due_at=it.now())
        await deliver(it)
    logged = "\n".join(record.getMessage() for record in caplog.records if "postern" in record.name)
    assert "451" in logged
    assert "greylisted" not in logged
    assert JOE not in logged


def with_another_key(postern: Postern) -> Postern:
    """The same Postern after the operator has replaced the encryption key, and lost the old one."""
    return replace(postern, vault=Vault([secrets.token_bytes(32)]))


async def test_a_lost_encryption_key_does_not_stop_a_waiting_mail(
    postern: Postern, clock: Clock
) -> None:
    await sign_up_user(postern)
    inbox = Inbox(answer="451 later")
    async with mail_server(inbox) as port:
        it = sending(postern, port)
        await password_reset.send_password_reset_email(it, caller(), JOE)
        await deliver(it)
        inbox.answer = "250 OK"
        clock.forward(31)
        await deliver(with_another_key(it))
    ticket = str(inbox.mails[0]["x-ticket"])
    await password_reset.reset_password(it, caller(), ticket, "another password 7")


async def test_in_the_mailbox_a_mail_whose_key_is_lost_is_shown_without_its_link(
    postern: Postern,
) -> None:
    await sign_up_user(postern)
    await password_reset.send_password_reset_email(postern, caller(), JOE)
    await deliver(postern)
    mail = await Mail.get().select_related("user")
    assert templates.render_mail(postern, mail).headers["X-Link"]
    shown = templates.render_mail(with_another_key(postern), mail)
    assert shown.subject == "Reset your password"
    assert (shown.headers["X-Link"], shown.headers["X-Ticket"]) == ("", "")


async def test_a_mail_that_arrives_late_has_a_live_link(postern: Postern, clock: Clock) -> None:
    await sign_up_user(postern)
    inbox = Inbox(answer="451 later")
    async with mail_server(inbox) as port:
        it = sending(postern, port)
        await password_reset.send_password_reset_email(it, caller(), JOE)
        await deliver(it)
        clock.forward(5 * 3600)
        inbox.answer = "250 OK"
        await deliver(it)
    ticket = str(inbox.mails[0]["x-ticket"])
    await password_reset.reset_password(it, caller(), ticket, "another password 7")


class TestTls:
    async def test_is_required_unless_the_operator_says_otherwise(self, postern: Postern) -> None:
        session, _ = await sign_up_user(postern)
        inbox = Inbox()
        async with mail_server(inbox) as port:
            it = sending(postern, port, smtp_require_tls=True)
            await outbox.post(it, session.user, "password-changed", {})
            with pytest.raises(MisconfiguredError):
                await deliver(it)
            assert not inbox.mails
            assert (await Mail.get()).attempts == 0
            await Mail.all().update(due_at=it.now())
            await deliver(sending(postern, port, smtp_require_tls=False))
        assert len(inbox.mails) == 1

    @pytest.mark.parametrize("method", ["PLAIN", "LOGIN"])
    async def test_protects_the_password(
        self, postern: Postern, certificate: Path, monkeypatch: pytest.MonkeyPatch, method: str
    ) -> None:
        session, _ = await sign_up_user(postern)
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
        inbox = Inbox()
        account = {
            "smtp_host": "localhost", "smtp_require_tls": True, "smtp_auth_method": method,
            "smtp_user": "joe", "smtp_password": SecretStr("right"),
        }  # fmt: skip
        async with mail_server(inbox, tls=tls, auth=True) as port:
            it = sending(postern, port, **account)
            await outbox.post(it, session.user, "password-changed", {})
            await deliver(it)
            assert not inbox.logins, "nobody vouches for this server"
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            await Mail.all().update(due_at=it.now())
            await deliver(it)
        assert inbox.logins == [(method, b"joe", b"right")]
        assert len(inbox.mails) == 1

    async def test_and_a_refused_password_keep_the_mail_until_it_is_mended(
        self,
        postern: Postern,
        certificate: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        session, _ = await sign_up_user(postern)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
        inbox = Inbox()
        account = {"smtp_host": "localhost", "smtp_require_tls": True, "smtp_user": "joe"}
        async with mail_server(inbox, tls=tls, auth=True) as port:
            it = sending(postern, port, **account, smtp_password=SecretStr("secret"))
            await outbox.post(it, session.user, "password-changed", {})
            with pytest.raises(MisconfiguredError):
                await deliver(it)
            mail = await Mail.get()
            due_at = it.now() + timedelta(seconds=delivery.MENDED)
            assert (mail.attempts, mail.due_at) == (0, due_at)
        assert "AUTH_SMTP_USER and AUTH_SMTP_PASS (535)" in caplog.text
        assert "secret" not in caplog.text


@pytest.mark.parametrize("locale", templates.LOCALES)
@pytest.mark.parametrize("kind", kinds.KINDS)
def test_every_mail_can_be_read_in_every_language(kind: str, locale: str) -> None:
    values = dict.fromkeys(
        ("email", "service", "when", "where", "link", "ticket", "displayName"), "<value>"
    )
    rendered = templates.render(Settings(), kind, values | {"locale": locale})
    assert rendered.subject
    assert "${" not in rendered.subject + rendered.text + rendered.html
    assert "<value>" in rendered.text
    assert "<value>" not in rendered.html
    said = templates.texts(locale)
    assert set(said) == set(templates.texts("en"))
    assert set(said["page"]) == set(templates.texts("en")["page"])

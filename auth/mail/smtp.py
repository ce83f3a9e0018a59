"""Sending a mail through the operator's mail server (SMTP, RFC 5321)."""

import string
import time
from email.headerregistry import BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import Policy
from email.utils import format_datetime, parseaddr
from urllib.parse import quote

import aiosmtplib
import idna

from auth.mail.templates import Rendered
from config import Settings
from config.values import is_loopback
from models import Mail

TIMEOUT = 20
"""Seconds that each step of the conversation may take."""
KEPT_OPEN = 10
"""Seconds for which an idle connection is kept for the next mail."""


_WANTS_LOGIN, _WANTS_TLS = 530, 538
"""What a mail server answers to a client without a login, or without TLS (RFC 4954, section 6)."""
_OF_THE_MAIL = (552, 555)
"""Answers to the sender's line that are about this mail: its size (RFC 1870, section 6.1), or what
it needs (RFC 5321, section 4.1.1.11)."""
LINE_MAX = 998
"""Characters that a line of a mail may have (RFC 5322, section 2.1.1)."""


class RefusedMailError(Exception):
    """The mail server will not take this mail, now or later."""


class MisconfiguredError(Exception):
    """The mail server takes no mail at all from this sender or this login: the operator's mistake.

    The message names what to change, and repeats nothing that the server said.
    """


class MailServer:
    """A connection to the mail server, opened when there is something to send, and used again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: aiosmtplib.SMTP | None = None
        self._used_at = 0.0

    async def send(self, mail: Mail, rendered: Rendered) -> None:
        """Hand a mail over.

        Raises RefusedMailError where another attempt is in vain, MisconfiguredError where no mail
        can be sent until the operator acts, and SMTPException or OSError where the next attempt may
        succeed.
        """
        client = self._open or await self._connect()
        self._open = None  # whatever fails leaves the conversation in an unknown state
        message = message_of(self._settings, mail, rendered)
        try:
            await client.send_message(message, sender=parseaddr(self._settings.smtp_sender)[1])
        except BaseException as error:
            client.close()
            if for_good := _for_good(error, self._settings):
                raise for_good from None
            raise
        self._open, self._used_at = client, time.monotonic()

    async def rest(self) -> None:
        """Close a connection that has been idle for a while."""
        if self._open and time.monotonic() - self._used_at >= KEPT_OPEN:
            await self.close()

    async def close(self) -> None:
        """Take leave of the mail server."""
        client, self._open = self._open, None
        if client:
            try:
                await client.quit(timeout=1)
            except (aiosmtplib.SMTPException, OSError):
                client.close()

    async def _connect(self) -> aiosmtplib.SMTP:
        chosen = self._settings
        client = aiosmtplib.SMTP(
            hostname=chosen.smtp_host,
            port=chosen.smtp_port,
            use_tls=chosen.smtp_secure,
            start_tls=False if chosen.smtp_secure else None,  # None: if it is offered
            timeout=TIMEOUT,
        )
        try:
            await client.connect()
            self._refuse_without_tls(client)
            await self._authenticate(client)
        except BaseException:
            client.close()
            raise
        return client

    def _refuse_without_tls(self, client: aiosmtplib.SMTP) -> None:
        """Raise MisconfiguredError if a mail or the password would be sent in the clear."""
        chosen = self._settings
        if client.get_transport_info("ssl_object") is not None:
            return
        if chosen.smtp_require_tls:
            raise MisconfiguredError(
                "the mail server offers no TLS on this port: set AUTH_SMTP_SECURE=true and its "
                "port, or AUTH_SMTP_REQUIRE_TLS=false if it runs on this machine"
            )
        shows_password = chosen.smtp_auth_method != "CRAM-MD5" and not is_loopback(chosen.smtp_host)
        if chosen.smtp_user and shows_password:
            raise MisconfiguredError(
                f"AUTH_SMTP_AUTH_METHOD = {chosen.smtp_auth_method} would show the password to the "
                "network, as the mail server offers no TLS"
            )

    async def _authenticate(self, client: aiosmtplib.SMTP) -> None:
        chosen = self._settings
        if not chosen.smtp_user:
            return
        await client.ehlo()  # again, after STARTTLS (RFC 3207, section 4.2)
        login = {
            "PLAIN": client.auth_plain,
            "LOGIN": client.auth_login,
            "CRAM-MD5": client.auth_crammd5,
        }[chosen.smtp_auth_method]
        try:
            await login(chosen.smtp_user, chosen.smtp_password.get_secret_value())
        except aiosmtplib.SMTPAuthenticationError as error:
            if error.code == _WANTS_TLS:
                raise MisconfiguredError(
                    "the mail server takes a login over TLS only: set AUTH_SMTP_SECURE=true, or "
                    "a port with STARTTLS"
                ) from None
            if error.code >= 500:
                raise MisconfiguredError(
                    f"the mail server refuses AUTH_SMTP_USER and AUTH_SMTP_PASS ({error.code})"
                ) from None
            raise


def _for_good(
    error: BaseException, settings: Settings
) -> RefusedMailError | MisconfiguredError | None:
    """Return what a refusal means that another attempt would meet too; None for any other error."""
    if isinstance(error, aiosmtplib.SMTPNotSupported):
        return RefusedMailError("the mail server takes no such address (SMTPUTF8)")
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        what, code = "recipient", error.recipients[0].code
    elif isinstance(error, aiosmtplib.SMTPSenderRefused):
        what, code = "mail" if error.code in _OF_THE_MAIL else "sender", error.code
    elif isinstance(error, aiosmtplib.SMTPDataError):
        what, code = "mail", error.code
    else:
        return None
    if code < 500:
        return None
    if what != "sender":
        return RefusedMailError(f"the mail server refuses the {what}: {code}")
    if code == _WANTS_LOGIN and not settings.smtp_user:
        return MisconfiguredError(
            "the mail server wants a login: set AUTH_SMTP_USER and AUTH_SMTP_PASS"
        )
    return MisconfiguredError(f"the mail server refuses AUTH_SMTP_SENDER ({code})")


def message_of(settings: Settings, mail: Mail, rendered: Rendered) -> EmailMessage:
    """The mail as it is sent, with the headers that Nhost's has. Its Message-ID never changes."""
    message = EmailMessage()
    message["From"] = settings.smtp_sender
    message["To"] = in_ascii(mail.recipient)
    message["Subject"] = one_line(rendered.subject)
    message["Date"] = format_datetime(mail.created_at)
    domain = parseaddr(settings.smtp_sender)[1].rpartition("@")[2]
    message["Message-ID"] = f"<{mail.id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies
    for name, value in rendered.headers.items():
        plain = in_plain_ascii(value)
        # Folding would break a link; a client that reads it finds a longer one in the text.
        if len(f"{name}: {plain}") <= LINE_MAX:
            message[name] = _plain_header(name, plain)
    message.set_content(rendered.text)
    message.add_alternative(rendered.html, subtype="html")
    return message


def in_ascii(address: str) -> str:
    """An address whose domain is in ASCII (RFC 5891)."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{idna.encode(domain, uts46=True).decode()}"


class _PlainHeader(UnstructuredHeader, BaseHeader):
    """A header that is written as it is, on one line: no encoded words, no folding."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_plain_header = HeaderRegistry(default_class=_PlainHeader, use_default_map=False)


def in_plain_ascii(text: str) -> str:
    """A text in ASCII without spaces, such as a URL: other characters are percent-encoded."""
    return quote(text, safe=string.punctuation)


def one_line(text: str) -> str:
    """A header's value: no line ends, so that no name can add a header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())

"""Sending a mail through the operator's mail server (SMTP, RFC 5321)."""

import re
import string
import time
from email.header import Header
from email.headerregistry import BaseHeader, HeaderRegistry
from email.message import EmailMessage
from email.policy import Policy
from email.utils import format_datetime, parseaddr
from typing import Any
from urllib.parse import quote

import aiosmtplib
import idna

from auth.email_addresses import ENCODED_WORD
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
_SHORT = 66
"""Characters of a subject that fit into the 78 that a line should have (RFC 5322, 2.1.1)."""
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
        try:
            message = message_of(self._settings, mail, rendered)
            recipient = in_ascii(mail.recipient)
        except ValueError:
            raise RefusedMailError("its address or subject cannot be written") from None
        client = self._open or await self._connect()
        self._open = None  # whatever fails leaves the conversation in an unknown state
        sender = parseaddr(self._settings.smtp_sender)[1]
        try:
            await client.send_message(message, sender=sender, recipients=[recipient])
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
    """The mail as it is sent, with the headers that Nhost's has. Its Message-ID never changes.

    What strangers may have chosen is in verbatim headers. Raises ValueError.
    """
    message = EmailMessage()
    message["From"] = settings.smtp_sender
    message["To"] = _verbatim("To", in_ascii(mail.recipient))
    message["Subject"] = _verbatim("Subject", subject_of(rendered.subject))
    message["Date"] = format_datetime(mail.created_at)
    domain = parseaddr(settings.smtp_sender)[1].rpartition("@")[2]
    message["Message-ID"] = f"<{mail.id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies
    for name, value in rendered.headers.items():
        plain = in_plain_ascii(value)
        # Folding would break a link; a client that reads it finds a longer one in the text.
        if len(f"{name}: {plain}") <= LINE_MAX:
            message[name] = _verbatim(name, plain)
    message.set_content(rendered.text)
    message.add_alternative(rendered.html, subtype="html")
    return message


def in_ascii(address: str) -> str:
    """An address whose domain is in ASCII (RFC 5891).

    Raises ValueError, also for an account older than the rule against encoded words: a mail server
    could read another address.
    """
    local, _, domain = address.rpartition("@")
    if ENCODED_WORD in local:
        raise ValueError("an encoded word")
    return f"{local}@{idna.encode(domain, uts46=True).decode()}"


class _VerbatimHeader(BaseHeader):
    """A header that is written as it is: nothing in it is decoded.

    Python's own headers decode the encoded words (RFC 2047) of a value, and line ends in them would
    begin another header. Here a line ends only where the next one is its continuation.
    """

    @classmethod
    def parse(cls, value: str, kwds: dict[str, Any]) -> None:
        if re.search(r"[\x00-\x09\x0b-\x1f\x7f]|\n(?! )", value):
            raise ValueError("a control character in a header")
        kwds["parse_tree"], kwds["decoded"] = None, value

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}".replace("\n", policy.linesep) + policy.linesep


_verbatim = HeaderRegistry(
    default_class=_VerbatimHeader,  # type: ignore[arg-type] # a parser's attributes are not needed
    use_default_map=False,
)


def in_plain_ascii(text: str) -> str:
    """A text in ASCII without spaces, such as a URL: other characters are percent-encoded.

    So is the question mark of what looks like an encoded word, which a mail client would decode.
    """
    return quote(text, safe=string.punctuation).replace(ENCODED_WORD, "=%3F")


def subject_of(text: str) -> str:
    """A subject on one line; in encoded words (RFC 2047) unless it is short and in ASCII."""
    line = one_line(text)
    if line.isascii() and ENCODED_WORD not in line and len(line) <= _SHORT:
        return line
    return Header(line, "utf-8", header_name="Subject").encode()


def one_line(text: str) -> str:
    """A header's value: no line ends, so that no name can add a header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())

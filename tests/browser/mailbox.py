"""The mailbox of a server without a mail server, as a person reads it."""

from playwright.sync_api import Page, expect

from tests.support import Server

BY_MAIL = {"AUTH_OTP_EMAIL_ENABLED": "true", "AUTH_EMAIL_PASSWORDLESS_ENABLED": "true"}
"""For `running_server`: users may sign in with a code or a link."""


def open_mail(page: Page, server: Server, subject: str, *, mails: int) -> None:
    """Open the newest mail with this subject in the mailbox, once there are so many mails."""
    server.mails(at_least=mails)
    page.goto(f"{server.url}/mailbox")
    page.get_by_role("link", name=subject, exact=True).first.click()
    expect(page.get_by_role("heading", name=subject)).to_be_visible()


def follow_link(page: Page, server: Server, subject: str, *, mails: int) -> None:
    """Open a mail, and the page behind its link."""
    open_mail(page, server, subject, mails=mails)
    page.get_by_role("link", name="Follow the link").click()
    page.wait_for_url("**/verify?**")

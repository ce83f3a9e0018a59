"""The operator's lists of addresses and domains."""

import pytest

from auth import access_lists
from config import Settings


@pytest.mark.parametrize(
    ("lists", "address", "welcome"),
    [
        ({}, "joe@example.com", True),
        ({"allowed_emails": ("joe@example.com",)}, "joe@example.com", True),
        ({"allowed_emails": ("joe@example.com",)}, "eve@example.com", False),
        ({"allowed_emails": ("Joe@EXAMPLE.com",)}, "joe@example.com", True),
        ({"allowed_email_domains": ("Example.COM",)}, "joe@example.com", True),
        ({"allowed_email_domains": ("example.com",)}, "joe@sub.example.com", False),
        ({"allowed_email_domains": ("example.com",)}, "joe@notexample.com", False),
        ({"allowed_email_domains": ("bücher.example",)}, "joe@xn--bcher-kva.example", True),
        ({"blocked_email_domains": ("example.com",)}, "joe@example.com", False),
        ({"blocked_email_domains": ("example.com",)}, "joe@example.org", True),
        ({"blocked_emails": ("JOE@example.com",)}, "joe@example.com", False),
        ({"blocked_emails": ("joe@example.com.",)}, "joe@example.com", False),
        ({"blocked_email_domains": ("example.com.",)}, "joe@example.com", False),
        # An address goes before its domain, and a block before a permission.
        (
            {"allowed_emails": ("joe@evil.com",), "blocked_email_domains": ("evil.com",)},
            "joe@evil.com",
            True,
        ),
        (
            {"blocked_emails": ("joe@example.com",), "allowed_emails": ("joe@example.com",)},
            "joe@example.com",
            False,
        ),
        (
            {"blocked_email_domains": ("a.test",), "allowed_email_domains": ("a.test",)},
            "joe@a.test",
            False,
        ),
    ],
)
def test_the_first_list_that_has_an_address_decides(
    lists: dict[str, tuple[str, ...]], address: str, welcome: bool
) -> None:
    assert access_lists.is_welcome(Settings(**lists), address) is welcome  # type: ignore[arg-type]

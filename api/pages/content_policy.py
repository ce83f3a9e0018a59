"""Content Security Policies (CSP level 3): what a browser may load for a response."""

NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""For responses other than pages."""


def page_policy(nonce: str) -> str:
    """Return the policy of a page of Postern's files, whose scripts and styles have the nonce."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'nonce-{nonce}'",
            "worker-src 'self'",
            f"style-src 'nonce-{nonce}'",
            "connect-src 'self'",
            "font-src data:",
            "img-src 'self' data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )


def operators_policy(nonce: str) -> str:
    """Return the policy of the dashboard: no text becomes a script or HTML, wherever it came from.

    It shows what strangers have typed to those who may do anything, so its scripts may not even
    use `innerHTML`: no Trusted Types policy exists.
    """
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'nonce-{nonce}'",
            f"style-src 'nonce-{nonce}'",
            "connect-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


def form_policy(nonce: str, leads_to: str = "") -> str:
    """Return the policy of a page without scripts, whose forms are sent to this server.

    Browsers apply it to redirects too: `leads_to` is where the answer may redirect.
    """
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src 'nonce-{nonce}'",
            "img-src data:",
            "frame-src 'self'",
            "base-uri 'none'",
            f"form-action 'self' {leads_to}".rstrip(),
            "frame-ancestors 'none'",
        ]
    )


MAIL = "; ".join(
    [
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src data: https:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
        "sandbox allow-popups allow-popups-to-escape-sandbox",
    ]
)
"""For the HTML of a mail, which is shown in a frame."""

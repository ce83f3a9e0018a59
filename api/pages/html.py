"""Our own small pages: no script, one style, and a policy that lets nothing else in."""

import secrets

from jinja2 import Environment, PackageLoader
from starlette.responses import HTMLResponse

from api.pages import content_policy

_templates = Environment(
    loader=PackageLoader("api.pages"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


def page(
    name: str, *, lang: str = "en", status: int = 200, leads_to: str = "", **shown: object
) -> HTMLResponse:
    """Return a page of `api/pages/templates`; what it shows is escaped. No cache keeps it.

    `leads_to` is the origin to which the answer to its form may redirect.
    """
    nonce = secrets.token_urlsafe(16)
    html = _templates.get_template(name).render(nonce=nonce, lang=lang, **shown)
    headers = {
        "content-security-policy": content_policy.form_policy(nonce, leads_to),
        "cache-control": "no-store",
    }
    return HTMLResponse(html, status, headers)

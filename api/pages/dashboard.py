"""The dashboard: the operators' page. It calls `/graphql` and `/admin/graphql`, and nobody else."""

import json
import secrets

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from api.pages import content_policy, static_files
from config.settings import Settings

PATH = "/dashboard"
_PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Postern</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="dashboard/dashboard.css" nonce="{nonce}">
    <script type="module" src="dashboard/dashboard.js" nonce="{nonce}"></script>
  </head>
  <body>
    <div id="dashboard">
      <noscript>The dashboard needs JavaScript. Everything in it can also be done at
      /admin/graphql, and most of it with the command line.</noscript>
    </div>
  </body>
</html>
"""


def routes(settings: Settings) -> list[Route]:
    """Return the routes of the page and its files; none if the operators' interface is off.

    The page is served also while there is no operator: it says how to make the first one.
    """
    if settings.admin_enabled is False:
        return []
    return [
        Route(PATH, page),
        Route(PATH + "/", without_slash),
        Route(PATH + "/{name}", static_files.serve(is_file)),
    ]


async def page(_request: Request) -> HTMLResponse:
    """Return the page, with a policy that allows only its own files."""
    nonce = secrets.token_urlsafe(16)
    headers = {
        "content-security-policy": content_policy.operators_policy(nonce),
        "cache-control": "no-store",
        "cross-origin-opener-policy": "same-origin",
    }
    return HTMLResponse(_PAGE.replace("{nonce}", nonce), headers=headers)


async def without_slash(_request: Request) -> Response:
    """Redirect to the page: its files are relative to `/dashboard`."""
    return Response(status_code=303, headers={"location": "../dashboard"})


def documents() -> dict[str, str]:
    """Return what the page asks `/graphql`, by its SHA-256."""
    found: dict[str, str] = json.loads(static_files.text_of("dashboard.documents.json"))
    return found


def is_file(name: str) -> bool:
    """Return whether a built file is one of the dashboard's."""
    return name.startswith("dashboard.")

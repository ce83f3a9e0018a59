"""GraphiQL, from files that `web/` builds: the page requests nothing from other hosts."""

import secrets
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from api.pages import content_policy, dashboard, static_files

PATH = "/graphiql/{name}"
"""Where the page's scripts and styles are."""
file = static_files.serve(lambda name: not dashboard.is_file(name))
WHERE = {
    "graphql": "graphql",
    "openapi": "openapi.json",
    "jwks": ".well-known/jwks.json",
    "health": "healthz",
}
"""The server's addresses, relative to `/`, so that they also hold below a proxy's path prefix."""
_PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Postern: GraphiQL</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="graphiql/graphiql.css" nonce="{nonce}">
    <script type="module" src="graphiql/graphiql.js" nonce="{nonce}"></script>
  </head>
  <body>
    <main id="graphiql">
      <noscript>GraphiQL needs JavaScript. Any GraphQL client can talk to this address.</noscript>
    </main>
  </body>
</html>
"""


def page() -> HTMLResponse:
    """Return the page, with a policy that allows only its own files."""
    nonce = secrets.token_urlsafe(16)
    headers = {"content-security-policy": content_policy.page_policy(nonce)}
    return HTMLResponse(_PAGE.replace("{nonce}", nonce), headers=headers)


def front(*, has_page: bool) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of `/`: redirect browsers to the page, if any; list addresses otherwise.

    The redirect is relative: it contains neither the request's host nor a path prefix.
    """

    async def answer(request: Request) -> Response:
        headers = {"vary": "accept"}
        if has_page and "text/html" in request.headers.get("accept", "").lower():
            return Response(status_code=303, headers=headers | {"location": WHERE["graphql"]})
        return JSONResponse(WHERE, headers=headers)

    return answer

"""`/admin/graphql`: the operators' schema over HTTP, for operators and nobody else."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

from api.admin.context import AdminContext
from api.admin.schema import schema
from api.graphql.endpoint import GraphQLOverHttp, Handled
from api.graphql.operations import Operations
from api.http import count_request, postern_of
from auth.live_settings import Live
from auth.operators import authority

PATH = "/admin/graphql"
SECRET_HEADER = "x-hasura-admin-secret"  # noqa: S105 - a name
"""The header of Hasura's own admin secret."""


class AdminEndpoint(GraphQLOverHttp):
    """Every request must come from an operator, before its operation is looked at."""

    methods = "POST"

    def __init__(self, live: Live) -> None:
        super().__init__(Operations(schema))
        self._live = live

    async def begun(self, request: Request) -> Handled:
        """Count the request, and find out which operator sends it. Raises AuthError."""
        postern = postern_of(request.scope)
        caller = await count_request(postern, request)
        if not await authority.is_open(postern, caller):
            raise HTTPException(404, "No such route.")
        await request.body()  # a slow one must not stretch the time for which somebody is asked
        secret = request.headers.get(SECRET_HEADER)
        operator = await authority.identify(postern, caller, secret)
        return Handled(AdminContext(postern, operator, self._live))

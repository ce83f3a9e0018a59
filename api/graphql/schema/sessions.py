"""Sessions: refreshing, ending and elevating them."""

from typing import Annotated

import strawberry

from api import contract
from api.graphql.context import Info
from api.graphql.schema.arguments import argument, credential
from api.graphql.types import Session
from auth.sessions import elevation, ending, refreshing


@strawberry.type
class Sessions:
    @strawberry.mutation(description=str(contract.REFRESH))
    async def refresh_session(
        self,
        info: Info,
        refresh_token: Annotated[str, credential("The `refreshToken` of the last `Session`.")],
    ) -> Session:
        answer = await refreshing.refresh_session(
            info.context.postern, info.context.caller, refresh_token
        )
        return Session.of(answer)

    @strawberry.mutation(description=str(contract.SIGN_OUT))
    async def sign_out(
        self,
        info: Info,
        refresh_token: Annotated[
            str | None, credential("The `refreshToken` of the session to end.")
        ] = strawberry.UNSET,
        all_: Annotated[
            bool | None,
            strawberry.argument(
                name="all", description="End all sessions of the signed-in user instead."
            ),
        ] = False,
    ) -> bool:
        await ending.sign_out(
            info.context.postern, info.context.caller, refresh_token or None, everywhere=bool(all_)
        )
        return True

    @strawberry.mutation(description=str(contract.REVOKE_SESSION))
    async def revoke_session(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The `id` of a `UserSession`.")],  # noqa: A002
    ) -> bool:
        return await ending.revoke_session(info.context.postern, info.context.caller, id)

    @strawberry.mutation(description=str(contract.REVOKE_DEVICE))
    async def revoke_trusted_device(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The `id` of a `TrustedDevice`.")],  # noqa: A002
    ) -> bool:
        return await ending.revoke_trusted_device(info.context.postern, info.context.caller, id)

    @strawberry.mutation(description=str(contract.ELEVATE))
    async def elevate(
        self,
        info: Info,
        password: Annotated[
            str | None, credential("The password; required while the second factor is off.")
        ] = strawberry.UNSET,
        code: Annotated[
            str | None,
            credential(
                "A one-time code or a recovery code; required while the second factor is on."
            ),
        ] = strawberry.UNSET,
    ) -> Session:
        answer = await elevation.elevate(
            info.context.postern, info.context.caller, password or None, code or None
        )
        return Session.of(answer)

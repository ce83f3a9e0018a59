"""The GraphQL schema: each resolver reads its arguments, calls one flow and shapes the answer."""

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.types.base import StrawberryObjectDefinition

from api import contract
from api.graphql.context import Info
from api.graphql.schema.account import Account
from api.graphql.schema.arguments import CREDENTIAL
from api.graphql.schema.passkeys import Passkeys
from api.graphql.schema.second_factor import SecondFactor
from api.graphql.schema.sessions import Sessions
from api.graphql.schema.signing_in import SigningIn
from api.graphql.types import ErrorCode, User
from auth.sessions import current


@strawberry.type(description="Everything that can be asked without changing anything.")
class Query:
    @strawberry.field(description=str(contract.ME))
    async def me(self, info: Info) -> User | None:
        viewer = await current.me(info.context.postern, info.context.caller)
        return User.of(viewer.user, viewer.session.id) if viewer else None


@strawberry.type(description="Everything that changes something.")
class Mutation(Account, Sessions, SecondFactor, Passkeys, SigningIn):
    pass


schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    types=[ErrorCode],
    config=StrawberryConfig(auto_camel_case=True),
)


def _credentials() -> frozenset[str]:
    """Return the schema's names of the arguments that are declared as credentials."""
    mutation = schema.get_type_by_name("Mutation")
    assert isinstance(mutation, StrawberryObjectDefinition)  # noqa: S101 - it is the schema above
    return frozenset(
        schema.config.name_converter.from_argument(argument)
        for field in mutation.fields
        for argument in field.arguments
        if argument.metadata.get(CREDENTIAL)
    )


CREDENTIALS = _credentials()

"""The operators' GraphQL schema."""

import strawberry
from strawberry.schema.config import StrawberryConfig

from api.admin.mutations import Mutation
from api.admin.queries import Query
from api.admin.types import ErrorCode

schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    types=[ErrorCode],
    config=StrawberryConfig(auto_camel_case=True),
)

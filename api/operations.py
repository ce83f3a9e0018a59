"""One GraphQL operation: read and checked once, however often it is sent, and run."""

from functools import lru_cache
from inspect import isawaitable
from typing import Any, NamedTuple

import strawberry
from graphql import (
    ASTValidationRule,
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    NoSchemaIntrospectionCustomRule,
    OperationType,
    execute,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)
from starlette.exceptions import HTTPException

from api.context import Context
from api.limits import OperationLimits

MAX_TOKENS = 1000
"""Words and brackets of a document; the introspection of a code generator has about 180."""
REMEMBERED = 256
"""How many different documents stay read and checked; clients send few, attackers many."""


class Document(NamedTuple):
    """What stands in a text, or what is wrong with it."""

    parsed: DocumentNode | None
    errors: list[GraphQLError]


class Operations:
    """The operations of a schema, within the bounds of what one may ask for.

    Without introspection nothing is told of the schema either by "did you mean".
    """

    def __init__(self, schema: strawberry.Schema, *, introspection: bool = True) -> None:
        self._schema = schema._schema  # noqa: SLF001 - graphql-core's own, which runs operations
        self._introspection = introspection
        hidden = [] if introspection else [NoSchemaIntrospectionCustomRule]
        self._rules: list[list[type[ASTValidationRule]]] = [
            [OperationLimits],
            [*specified_rules, *hidden],
        ]
        self.document = lru_cache(REMEMBERED)(self._document)
        """The document in a text, and what is wrong with it."""

    async def run(
        self,
        text: str,
        context: Context,
        variables: dict[str, Any] | None = None,
        name: str | None = None,
        *,
        only_query: bool = False,
    ) -> ExecutionResult:
        """What the operation answers, its errors as graphql-core says them.

        Raises HTTPException: 400 where there is no such operation, 405 for a mutation where it is
        `only_query`.
        """
        document, errors = self.document(text)
        if document:
            operation = get_operation_ast(document, name)
            if operation is None:
                raise HTTPException(400, "operationName: expected one of the document's.")
            if only_query and operation.operation is not OperationType.QUERY:
                raise HTTPException(405, "Expected POST for a mutation.", {"allow": "POST"})
        if errors or document is None:
            return ExecutionResult(None, errors)
        result = execute(
            self._schema,
            document,
            context_value=context,
            variable_values=variables,
            operation_name=name,
            hide_suggestions=not self._introspection,
        )
        return await result if isawaitable(result) else result

    def _document(self, text: str) -> Document:
        try:
            parsed = parse(text, max_tokens=MAX_TOKENS)
        except GraphQLError as error:
            return Document(None, [error.with_traceback(None)])  # which holds the whole parser
        hidden = not self._introspection
        for rules in self._rules:  # first what bounds the work that the others make
            if errors := validate(self._schema, parsed, rules, hide_suggestions=hidden):
                return Document(parsed, errors)
        return Document(parsed, [])

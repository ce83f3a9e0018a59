"""Parsing, validating and running GraphQL operations; parsed documents are cached."""

import hashlib
import sys
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, cast

import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    execute,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)
from starlette.exceptions import HTTPException

from api.graphql.limits import too_much
from api.graphql.plans import Plan, planned

MAX_CHARACTERS = 16 * 1024
"""Maximum length of a document. graphql-core reads each character: 64 KiB of escapes took 17 ms."""
MAX_TOKENS = 1000
"""Tokens of a document; a code generator's introspection has about 180."""
REMEMBERED_BYTES = 16 * 1024 * 1024
"""Memory for cached documents; clients send few different ones, attackers many."""
REMEMBERED_ANSWERS = 16
"""How many introspection results are cached; clients send few, and each has at most 60 KB."""
_TOKEN_BYTES, _ENTRY_BYTES = 960, 1024
"""Memory of one token of a parsed document with its plan (measured), and of the entry itself."""


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document, or its errors."""

    parsed: DocumentNode | None
    """None if there is an error: a refused document is not kept."""
    operations: dict[str | None, OperationType] | None
    """The kinds of its operations by name; None if the text cannot be parsed."""
    errors: list[GraphQLError]
    """At most one error: the first that was found."""
    plans: dict[str | None, Plan | None] = field(default_factory=dict)
    """The plans of those operations that have been run, by name."""

    def operation(self, name: str | None) -> OperationType | None:
        """Return the kind of the operation with this name, or of the only one without a name."""
        operations = self.operations or {}
        if name is None and len(operations) == 1:
            return next(iter(operations.values()))
        return operations.get(name) if name else None

    def plan(self, schema: GraphQLSchema, name: str | None) -> Plan | None:
        """Return the plan of the operation that `operation` finds by this name, if it has one."""
        if name not in self.plans:
            found = get_operation_ast(self.parsed, name) if self.parsed else None
            self.plans[name] = (
                planned(schema, self.parsed, found) if self.parsed and found else None
            )
        return self.plans[name]

    @property
    def size(self) -> int:
        """Approximate memory, in bytes."""
        names = sum(len(name or "") for name in self.operations or ())
        said = sum(len(error.message) for error in self.errors)
        if not self.parsed or not self.parsed.loc:
            return _ENTRY_BYTES + names + said
        # The text is kept beside its nodes, and its comments once more.
        text = self.parsed.loc.source.body
        words = (self.parsed.token_count or 0) + text.count("#")
        return _ENTRY_BYTES + names + said + words * _TOKEN_BYTES + 2 * sys.getsizeof(text)


class RememberedDocuments:
    """A cache of the last used documents, of bounded size, by a digest of the text."""

    def __init__(self, limit: int = REMEMBERED_BYTES) -> None:
        self._limit, self.size = limit, 0
        self._documents: OrderedDict[bytes, Document] = OrderedDict()

    def __len__(self) -> int:
        return len(self._documents)

    def get(self, digest: bytes) -> Document | None:
        """Return the document with this digest, if it is still cached."""
        found = self._documents.get(digest)
        if found:
            self._documents.move_to_end(digest)
        return found

    def add(self, digest: bytes, document: Document) -> None:
        """Cache the document, and drop the least recently used ones."""
        self._documents[digest] = document
        self.size += document.size
        while self.size > self._limit:
            _, oldest = self._documents.popitem(last=False)
            self.size -= oldest.size


class Operations:
    """Runs operations of a schema, within the limits of `limits`.

    An operation may have one field with an argument among `credentials`.

    Without introspection, messages contain no suggestions ("Did you mean …") either.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        credentials: Collection[str] = (),
        *,
        introspection: bool = True,
    ) -> None:
        self._schema = schema._schema  # noqa: SLF001 - graphql-core's own, which runs operations
        self._credentials = credentials
        self._introspection = introspection
        hidden = [] if introspection else [NoSchemaIntrospectionCustomRule]
        self._rules = [*specified_rules, *hidden]
        self.remembered = RememberedDocuments()
        self._answers: dict[tuple[bytes, str | None], ExecutionResult] = {}

    async def run(
        self,
        text: str,
        context: object,
        variables: dict[str, Any] | None = None,
        name: str | None = None,
        *,
        only_query: bool = False,
    ) -> ExecutionResult:
        """Run the operation; its errors have graphql-core's messages.

        Raises HTTPException: 400 if there is no such operation, 405 for a mutation if `only_query`
        is set.
        """
        document = self.document(text)
        if document.operations is not None:
            kind = document.operation(name)
            if kind is None:
                raise HTTPException(400, "operationName: expected one of the document's.")
            if only_query and kind is not OperationType.QUERY:
                raise HTTPException(405, "Expected POST for a mutation.", {"allow": "POST"})
        parsed = document.parsed
        if parsed is None:
            return ExecutionResult(None, document.errors)

        async def executed(**more: Any) -> ExecutionResult:
            result = execute(
                self._schema,
                parsed,
                context_value=context,
                variable_values=variables,
                operation_name=name,
                max_coercion_errors=1,
                hide_suggestions=not self._introspection,
                **more,
            )
            return await result if isawaitable(result) else result

        if plan := document.plan(self._schema, name):
            return await plan.run(context, variables, executed)
        if _asks_the_schema_alone(parsed, name):
            return self._introspected(text, name, parsed)
        return await executed()

    def _introspected(self, text: str, name: str | None, parsed: DocumentNode) -> ExecutionResult:
        """Return the result of an introspection, cached since it never changes (about 12 ms)."""
        key = hashlib.sha256(text.encode()).digest(), name
        result = self._answers.get(key)
        if result is None:
            ran = execute(self._schema, parsed, operation_name=name)
            result = cast("ExecutionResult", ran)  # introspection is not asynchronous
            if len(self._answers) >= REMEMBERED_ANSWERS:
                self._answers.clear()
            self._answers[key] = result
        return result

    def document(self, text: str) -> Document:
        """Parse and validate a text, or return the cached document."""
        if len(text) > MAX_CHARACTERS:
            error = GraphQLError(f"Expected a document of at most {MAX_CHARACTERS} characters.")
            return Document(None, None, [error])
        digest = hashlib.sha256(text.encode()).digest()
        document = self.remembered.get(digest)
        if document is None:
            document = self._read(text)
            self.remembered.add(digest, document)
        return document

    def _read(self, text: str) -> Document:
        try:
            parsed = parse(text, max_tokens=MAX_TOKENS)
        except GraphQLError as error:
            return Document(None, None, [_on_its_own(error)])
        operations = {
            one.name.value if one.name else None: one.operation
            for one in parsed.definitions
            if isinstance(one, OperationDefinitionNode)
        }
        if refused := too_much(parsed, self._credentials):
            return Document(None, operations, [_on_its_own(refused)])
        hidden = not self._introspection
        errors = validate(self._schema, parsed, self._rules, 1, hide_suggestions=hidden)
        if errors:
            return Document(None, operations, [_on_its_own(errors[0])])
        return Document(parsed, operations, [])


def _asks_the_schema_alone(parsed: DocumentNode, name: str | None) -> bool:
    """Return whether an operation selects only the schema, and takes no variables."""
    operation = get_operation_ast(parsed, name)
    return (
        operation is not None
        and operation.operation is OperationType.QUERY
        and not operation.variable_definitions
        and all(
            isinstance(selected, FieldNode) and selected.name.value.startswith("__")
            for selected in operation.selection_set.selections
        )
    )


def _on_its_own(error: GraphQLError) -> GraphQLError:
    """Return the error without its references to the document, which would keep it in memory."""
    alone = GraphQLError(error.message)
    alone.locations = error.locations
    return alone

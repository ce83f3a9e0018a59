"""Plans: how a known operation is run without graphql-core's general executor.

The executor decides at each request anew what a document has fixed: which fields are selected, how
their values are completed. A plan decides it once. It exists for an operation that asks for one
field, and of its result only what the objects already hold. Whatever is unusual (a refusal, a null
in a wrong place) is shown by the executor, as if it had run: it is given what the field answered.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLID,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLString,
    GraphQLType,
    GraphQLUnionType,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    Undefined,
    VariableNode,
    get_argument_values,
    get_variable_values,
    is_abstract_type,
    is_leaf_type,
    type_from_ast,
)
from graphql.execution.values import VariableValues
from graphql.pyutils import Path, is_awaitable
from graphql.type import GraphQLResolveInfoHelpers

Info = GraphQLResolveInfo[Any]
Complete = Callable[[Any, Info], Any]
"""Turns what a resolver has returned into what the response shows. Raises UnusualError."""


Execute = Callable[..., Awaitable[ExecutionResult]]


class UnusualError(Exception):
    """Something that a plan does not do: the executor has to."""


def _no_helper(*_: object) -> Any:
    raise UnusualError


_TEXTS = {GraphQLString, GraphQLID}
_HELPERS = GraphQLResolveInfoHelpers(_no_helper, _no_helper)


@dataclass(frozen=True)
class Texts:
    """The variables and arguments of an operation that takes only texts, each from one variable.

    A text is what it is: nothing has to be coerced.
    """

    variables: Sequence[tuple[str, bool]]
    """The names of the variables, and whether each may be null or left out."""
    arguments: Sequence[tuple[str, str]]
    """The names of the arguments, and of their variables."""

    def read(self, variables: dict[str, Any]) -> dict[str, str | None] | None:
        """Return the values of the variables; None if one of them is not what it should be."""
        values = {}
        for name, optional in self.variables:
            value = variables.get(name, Undefined)
            if type(value) is str or (value is None and optional):
                values[name] = value
            elif value is not Undefined or not optional:
                return None
        return values


@dataclass(frozen=True)
class Plan:
    """How one operation of a document is run."""

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    parent: GraphQLObjectType
    key: str
    nodes: list[FieldNode]
    field: GraphQLField
    resolve: Callable[..., Any]
    texts: Texts | None
    complete: Complete

    async def run(
        self, context: object, variables: dict[str, Any] | None, executed: Execute
    ) -> ExecutionResult:
        """Run the operation; `executed` runs it by graphql-core, with more options."""
        try:
            info, given = self._begun(context, variables or {})
        except (UnusualError, GraphQLError):  # nothing has run
            return await executed()
        found, refusal = await self._resolved(info, given)
        if refusal is None:
            with suppress(Exception):  # the executor says what is wrong, and where
                return ExecutionResult({self.key: self.complete(found, info)}, None)

        def answered(resolve: Any, source: Any, info: Info, /, **given: Any) -> Any:
            if info.path.prev is not None:
                return resolve(source, info, **given)
            if refusal is not None:
                raise refusal
            return found

        return await executed(middleware=[answered])

    async def _resolved(self, info: Info, given: dict[str, Any]) -> tuple[Any, Exception | None]:
        """Return what the field answers, or the exception that it raises."""
        try:
            found = self.resolve(None, info, **given)
            return (await found if isawaitable(found) else found), None
        except Exception as error:
            return None, error

    def _begun(self, context: object, variables: dict[str, Any]) -> tuple[Info, dict[str, Any]]:
        node = self.nodes[0]
        texts = self.texts.read(variables) if self.texts else None
        if self.texts and texts is not None:
            values = VariableValues({}, texts)
            given = {name: texts[of] for name, of in self.texts.arguments if of in texts}
        else:
            values, given = self._coerced(node, variables)
        info = Info(
            node.name.value,
            self.nodes,
            self.field.type,
            self.parent,
            Path(None, self.key, self.parent.name),
            self.schema,
            self.fragments,
            None,
            self.operation,
            values,
            context,
            is_awaitable,
            None,
            _HELPERS,
        )
        return info, given

    def _coerced(
        self, node: FieldNode, variables: dict[str, Any]
    ) -> tuple[VariableValues, dict[str, Any]]:
        definitions = self.operation.variable_definitions or ()
        values = get_variable_values(self.schema, definitions, variables, 1)
        if isinstance(values, list):
            raise UnusualError
        given = get_argument_values(self.field, node, values) if self.field.args else {}
        return values, given


def planned(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
) -> Plan | None:
    """Return the plan of an operation of a valid document; None if it has none."""
    if operation.operation is OperationType.SUBSCRIPTION:
        return None
    parent = schema.get_root_type(operation.operation)
    fragments = {
        one.name.value: one
        for one in document.definitions
        if isinstance(one, FragmentDefinitionNode)
    }
    planner = _Planner(schema, fragments)
    try:
        if parent is None or operation.directives:
            return None
        selected = planner.selected(parent, operation.selection_set.selections)
        ((key, nodes),) = selected.items()
        field = parent.fields[nodes[0].name.value]
        complete = planner.completion(field.type, nodes)
    except (UnusualError, ValueError, KeyError):  # another selection than one field of its own
        return None
    if field.resolve is None:
        return None
    texts = _texts(schema, operation, nodes[0], field)
    return Plan(
        schema, operation, fragments, parent, key, nodes, field, field.resolve, texts, complete
    )


def _texts(
    schema: GraphQLSchema, operation: OperationDefinitionNode, node: FieldNode, field: GraphQLField
) -> Texts | None:
    """Return what the operation takes, if that is only texts."""
    variables, arguments = [], []
    for definition in operation.variable_definitions or ():
        kind = type_from_ast(schema, definition.type)
        if not _is_text(kind) or definition.default_value:
            return None
        variables.append((definition.variable.name.value, not isinstance(kind, GraphQLNonNull)))
    given = {each.name.value: each.value for each in node.arguments or ()}
    for name, argument in field.args.items():
        value = given.get(name)
        if isinstance(value, VariableNode) and _is_text(argument.type):
            arguments.append((argument.out_name or name, value.name.value))
        elif value or argument.default or argument.default_value is not Undefined:
            return None
    return Texts(variables, arguments)


def _is_text(kind: GraphQLType | None) -> bool:
    return (kind.of_type if isinstance(kind, GraphQLNonNull) else kind) in _TEXTS


@dataclass(frozen=True)
class _Planner:
    schema: GraphQLSchema
    fragments: dict[str, FragmentDefinitionNode]

    def selected(
        self, parent: GraphQLObjectType, selections: Iterable[SelectionNode]
    ) -> dict[str, list[FieldNode]]:
        """Return what is selected of this type, in the order of the response."""
        found: dict[str, list[FieldNode]] = {}
        self._collect(parent, selections, found, set())
        return found

    def _collect(
        self,
        parent: GraphQLObjectType,
        selections: Iterable[SelectionNode],
        found: dict[str, list[FieldNode]],
        seen: set[str],
    ) -> None:
        for each in selections:
            if each.directives:
                raise UnusualError
            if isinstance(each, FieldNode):
                key = each.alias.value if each.alias else each.name.value
                found.setdefault(key, []).append(each)
            elif isinstance(each, InlineFragmentNode):
                if self._concerns(each, parent):
                    self._collect(parent, each.selection_set.selections, found, seen)
            elif isinstance(each, FragmentSpreadNode) and each.name.value not in seen:
                seen.add(each.name.value)
                fragment = self.fragments[each.name.value]
                if fragment.directives or fragment.variable_definitions:
                    raise UnusualError
                if self._concerns(fragment, parent):
                    self._collect(parent, fragment.selection_set.selections, found, seen)

    def _concerns(
        self, fragment: InlineFragmentNode | FragmentDefinitionNode, parent: GraphQLObjectType
    ) -> bool:
        if fragment.type_condition is None:
            return True
        wanted = self.schema.get_type(fragment.type_condition.name.value)
        return wanted is parent or (
            is_abstract_type(wanted) and self.schema.is_sub_type(wanted, parent)
        )

    def completion(self, kind: GraphQLOutputType, nodes: Sequence[FieldNode]) -> Complete:
        """Return what completes values of this type (GraphQL, section 6.4.3)."""
        if isinstance(kind, GraphQLNonNull):
            return self._completion(kind.of_type, nodes)
        complete = self._completion(kind, nodes)
        return lambda value, info: None if value is None else complete(value, info)

    def _completion(self, kind: GraphQLOutputType, nodes: Sequence[FieldNode]) -> Complete:
        """Return what completes values that are there; a null raises UnusualError."""
        if isinstance(kind, GraphQLList):
            return self._list(self.completion(kind.of_type, nodes))
        if is_leaf_type(kind):
            return _leaf(kind.coerce_output_value)
        selections = [
            selection for node in nodes if node.selection_set
            for selection in node.selection_set.selections
        ]  # fmt: skip
        if isinstance(kind, GraphQLObjectType):
            return self._object(kind, selections)
        if isinstance(kind, GraphQLUnionType) and kind.resolve_type:
            return self._union(kind, selections)
        raise UnusualError

    def _list(self, complete: Complete) -> Complete:
        def listed(value: Any, info: Info) -> Any:
            if not isinstance(value, list | tuple):
                raise UnusualError
            return [complete(each, info) for each in value]

        return listed

    def _object(self, kind: GraphQLObjectType, selections: Sequence[SelectionNode]) -> Complete:
        if kind.is_type_of:
            raise UnusualError
        shown = [
            (key, *self._member(kind, nodes))
            for key, nodes in self.selected(kind, selections).items()
        ]

        def completed(value: Any, info: Info) -> Any:
            if value is None or isinstance(value, Exception):
                raise UnusualError
            return {
                key: complete(getattr(value, name) if name else None, info)
                for key, name, complete in shown
            }

        return completed

    def _member(self, kind: GraphQLObjectType, nodes: list[FieldNode]) -> tuple[str, Complete]:
        """Return the attribute that has a field's value, and what completes it."""
        name = nodes[0].name.value
        if name == "__typename":
            return "", lambda _value, _info: kind.name
        field = kind.fields[name]
        if not getattr(field.resolve, "_is_default", False) or field.args:
            raise UnusualError
        attribute = field.extensions["strawberry-definition"].python_name
        return attribute, self.completion(field.type, nodes)

    def _union(self, kind: GraphQLUnionType, selections: Sequence[SelectionNode]) -> Complete:
        by_name = {each.name: self._object(each, selections) for each in kind.types}
        resolve: Callable[..., Any] | None = kind.resolve_type

        def completed(value: Any, info: Info) -> Any:
            name = resolve(value, info, kind) if resolve else None
            if not isinstance(name, str) or name not in by_name:
                raise UnusualError
            return by_name[name](value, info)

        return completed


def _leaf(coerce: Callable[[Any], Any]) -> Complete:
    def completed(value: Any, _info: Info) -> Any:
        if value is None or isinstance(value, Exception):
            raise UnusualError
        shown = coerce(value)
        if shown is None or shown is Undefined:
            raise UnusualError
        return shown

    return completed

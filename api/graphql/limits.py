"""Limits of one document, checked before GraphQL's own validation rules run.

Definitions that no operation uses count too, since the rules check them as well.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
)

MAX_DEFINITIONS = 40
"""Operations and fragments; the validation rules compare fragments with each other."""
MAX_DEPTH = 20
"""Nested fields; a code generator's introspection has 13 to 15."""
MAX_ALIASES = 30
"""Fields under another name; generated operations have none or a few."""
MAX_COMPLEXITY = 400
"""Weighted fields of an operation with its fragments expanded; introspection has about 230. Also
the number of fields of a document, as written."""
MAX_COMPARISONS = 3000
"""Pairs of fields with the same response name, which GraphQL's rules compare; each pair is weighted
by the size of its arguments. Introspection has about 700; 400 equal fields would have 160,000."""
MAX_INTROSPECTION = 6000
"""Names and values in the result of an introspection, estimated with `LISTS`; a code generator's
introspection has about 5,400."""
WEIGHTS = {
    **dict.fromkeys(
        ("me", "recoveryCodesLeft", "securityEvents", "sessions", "passkeys",
         "acceptedPasskeysJson", "trustedDevices"), 20,
    ),
    # Of the operators' schema. A page of users has up to a hundred, so what belongs to each weighs.
    **dict.fromkeys(("users", "totalCount", "settings", "figures", "mails"), 60),
    **dict.fromkeys(("throttles", "settingChanges"), 40),
    **dict.fromkeys(
        ("addPasskey", "startSignInPasskey", "startElevatePasskey", "signUpPasskey"), 300,
    ),
}  # fmt: skip
"""Fields that query the database: at most twenty of them fit into one operation. Of those that
store a challenge, one does."""
LISTS = {
    "types": 30,
    "fields": 7,
    "enumValues": 4,
    "directives": 5,
    "locations": 4,
    "args": 1,
    "inputFields": 0.2,
    "interfaces": 0.2,
    "possibleTypes": 0.2,
    "ofType": 0.5,
    "__type": 4,
}
"""How many entries an introspection list has in this schema, on average; a `__type` has more."""


class _Count(NamedTuple):
    depth: int = 0
    aliases: int = 0
    complexity: int = 0
    guesses: int = 0
    answers: float = 0
    introspected: float = 0

    def beside(self, other: "_Count") -> "_Count":
        """Return the sum of both, for neighbouring selections."""
        return _Count(
            max(self.depth, other.depth),
            self.aliases + other.aliases,
            self.complexity + other.complexity,
            self.guesses + other.guesses,
            self.answers + other.answers,
            self.introspected + other.introspected,
        )

    def within(self, field: FieldNode, credentials: Collection[str]) -> "_Count":
        """Return this count as that of a field's selections, with the field itself."""
        name, given = field.name.value, field.arguments or ()
        answers = LISTS.get(name, 1) * (1 + self.answers)
        return _Count(
            self.depth + 1,
            self.aliases + (field.alias is not None),
            self.complexity + WEIGHTS.get(name, 1),
            self.guesses + any(argument.name.value in credentials for argument in given),
            answers,
            answers if name in {"__schema", "__type"} else self.introspected,
        )


def too_much(document: DocumentNode, credentials: Collection[str]) -> GraphQLError | None:
    """Return the error if the document exceeds a limit, else None.

    Aliases and fragments count each time they are used. Each fragment is counted only once, however
    often it is used, so counting costs no more than parsing. `credentials` are the arguments that
    contain a guessable secret, as a literal or a variable: an operation may have one such field.
    """
    definitions = document.definitions
    if len(definitions) > MAX_DEFINITIONS:
        return GraphQLError(f"Expected at most {MAX_DEFINITIONS} operations and fragments.")
    written = [field for field in _nodes(document) if isinstance(field, FieldNode)]
    if len(written) > MAX_COMPLEXITY:
        return GraphQLError(f"Expected at most {MAX_COMPLEXITY} fields, not {len(written)}.")
    if _comparisons(written) > MAX_COMPARISONS:
        return GraphQLError("Expected fewer fields of the same name; ask for each of them once.")
    fragments = {
        one.name.value: one for one in definitions if isinstance(one, FragmentDefinitionNode)
    }
    counting = _Counting(fragments, credentials)
    for operation in definitions:
        if isinstance(operation, OperationDefinitionNode):
            refused = _beyond_limits(counting.of(operation.selection_set), operation)
            if refused:
                return refused
    for name, fragment in fragments.items():
        if name not in counting.seen:
            return GraphQLError(f"Fragment '{name}' is never used.", fragment)
    return None


def _beyond_limits(count: _Count, operation: OperationDefinitionNode) -> GraphQLError | None:
    for refused, message in [
        (count.depth > MAX_DEPTH, f"Expected at most {MAX_DEPTH} fields within fields."),
        (count.aliases > MAX_ALIASES, f"Expected at most {MAX_ALIASES} aliases."),
        (
            count.complexity > MAX_COMPLEXITY,
            f"Expected a complexity of at most {MAX_COMPLEXITY}, not {count.complexity}.",
        ),
        (count.introspected > MAX_INTROSPECTION, "Expected to introspect less of the schema."),
        (
            count.guesses > 1,
            "Expected one mutation that takes a credential; send others by themselves.",
        ),
    ]:
        if refused:
            return GraphQLError(message, operation)
    return None


class _Counting:
    """Counts selections with their fragments expanded."""

    def __init__(
        self, fragments: dict[str, FragmentDefinitionNode], credentials: Collection[str]
    ) -> None:
        self._fragments, self._credentials = fragments, credentials
        self.seen: dict[str, _Count] = {}
        """The fragments that an operation uses."""

    def of(self, selections: SelectionSetNode | None) -> _Count:
        """Count the selections."""
        total = _Count()
        for selection in selections.selections if selections else ():
            if isinstance(selection, FragmentSpreadNode):
                below = self._of_fragment(selection.name.value)
            else:
                below = self.of(getattr(selection, "selection_set", None))
            if isinstance(selection, FieldNode):
                below = below.within(selection, self._credentials)
            total = total.beside(below)
        return total

    def _of_fragment(self, name: str) -> _Count:
        if name not in self.seen:
            self.seen[name] = _Count()  # another rule refuses a fragment within itself
            fragment = self._fragments.get(name)
            self.seen[name] = self.of(fragment.selection_set if fragment else None)
        return self.seen[name]


def _nodes(document: DocumentNode) -> Iterator[SelectionNode]:
    """Yield every selection of the document, as written."""
    sets = [getattr(definition, "selection_set", None) for definition in document.definitions]
    while sets:
        for selection in getattr(sets.pop(), "selections", ()):
            yield selection
            sets.append(getattr(selection, "selection_set", None))


def _comparisons(fields: list[FieldNode]) -> int:
    """Return the maximum work of comparing the fields with the same response name."""
    times: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for field in fields:
        name = (field.alias or field.name).value
        times[name] += 1
        sizes[name] += 1 + sum(_size(argument.value) for argument in field.arguments or ())
    return sum(count * sizes[name] for name, count in times.items())


def _size(value: ValueNode) -> int:
    """Count the literals in a literal."""
    inner = getattr(value, "values", ()) or [
        field.value for field in getattr(value, "fields", ()) or ()
    ]
    return 1 + sum(map(_size, inner))

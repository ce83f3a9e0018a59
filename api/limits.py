"""What one operation may ask for, counted before it runs."""

from typing import NamedTuple

from graphql import (
    ASTValidationRule,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
)

MAX_DEPTH = 20
"""Fields within fields; the introspection of a code generator has 13 to 15."""
MAX_ALIASES = 30
"""Fields under another name; generated operations have none or a few."""
MAX_COMPLEXITY = 400
"""Fields of an operation with its fragments written out, weighed; introspection has about 230.

GraphQL's own rules compare each field with each other: 13 ms for so many, 85 for 1,000."""
WEIGHTS = {"me": 20, "recoveryCodesLeft": 20, "securityEvents": 20, "sessions": 20}
"""Fields that ask the database, so that no more than twenty of them fit into one operation."""
CREDENTIALS = {
    "code",
    "currentPassword",
    "otp",
    "password",
    "recoveryCode",
    "refreshToken",
    "ticket",
}
"""Arguments in which something could be guessed, whether as a literal or a variable."""


class _Count(NamedTuple):
    depth: int = 0
    aliases: int = 0
    complexity: int = 0
    guesses: int = 0

    def beside(self, other: "_Count") -> "_Count":
        """Both, one after the other."""
        sums = (mine + theirs for mine, theirs in zip(self[1:], other[1:], strict=True))
        return _Count(max(self.depth, other.depth), *sums)

    def within(self, field: FieldNode) -> "_Count":
        """The same, with the field around it."""
        given = field.arguments or ()
        return _Count(
            self.depth + 1,
            self.aliases + (field.alias is not None),
            self.complexity + WEIGHTS.get(field.name.value, 1),
            self.guesses + any(argument.name.value in CREDENTIALS for argument in given),
        )


class OperationLimits(ASTValidationRule):
    """Refuses an operation that is too deep or asks too much, or that holds more than one guess.

    Aliases and fragments count as often as they are used; each fragment is looked at once, however
    often that is, so that counting costs no more than reading.
    """

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: object) -> None:
        """Count one operation."""
        count = self._count(node.selection_set, {})
        for refused, message in [
            (count.depth > MAX_DEPTH, f"Expected at most {MAX_DEPTH} fields within fields."),
            (count.aliases > MAX_ALIASES, f"Expected at most {MAX_ALIASES} aliases."),
            (
                count.complexity > MAX_COMPLEXITY,
                f"Expected a complexity of at most {MAX_COMPLEXITY}, not {count.complexity}.",
            ),
            (
                count.guesses > 1,
                "Expected one mutation that takes a credential; send others by themselves.",
            ),
        ]:
            if refused:
                self.report_error(GraphQLError(message, node))

    def _count(self, selections: SelectionSetNode | None, seen: dict[str, _Count]) -> _Count:
        total = _Count()
        for selection in selections.selections if selections else ():
            if isinstance(selection, FragmentSpreadNode):
                below = self._count_fragment(selection.name.value, seen)
            else:
                below = self._count(getattr(selection, "selection_set", None), seen)
            if isinstance(selection, FieldNode):
                below = below.within(selection)
            total = total.beside(below)
        return total

    def _count_fragment(self, name: str, seen: dict[str, _Count]) -> _Count:
        if name not in seen:
            seen[name] = _Count()  # a fragment within itself is refused by another rule
            fragment = self.context.get_fragment(name)
            seen[name] = self._count(fragment.selection_set if fragment else None, seen)
        return seen[name]

"""What one operation may ask for, counted before it runs."""

from graphql import (
    ASTValidationRule,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
)

MAX_FIELDS = 1000
"""Fields of an operation with its fragments written out; introspection has about 230."""
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


class OperationLimits(ASTValidationRule):
    """Refuses an operation with too many fields, or with more than one guess.

    Aliases and fragments count as often as they are used; each fragment is looked at once, however
    often that is, so that counting costs no more than reading.
    """

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: object) -> None:
        """Count one operation."""
        fields, guesses = self._count(node.selection_set, {})
        if fields > MAX_FIELDS:
            self.report_error(GraphQLError(f"Expected at most {MAX_FIELDS} fields.", node))
        if guesses > 1:
            message = "Expected one mutation that takes a credential; send others by themselves."
            self.report_error(GraphQLError(message, node))

    def _count(
        self, selections: SelectionSetNode | None, seen: dict[str, tuple[int, int]]
    ) -> tuple[int, int]:
        """The fields below, and how many of them take a credential."""
        fields = guesses = 0
        for selection in selections.selections if selections else ():
            if isinstance(selection, FragmentSpreadNode):
                below = self._count_fragment(selection.name.value, seen)
            else:
                below = self._count(getattr(selection, "selection_set", None), seen)
            if isinstance(selection, FieldNode):
                fields += 1
                given = selection.arguments or ()
                guesses += any(argument.name.value in CREDENTIALS for argument in given)
            fields, guesses = fields + below[0], guesses + below[1]
        return fields, guesses

    def _count_fragment(self, name: str, seen: dict[str, tuple[int, int]]) -> tuple[int, int]:
        if name not in seen:
            seen[name] = 0, 0  # a fragment within itself is refused by another rule
            fragment = self.context.get_fragment(name)
            seen[name] = self._count(fragment.selection_set if fragment else None, seen)
        return seen[name]

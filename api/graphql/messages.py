"""Filtering of graphql-core's messages: only known templates reach a client, without values.

A message may repeat what was sent, which could be a password in the wrong place. So a message is
passed on only if it matches one of these templates, in which only the names of a document vary. The
group `said` is kept. A message that matches no template becomes a general one.
"""

import re

from auth.errors import ErrorCode

_NAME = r"'[$@]?[_A-Za-z][_0-9A-Za-z]*'"
_PLACE = r"'@?[_A-Za-z][_0-9A-Za-z.]*'"
_ARGUMENT = r"'@?[_A-Za-z][_0-9A-Za-z.]*\([_0-9A-Za-z]+:\)'"
_TYPE = r"'[\[\]!_0-9A-Za-z]+'"
_HINT = r"( Did you mean [ ,_0-9A-Za-z'@]+( \{ \.\.\. \}')?\?)?"
_SCALAR = r"(String|Int|Float|Boolean|ID|Enum '[_0-9A-Za-z]+') cannot represent [-_ a-z0-9]*value"
_EXPECTED = rf"Expected value of (non-null )?type {_TYPE}"
_MISSING = rf"Expected a value of non-null type {_TYPE} to be provided"
_LEXEME = r"([A-Z][A-Za-z]+|<EOF>|'[^\w\s'\"]{1,3}')"
_TEMPLATES = (
    rf"(?P<said>Cannot query field {_NAME} on type {_TYPE}\.{_HINT})",
    rf"(?P<said>Unknown (argument|type|fragment|directive|operation named) {_NAME}"
    rf"( on (field|directive|fragment) {_PLACE})?\.{_HINT})",
    rf"(?P<said>Variable {_NAME} is (never used|not defined)( (by|in) operation {_NAME})?)\.",
    rf"(?P<said>Variable {_NAME} of type {_TYPE} used in position expecting type {_TYPE})\.",
    rf"(?P<said>Variable {_NAME} of required type {_TYPE} was not provided)\.",
    rf"(?P<said>Variable {_NAME} (cannot be non-input type {_TYPE}))\.",
    rf"(?P<said>Variable {_NAME} has invalid (default )?value: {_MISSING})\.",
    rf"(?P<said>Variable {_NAME} has invalid (default )?value: ({_SCALAR}|{_EXPECTED}))[:, ].*",
    rf"(?P<said>Variable {_NAME} has invalid (default )?value) at .*",
    rf"(?P<said>{_SCALAR}): .*",
    rf"(?P<said>{_EXPECTED})[, ].*",
    rf"(?P<said>Argument ({_ARGUMENT}|{_NAME}) of type {_TYPE} is required, but it was not "
    r"provided)\.",
    rf"(?P<said>Argument ({_ARGUMENT}|{_NAME}) has invalid value).*",
    rf"(?P<said>Field {_NAME} (of type {_TYPE} must have a selection of subfields\.|must not have "
    rf"a selection since type {_TYPE} has no subfields\.){_HINT})",
    rf"(?P<said>There can be only one ([a-z ]+) named {_NAME})\.",
    rf"(?P<said>Fragment {_NAME} is never used)\.",
    rf"(?P<said>Cannot spread fragment {_NAME} within itself)( via .*)?\.",
    rf"(?P<said>Fragment ({_NAME} )?cannot be spread here as objects of type {_TYPE} can never "
    rf"be of type {_TYPE})\.",
    rf"(?P<said>Fragment ({_NAME} )?cannot condition on non composite type {_TYPE})\.",
    rf"(?P<said>The directive {_NAME} can only be used once at this location)\.",
    rf"(?P<said>Directive {_NAME} may not be used on [A-Z_]+)\.",
    rf"(?P<said>Fields {_NAME} conflict because ({_NAME} and {_NAME} are different fields|they "
    r"have differing arguments|subfields .*|they return conflicting types .*))\. Use different .*",
    r"(?P<said>This anonymous operation must be the only defined operation)\.",
    r"(?P<said>Must provide (an operation|operation name if query contains multiple operations))\.",
    r"(?P<said>Maximum introspection depth exceeded)",
    rf"(?P<said>GraphQL introspection has been disabled, but the requested query contained the "
    rf"field {_NAME})\.",
    r"(?P<said>The (subscription|mutation|query) operation is not supported by the schema)\.",
    r"(?P<said>The .{0,40} definition is not executable)\.",
    r"Syntax Error: (?P<said>(Document contains more than \d+ tokens|Document is nested too deeply)"
    r")\. Parsing aborted\.",
    rf"(?P<said>Syntax Error: Expected {_LEXEME}, found {_LEXEME})( .*)?\.",
    rf"(?P<said>Syntax Error: Expected '[a-z]+', found {_LEXEME})( .*)?\.",
    rf"(?P<said>Syntax Error: Unexpected {_LEXEME})( .*)?\.",
    r"(?P<said>Syntax Error): .*",
    r"(?P<said>Cannot return null for non-nullable field [_0-9A-Za-z.]+)\.",
    r"(?P<said>Expected at most \d+ [a-z ]+(, not \d+)?)\.",
    r"(?P<said>Expected a complexity of at most \d+, not \d+)\.",
    r"(?P<said>Expected (fewer fields of the same name; ask for each of them once|to introspect "
    r"less of the schema|one mutation that takes a credential; send others by themselves))\.",
)
_KNOWN = [re.compile(template, re.DOTALL) for template in _TEMPLATES]


def without_values(message: str) -> str:
    """Return the part of a message of graphql-core or of `limits` that repeats no value."""
    for template in _KNOWN:
        if found := template.fullmatch(message):
            said = found["said"]
            return said if said.endswith((".", "?")) else f"{said}."
    return ErrorCode.INVALID_REQUEST.message

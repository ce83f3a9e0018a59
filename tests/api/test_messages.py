"""Messages of graphql-core help the developer, and repeat no values."""

import pytest
from graphql import GraphQLError, build_schema, execute_sync, parse, validate
from hypothesis import given
from hypothesis import strategies as st

from api.graphql.messages import without_values
from api.graphql.schema import schema
from auth.errors import ErrorCode

SDL = build_schema(schema.as_str())
GENERAL = ErrorCode.INVALID_REQUEST.message
MISTAKES = [
    ("{ nobody }", "Cannot query field 'nobody' on type 'Query'."),
    ("{ me { emial } }", "Cannot query field 'emial' on type 'User'. Did you mean"),
    ("{ me }", "Field 'me' of type 'User' must have a selection of subfields. Did you mean"),
    (
        "{ me { id { x } } }",
        "Field 'id' must not have a selection since type 'ID!' has no subfields.",
    ),
    (
        "mutation { signOut(al: true) }",
        "Unknown argument 'al' on field 'Mutation.signOut'. Did you",
    ),
    ("mutation { signOut(all: 7) }", "Boolean cannot represent a non boolean value."),
    (
        "mutation { elevate(password: SECRET) { accessToken } }",
        "String cannot represent a non string",
    ),
    (
        "mutation { revokeSession }",
        "Argument 'Mutation.revokeSession(id:)' of type 'ID!' is required",
    ),
    ("query($x: Nope) { me(a: $x) { id } }", "Unknown type 'Nope'."),
    ("query($x: String) { me { id } }", "Variable '$x' is never used."),
    ("mutation { revokeSession(id: $x) }", "Variable '$x' is not defined."),
    (
        "query($x: String) { me { sessions(first: $x) { pageInfo { hasNextPage } } } }",
        "Variable '$x' of type",
    ),
    ("{ me { ...F } }", "Unknown fragment 'F'."),
    (
        "{ me { id id: email } }",
        "Fields 'id' conflict because 'id' and 'email' are different fields.",
    ),
    ("{ me @nope { id } }", "Unknown directive '@nope'."),
    ("{ me { id } } { me { id } }", "This anonymous operation must be the only defined operation."),
    ("query A { me { id } } query A { me { id } }", "There can be only one operation named 'A'."),
    ("fragment F on User { ...F } { me { ...F } }", "Cannot spread fragment 'F' within itself."),
    ("fragment F on Nope { id } { me { ...F } }", "Unknown type 'Nope'."),
    (
        "{ me { ... on Session { accessToken } } }",
        "Fragment cannot be spread here as objects of type",
    ),
    ("{ me ", "Syntax Error: Expected Name, found <EOF>."),
    ('{ "SECRET" }', "Syntax Error: Expected Name, found String."),
    ('{ me(x: "SECRET) }', "Syntax Error."),
]


def first_error(document: str) -> str:
    try:
        return validate(SDL, parse(document))[0].message
    except GraphQLError as error:
        return error.message


@pytest.mark.parametrize(("document", "said"), MISTAKES)
def test_a_message_names_the_mistake(document: str, said: str) -> None:
    message = without_values(first_error(document))
    assert message.startswith(said)
    assert "SECRET" not in message


@pytest.mark.parametrize("value", ["SECRET", 7, ["SECRET"], {"SECRET": "SECRET"}, None])
def test_a_value_of_the_wrong_type_is_not_repeated(value: object) -> None:
    document = parse(
        "mutation($id: ID!, $all: Boolean!) { signOut(all: $all) revokeSession(id: $id) }"
    )
    for variables in ({"id": value, "all": "SECRET"}, {"id": "x", "all": value}, {}):
        errors = execute_sync(SDL, document, variable_values=variables).errors
        for error in errors or []:
            assert "SECRET" not in without_values(error.message)
            assert without_values(error.message) != GENERAL, error.message


@given(st.text())
def test_an_unknown_message_becomes_a_general_one(text: str) -> None:
    assert without_values(f"A new kind of message about {text!r}") == GENERAL

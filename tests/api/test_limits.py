"""One request cannot get around a limit, nor keep the server busy."""

import pytest
from graphql import GraphQLError, get_introspection_query, parse
from hypothesis import given
from hypothesis import strategies as st

from api.graphql.limits import MAX_ALIASES, MAX_COMPLEXITY, MAX_DEPTH, too_much
from api.graphql.operations import Operations
from api.graphql.schema import CREDENTIALS, schema

SIGN_IN = 'signInEmailPassword(email: "a", password: "b") { __typename }'


def refusals(document: str) -> list[GraphQLError]:
    refused = too_much(parse(document), CREDENTIALS)
    return [refused] if refused else []


@pytest.mark.parametrize(
    "document",
    [
        "{ me { id } }",
        f"mutation {{ {SIGN_IN} }}",
        f"mutation A {{ {SIGN_IN} }} mutation B {{ {SIGN_IN} }}",
        f'mutation {{ {SIGN_IN} changeUser(displayName: "Joe") {{ id }} signOut }}',
        get_introspection_query(),
        "{ a: me { ...F } b: me { ...F } } fragment F on User { id sessions { edges { cursor } } }",
    ],
)
def test_ordinary_documents_pass(document: str) -> None:
    assert Operations(schema).document(document).errors == []


@pytest.mark.parametrize(
    "document",
    [
        f"mutation {{ a: {SIGN_IN} b: {SIGN_IN} }}",
        f"mutation {{ a: {SIGN_IN} ... on Mutation {{ b: {SIGN_IN} }} }}",
        f"mutation {{ ...F b: {SIGN_IN} }} fragment F on Mutation {{ a: {SIGN_IN} }}",
        f"mutation {{ ...F ...G }} fragment F on Mutation {{ a: {SIGN_IN} }}"
        f" fragment G on Mutation {{ b: {SIGN_IN} }}",
        f"mutation {{ a: {SIGN_IN} elevate(code: \"1\") {{ accessToken }} }}",
        f"mutation {{ ... @include(if: true) {{ a: {SIGN_IN} }} b: {SIGN_IN} }}",
    ],
)  # fmt: skip
def test_an_operation_contains_one_guess(document: str) -> None:
    (refused,) = refusals(document)
    assert "one mutation that takes a credential" in refused.message


def test_fields_count_as_often_as_they_are_used() -> None:
    many = " ".join(f"a{n}: email" for n in range(6))
    aliases = " ".join(f"a{n}: me {{ ...F }}" for n in range(4))
    document = f"{{ {aliases} }} fragment F on User {{ {many} }}"
    assert refusals(document) == []
    (refused,) = refusals(document.replace("a5: email", "a5: email a6: locale"))
    assert f"at most {MAX_ALIASES} aliases" in refused.message


def test_fields_that_query_the_database_weigh_more() -> None:
    asking = " ".join(
        "sessions { edges { cursor } } securityEvents { edges { cursor } }" for _ in range(8)
    )
    document = f"{{ me {{ ...F }} }} fragment F on User {{ {asking} }}"
    assert refusals(document) == []
    (refused,) = refusals(document.replace("...F", "...F ...F"))
    assert f"at most {MAX_COMPLEXITY}, not " in refused.message


def test_depth_is_bounded_through_fragments_too() -> None:
    """As deep as a code generator's introspection, but no deeper."""
    deep = f"{{ {'a { ' * (MAX_DEPTH - 1)} b {'} ' * (MAX_DEPTH - 1)} }}"
    assert refusals(deep) == []
    below = f"{{ ...F }} fragment F on Query {{ x {deep} }}"
    for document in (f"{{ x {deep} }}", below):
        (refused,) = refusals(document)
        assert f"at most {MAX_DEPTH} fields within fields" in refused.message


def test_nested_introspection_is_limited() -> None:
    """Fields of types of fields of types …: a short document with a huge result."""
    circle = "fields { type { " * 6 + "name" + " } }" * 6
    document = f"{{ __schema {{ types {{ {circle} }} }} }}"
    assert Operations(schema).document(document).errors


def test_nested_fragments_are_counted_quickly() -> None:
    """Expanded, this has 2**30 fields; counting them one by one would never end."""
    chain = " ".join(f"fragment F{n} on User {{ ...F{n + 1} ...F{n + 1} }}" for n in range(30))
    document = f"{{ me {{ ...F0 }} }} {chain} fragment F30 on User {{ id }}"
    (refused,) = refusals(document)
    assert str(MAX_COMPLEXITY) in refused.message


@given(st.lists(st.integers(0, 4), min_size=5, max_size=5))
def test_fragments_in_a_circle_do_not_hang(targets: list[int]) -> None:
    spreads = enumerate(targets)
    fragments = " ".join(f"fragment F{n} on User {{ id ...F{target} }}" for n, target in spreads)
    refusals(f"{{ me {{ ...F0 }} }} {fragments}")

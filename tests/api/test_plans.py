"""Plans answer as graphql-core does: compared over generated documents, variables and values."""

# mypy: disable-error-code="no-any-return"

import asyncio
import enum
import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Union

import pytest
import strawberry
from graphql import GraphQLError, execute, get_operation_ast, parse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_graphql import from_schema

from api.graphql.plans import Plan, planned
from api.graphql.schema import schema as public
from tests.support import OPERATIONS


@strawberry.enum
class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"


@strawberry.type
class Leaf:
    number: int
    text: str | None
    at: datetime | None
    colour: Colour
    colours: list[Colour | None] | None


@strawberry.type
class Branch:
    leaf: Leaf
    other: Leaf | None
    leaves: list[Leaf]
    grid: list[list[int]] | None
    maybe_name: str | None = strawberry.field(name="named")

    @strawberry.field
    def computed(self) -> str:
        """No plan: it is not what the object holds."""
        return f"computed {self.maybe_name}"


Either = Annotated[Union[Leaf, Branch], strawberry.union("Either")]  # noqa: UP007


@strawberry.input
class Wish:
    number: int = 3
    colour: Colour | None = None
    texts: list[str] | None = None


ANSWERS: dict[str, Any] = {}


def answered(name: str, said: object) -> Any:
    answer = ANSWERS[name]
    if isinstance(answer, Exception):
        raise answer
    return said if answer == "said" else answer


@strawberry.type
class Query:
    @strawberry.field
    def leaf(self) -> Leaf:
        return answered("leaf", None)

    @strawberry.field
    async def branch(self, wish: Wish | None = None) -> Branch | None:
        return answered("branch", None)

    @strawberry.field
    async def either(self, first: int, wishes: list[Wish]) -> Either:
        return answered("either", None)

    @strawberry.field
    async def many(self) -> list[Either | None]:
        return answered("many", None)

    @strawberry.field
    async def echo(self, text: str = "nothing", wish: Wish | None = None) -> str:
        return answered("echo", f"{text} {wish}")


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def change(self, id: strawberry.ID, colour: Colour = Colour.RED) -> Either | None:  # noqa: A002
        return answered("change", None)

    @strawberry.mutation
    async def say(
        self,
        id: strawberry.ID,  # noqa: A002
        text: str | None = strawberry.UNSET,
        in_python: str | None = None,
    ) -> str:
        return answered("say", f"{id} {text!r} {in_python}")


SCHEMA = strawberry.Schema(Query, Mutation)
CORE = SCHEMA._schema

LEAVES = st.builds(
    Leaf,
    number=st.integers(-5, 5) | st.sampled_from([None, "no number", 2**40]),
    text=st.none() | st.text(max_size=3) | st.just(["a list"]),
    at=st.none() | st.just(datetime(2026, 11, 28, tzinfo=UTC)) | st.just("no time"),
    colour=st.sampled_from([*Colour, None, "r", "purple"]),
    colours=st.none() | st.lists(st.none() | st.sampled_from(Colour), max_size=2) | st.just(7),
)
BRANCHES = st.builds(
    Branch,
    leaf=LEAVES | st.none() | st.just(GraphQLError("an error as a value")),
    other=LEAVES | st.none(),
    leaves=st.lists(LEAVES | st.none(), max_size=2) | st.none() | st.just(("x",)),
    grid=st.none() | st.lists(st.lists(st.integers(0, 3), max_size=2), max_size=2),
    maybe_name=st.none() | st.text(max_size=3),
)
ERRORS = st.sampled_from([ValueError("refused"), GraphQLError("refused", extensions={"a": 1})])
VALUES = LEAVES | BRANCHES | st.none() | ERRORS | st.just("neither")
ANSWERED = st.fixed_dictionaries(
    {
        "leaf": LEAVES | VALUES,
        "branch": BRANCHES | VALUES,
        "either": VALUES,
        "many": st.lists(VALUES, max_size=3) | VALUES,
        "echo": st.just("said") | ERRORS,
        "say": st.just("said") | ERRORS,
        "change": VALUES,
    }
)
EITHER = """{
    __typename
    ... on Branch { named leaf { n: number ...L } leaf { text } others: leaves { ...L } grid }
    ... on Leaf { ...L __typename }
}"""
BY_HAND = [
    f"query ($first: Int!, $w: [Wish!] = []) {{ either(first: $first, wishes: $w) {EITHER} }}",
    f"{{ x: many {EITHER} }}",
    f'mutation ($id: ID = "7", $c: Colour) {{ change(id: $id, colour: $c) {EITHER} }}',
    "query ($c: Colour) { branch(wish: {colour: $c}) { leaf { ...L } other { ...L } } }",
    "query ($text: String! = \"x\", $w: Wish) { echo(text: $text, wish: $w) }",
    "query ($on: Boolean! = true) { branch { leaf @include(if: $on) { ...L } named } }",
    "mutation ($id: ID!, $text: String) { say(id: $id, text: $text) }",
    "mutation ($id: ID!, $text: String!) { a: say(id: $id, text: $text, inPython: $text) }",
    'mutation ($id: ID!) { say(id: $id, text: "2", inPython: null) }',
    "{ branch { computed } }",
    "{ leaf { ...L } echo }",
    "{ leaf { ...L } ... on Query { leaf { at } } }",
]  # fmt: skip
UNPLANNED = ("@include", "computed", "{ leaf { ...L } echo }")
"""Parts of documents that have no plan: a directive, a resolver, two fields."""
GIVEN = st.none() | st.dictionaries(
    st.sampled_from(["first", "w", "id", "c", "text", "on", "more"]),
    st.sampled_from(
        [1, "2", "é", "RED", "PURPLE", None, True, [], {"number": 4}, [{"texts": ["a"]}]]
    ),
    max_size=4,
)


def written() -> Iterator[str]:
    fragment = " fragment L on Leaf { number at colour colours text }"
    for text in BY_HAND:
        yield text + fragment if "...L" in text else text


def of_both(text: str, variables: Any, how: dict[str, Any]) -> tuple[Plan | None, Any, Any]:
    """Return the plan, what it answers, and what graphql-core answers."""
    document = parse(text)
    operation = get_operation_ast(document)
    assert operation
    plan = planned(CORE, document, operation)

    async def executed(**more: Any) -> Any:
        result = execute(CORE, document, variable_values=variables, context_value=1, **how, **more)
        return await result if inspect.isawaitable(result) else result

    async def asked() -> tuple[Any, Any]:
        expected = await executed()
        return expected, await plan.run(1, variables, executed) if plan else expected

    expected, actual = asyncio.run(asked())
    return plan, actual, expected


HOW = {"max_coercion_errors": 1, "hide_suggestions": True}


@given(text=st.sampled_from(list(written())), variables=GIVEN, answers=ANSWERED)
@settings(max_examples=400, deadline=None)
def test_a_plan_answers_as_the_executor_does(
    text: str, variables: Any, answers: dict[str, Any]
) -> None:
    ANSWERS.update(answers)
    plan, actual, expected = of_both(text, variables, HOW)
    assert (plan is None) == any(part in text for part in UNPLANNED)
    assert actual.formatted == expected.formatted
    assert list(map(str, actual.errors or [])) == list(map(str, expected.errors or []))


@given(text=from_schema(SCHEMA.as_str()), answers=ANSWERED)
@settings(max_examples=200, deadline=None)
def test_generated_documents_are_answered_as_by_the_executor(
    text: str, answers: dict[str, Any]
) -> None:
    ANSWERS.update(answers)
    _, actual, expected = of_both(text, None, HOW)
    assert actual.formatted == expected.formatted
    assert str(actual.formatted) == str(expected.formatted)  # the order too


def test_a_resolver_is_called_once_though_its_answer_is_unusual(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = []

    def counted(name: str, said: object) -> Any:
        calls.append(name)
        return Leaf(number=None, text=None, at=None, colour=Colour.RED, colours=None)  # type: ignore[arg-type]

    monkeypatch.setattr(f"{__name__}.answered", counted)
    document = parse('mutation { change(id: "1") { ... on Leaf { number } } }')
    operation = get_operation_ast(document)
    assert operation
    plan = planned(CORE, document, operation)
    assert plan

    async def executed(**more: Any) -> Any:
        result = execute(CORE, document, **more)
        return await result if inspect.isawaitable(result) else result

    answer = asyncio.run(plan.run(1, {}, executed))
    assert calls == ["change"]
    assert answer.formatted["errors"][0]["path"] == ["change", "number"]


@pytest.mark.parametrize(
    "operation",
    ["signInEmailPassword", "verifySignInMfaTotp", "refreshSession", "signOut", "elevate"],
)
def test_the_frequent_operations_have_a_plan(operation: str) -> None:
    document = parse(OPERATIONS[operation])
    found = get_operation_ast(document)
    assert found
    assert planned(public._schema, document, found)

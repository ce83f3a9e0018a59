"""Operations as they are run: read once, and no other than those that are asked for."""

from typing import cast

import pytest
from starlette.exceptions import HTTPException

from api.context import Context
from api.operations import MAX_TOKENS, REMEMBERED, Operations
from api.schema import schema
from auth.caller import Caller
from auth.postern import Postern

pytestmark = pytest.mark.anyio
NOBODY = Context(cast("Postern", None), Caller())
TWO = "query A { __typename } mutation B { signOut }"


async def test_a_document_is_read_and_checked_once() -> None:
    operations = Operations(schema)
    for _ in range(3):
        for text in ("{ __typename }", "{ nope }", "{"):
            await operations.run(text, NOBODY)
    counts = operations.document.cache_info()
    assert (counts.hits, counts.misses, counts.maxsize) == (6, 3, REMEMBERED)


async def test_what_is_wrong_is_told_as_often_as_it_is_sent() -> None:
    operations = Operations(schema)
    for text in ("{ nope }", "{"):
        first, again = [await operations.run(text, NOBODY) for _ in range(2)]
        assert first.data is again.data is None
        assert first.errors == again.errors
        assert first.errors


async def test_a_document_is_bounded() -> None:
    fits, too_long = (f"{{ {'__typename ' * count} }}" for count in (MAX_TOKENS - 2, MAX_TOKENS))
    assert Operations(schema).document(fits).parsed
    assert Operations(schema).document(too_long).parsed is None


def test_what_is_too_much_is_refused_before_it_is_looked_at_closely() -> None:
    """To compare each field with each other one takes the square of the time."""
    (error,) = Operations(schema).document("{ me { " + "nope " * 900 + "} }").errors
    assert "complexity" in error.message


@pytest.mark.parametrize(
    ("text", "name", "status"),
    [
        (TWO, None, 400),
        (TWO, "C", 400),
        (TWO, "B", 405),
        ("fragment F on Query { __typename }", None, 400),
    ],
)
async def test_an_operation_that_may_not_run_does_not(
    text: str, name: str | None, status: int
) -> None:
    with pytest.raises(HTTPException) as refused:
        await Operations(schema).run(text, NOBODY, name=name, only_query=True)
    assert refused.value.status_code == status


async def test_the_operation_that_is_named_runs() -> None:
    answer = await Operations(schema).run(TWO, NOBODY, name="A", only_query=True)
    assert answer.data == {"__typename": "Query"}

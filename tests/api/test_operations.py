"""Running operations: each is parsed once, and only the requested one runs."""

from typing import cast

import pytest
from graphql import execute
from starlette.exceptions import HTTPException

import api.graphql.operations as operations_module
from api.graphql.context import Context
from api.graphql.operations import MAX_CHARACTERS, MAX_TOKENS, Operations, RememberedDocuments
from api.graphql.schema import schema
from auth.caller import Caller
from auth.postern import Postern

pytestmark = pytest.mark.anyio
NOBODY = Context(cast("Postern", None), Caller())
TWO = "query A { __typename } mutation B { signOut }"


async def test_a_document_is_parsed_and_validated_once() -> None:
    operations = Operations(schema)
    for text in ("{ __typename }", "{ nope }", "{"):
        await operations.run(text, NOBODY)
        assert operations.document(text) is operations.document(text)


async def test_the_cache_of_documents_is_bounded_in_memory() -> None:
    """The limit is on memory, not on the number of documents; refused documents are not kept."""
    operations = Operations(schema)
    for number in range(60):
        long_name = f"a{number}" + "b" * (MAX_CHARACTERS - 100)
        for text in (f"{{ {'__typename ' * 50} a{number}: __typename }}", f"{{ {long_name} }}"):
            operations.document(text)
    remembered = RememberedDocuments(limit=500_000)
    kept = operations.remembered
    for digest in list(kept._documents):
        remembered.add(digest, kept._documents[digest])
        assert remembered.size <= 500_000
    assert 0 < len(remembered) < len(kept)
    assert all(
        error.nodes is None and error.source is None
        for document in kept._documents.values()
        for error in document.errors
    )


async def test_a_wrong_document_gets_its_error_every_time() -> None:
    operations = Operations(schema)
    for text in ("{ nope }", "{"):
        first, again = [await operations.run(text, NOBODY) for _ in range(2)]
        assert first.data is again.data is None
        assert first.errors == again.errors
        assert first.errors


async def test_a_document_is_limited_in_length_and_tokens() -> None:
    fits, too_long = (f"{{ __typename {'@a ' * count} }}" for count in (498, 499))
    assert "Unknown directive" in Operations(schema).document(fits).errors[0].message
    assert f"{MAX_TOKENS} tokens" in Operations(schema).document(too_long).errors[0].message
    padded = "{ __typename }".ljust(MAX_CHARACTERS)
    assert Operations(schema).document(padded).parsed
    assert Operations(schema).document(padded + " ").parsed is None


def test_an_oversized_document_is_refused_before_validation() -> None:
    """Comparing each field with each other takes quadratic time."""
    (error,) = Operations(schema).document("{ me { " + "nope " * 900 + "} }").errors
    assert "at most 400 fields" in error.message


@pytest.mark.parametrize(
    ("text", "name", "status"),
    [
        (TWO, None, 400),
        (TWO, "C", 400),
        (TWO, "B", 405),
        ("fragment F on Query { __typename }", None, 400),
    ],
)
async def test_a_forbidden_operation_does_not_run(text: str, name: str | None, status: int) -> None:
    with pytest.raises(HTTPException) as refused:
        await Operations(schema).run(text, NOBODY, name=name, only_query=True)
    assert refused.value.status_code == status


async def test_the_named_operation_runs() -> None:
    answer = await Operations(schema).run(TWO, NOBODY, name="A", only_query=True)
    assert answer.data == {"__typename": "Query"}


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("{ __schema { queryType { name } } }", 1),
        ('{ __type(name: "User") { name } again: __typename }', 1),
        ("{ __typename ... on Query { __typename } }", 3),
        ("query ($name: String!) { __type(name: $name) { name } }", 3),
    ],
)
async def test_an_introspection_result_is_cached(
    monkeypatch: pytest.MonkeyPatch, text: str, times: int
) -> None:
    """Introspection takes 12 ms of the event loop, and its result never changes."""
    asked = []

    def counted(*given: object, **more: object) -> object:
        asked.append(given)
        return execute(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(operations_module, "execute", counted)
    operations = Operations(schema)
    answers = [await operations.run(text, NOBODY, {"name": "User"}) for _ in range(3)]
    assert len(asked) == times
    assert answers[0].data
    assert all(answer.data == answers[0].data for answer in answers)


async def test_a_long_comment_counts_with_its_memory() -> None:
    operations = Operations(schema)
    for number in range(300):
        operations.document(f"{{__typename}}#{number} {'😀' * 16_000}")
    assert len(operations.remembered) < 150

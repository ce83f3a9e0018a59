"""The OpenAPI 3.1 document of the REST routes, generated from the models that validate them."""

from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from api.nhost.endpoint import error_name
from api.nhost.messages import ErrorAnswer
from api.nhost.operations import OPERATIONS, Operation
from api.refusals import STATUS

_REF = "#/components/schemas/{model}"


def document(version: str, prefix: str, server_url: str = "") -> dict[str, Any]:
    """Return the document: every operation with its request, its response and its refusals."""
    requests = [(each.request, "validation") for each in OPERATIONS if each.request]
    answers = [(each.answer, "serialization") for each in OPERATIONS if _is_model(each.answer)]
    _, schemas = models_json_schema(
        [*requests, *answers, (ErrorAnswer, "serialization")],  # type: ignore[list-item]
        ref_template=_REF,
    )
    paths: dict[str, dict[str, Any]] = {}
    for each in OPERATIONS:
        paths.setdefault(prefix + each.path, {})[each.method.lower()] = _described(each)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Postern",
            "version": version,
            "description": "The routes of Nhost Auth that Postern serves, for Nhost's own clients.",
        },
        **({"servers": [{"url": server_url}]} if server_url else {}),
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "responses": {
                "Refused": {
                    "description": "Why the request was refused; `error` says it in a word.",
                    "content": _json({"$ref": _REF.format(model=ErrorAnswer.__name__)}),
                }
            },
        },
    }


def _described(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.contract.name,
        "summary": operation.contract.does,
        "responses": {
            "200": {"description": "Done.", "content": _json(_schema(operation.answer))},
            **_refusals(operation),
            "default": {"$ref": "#/components/responses/Refused"},
        },
        "security": [{"bearer": []}] if operation.bearer else [{}, {"bearer": []}],
    }
    if operation.request:
        fields = operation.request.model_fields.values()
        described["requestBody"] = {
            "required": any(field.is_required() for field in fields),
            "content": _json({"$ref": _REF.format(model=operation.request.__name__)}),
        }
    return described


def _refusals(operation: Operation) -> dict[str, Any]:
    """Describe the declared refusals by HTTP status: which values of `error` each can have."""
    by_status: dict[int, list[str]] = {}
    for code in operation.contract.refusals:
        by_status.setdefault(STATUS.get(code, 400), []).append(f"`{error_name(code)}`")
    content = _json({"$ref": _REF.format(model=ErrorAnswer.__name__)})
    return {
        str(status): {
            "description": f"`error` is {' or '.join(dict.fromkeys(errors))}.",
            "content": content,
        }
        for status, errors in sorted(by_status.items())
    }


def _schema(answer: Any) -> dict[str, Any]:
    if _is_model(answer):
        return {"$ref": _REF.format(model=answer.__name__)}
    return TypeAdapter(answer).json_schema()


def _is_model(answer: Any) -> bool:
    return isinstance(answer, type) and issubclass(answer, BaseModel)


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}

"""The HTTP interface as OpenAPI 3.1 describes it: written from the models that check what is posted."""

from typing import Any, Final

from pydantic.json_schema import models_json_schema

from engine.web.bodies import Body, ContactBody, EventBody, ProductsBody

_PROBLEM: Final = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "A JSON pointer (RFC 6901) into the body."},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_DONE: Final = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "repeat": {"type": "boolean", "description": "It was known already, by its idempotency_key."},
        "new": {"type": "integer", "description": "Products that were not known."},
        "changed": {"type": "integer", "description": "Others that are different now."},
        "events": {"type": "integer", "description": "What followed: prices that fell, products that are back or few."},
        "warning": {"type": "string", "description": "What whoever told of this person should know."},
    },
    "additionalProperties": False,
}
_REFUSALS: Final = {
    "400": "The body is no JSON, or a header is none.",
    "401": "No token of ours.",
    "403": "A token for something else.",
    "408": "The body did not come in time.",
    "413": "The body is too large.",
    "415": "Another Content-Type than application/json.",
    "422": "Something in the body is wrong: `errors` says what, each with its place. Or the Idempotency-Key came with another"
    " request.",
    "429": "Too often: wait for Retry-After seconds.",
    "503": "The database can't take it now: send the same again.",
}


def document(base_url: str) -> dict[str, Any]:
    """The whole description."""
    _, schemas = models_json_schema(
        [(EventBody, "validation"), (ContactBody, "validation"), (ProductsBody, "validation")],
        ref_template="#/components/schemas/{model}",
    )
    schemas["$defs"] |= {"Done": _DONE, "Problem": _PROBLEM}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Posthouse", "version": "1", "description": "Events, contacts and products, from applications."},
        "servers": [{"url": base_url}],
        "security": [{"token": []}],
        "paths": {
            "/v1/events": {"post": _operation("Tell that something happened", "addEvent", EventBody, conflict="")},
            "/v1/contacts": {
                "post": _operation(
                    "Write down what is known of a person", "putContact", ContactBody,
                    conflict="Another contact has this external_id.",
                )
            },
            "/v1/products": {
                "post": _operation("Write down what is known of products", "putProducts", ProductsBody, conflict="")
            },
        },
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }  # fmt: skip


def _operation(summary: str, name: str, model: type[Body], *, conflict: str) -> dict[str, Any]:
    done = {"application/json": {"schema": {"$ref": "#/components/schemas/Done"}}}
    wrong = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refusals = {**_REFUSALS, **({"409": conflict} if conflict else {})}
    return {
        "summary": summary,
        "operationId": name,
        "parameters": [
            {
                "name": "Idempotency-Key", "in": "header", "required": False,
                "description": "The same key with the same body is answered as before, for 24 hours.",
                "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}},
        },
        "responses": {
            "200": {"description": "Done: it was known already.", "content": done},
            "201": {"description": "Done: it is new.", "content": done},
            **{code: {"description": words, "content": wrong} for code, words in refusals.items()},
        },
    }  # fmt: skip

"""The HTTP interface as OpenAPI 3.1 describes it: written from the models that check what is posted."""

from typing import Any, Final

from pydantic.json_schema import models_json_schema

from engine.flow.scalars import NAME_FORM
from engine.web.bodies import Body, ContactBody, EventBody, ProductsBody, StartBody

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
        "id": {"type": "integer", "description": "Of the event, or of the contact."},
        "repeat": {"type": "boolean", "description": "It was known already, by its idempotency_key."},
        "new": {"type": "integer", "description": "Products that were not known."},
        "changed": {"type": "integer", "description": "Others that are different now."},
        "events": {"type": "integer", "description": "What followed: prices that fell, products that are back or few."},
        "run": {"type": "integer", "description": "The run in the flow, as `posthouse why-not` names it."},
        "renewed": {"type": "boolean", "description": "They were in it with this key: that run has the newer data."},
        "held_out": {
            "type": "boolean",
            "description": "They belong to the share that the flow lets nothing be sent to.",
        },
        "warning": {
            "type": "string",
            "description": "What whoever told of this person, or of this order, should know.",
        },
    },
    "additionalProperties": False,
}
_FLOW: Final = {
    "name": "flow", "in": "path", "required": True, "description": "The flow's name.",
    "schema": {"type": "string", "pattern": f"^{NAME_FORM}$"},
}  # fmt: skip
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
        [
            (EventBody, "validation"),
            (ContactBody, "validation"),
            (ProductsBody, "validation"),
            (StartBody, "validation"),
        ],
        ref_template="#/components/schemas/{model}",
    )
    schemas["$defs"] |= {"Done": _DONE, "Problem": _PROBLEM}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Posthouse", "version": "1", "description": "Events, contacts, products and flows, for applications."},
        "servers": [{"url": base_url}],
        "security": [{"token": []}],
        "paths": {
            "/v1/events": {"post": _operation("Tell that something happened", "addEvent", EventBody)},
            "/v1/contacts": {
                "post": _operation(
                    "Write down what is known of a person", "putContact", ContactBody,
                    conflict="Another contact has this external_id.",
                )
            },
            "/v1/products": {
                "post": _operation("Write down what is known of products", "putProducts", ProductsBody)
            },
            "/v1/flows/{flow}/start": {
                "parameters": [_FLOW],
                "post": _operation(
                    "Let somebody into a flow", "startFlow", StartBody,
                    conflict="The flow does not let them in: `detail` says why.", missing="There is no such flow.",
                ),
            },
        },
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }  # fmt: skip


def _operation(summary: str, name: str, model: type[Body], *, conflict: str = "", missing: str = "") -> dict[str, Any]:
    done = {"application/json": {"schema": {"$ref": "#/components/schemas/Done"}}}
    wrong = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refusals = {**_REFUSALS, **({"409": conflict} if conflict else {}), **({"404": missing} if missing else {})}
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

"""What applications are answered: a result, or where something is wrong a problem as RFC 9457 writes them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Result:
    """What a request came to. `code` is the HTTP status."""

    code: int
    answer: dict[str, Any]


class Refused(Exception):
    """A request that is not served, in words for the one who sent it."""

    def __init__(self, code: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.code, self.detail, self.headers = code, detail, headers or {}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a body. `pointer` as RFC 6901 writes it: "" is the whole."""

    pointer: str
    detail: str


def problem(
    code: int, detail: str = "", faults: Sequence[Fault] = (), *, headers: Mapping[str, str] | None = None
) -> web.Response:
    """The answer, with `errors` of {pointer, detail} where there are faults."""
    phrase = HTTPStatus(code).phrase
    said: dict[str, Any] = {"type": "about:blank", "title": phrase, "status": code, "detail": detail or phrase}
    if faults:
        said["errors"] = [{"pointer": each.pointer, "detail": each.detail} for each in faults]
    return web.Response(text=json.dumps(said), status=code, headers=headers, content_type="application/problem+json")

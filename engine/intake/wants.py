"""What the parser worker is asked about a submitted mail, and what it does about it.

A request is one line of JSON and the mail. Of a mail for the events address the body itself is read, as JSON; extractors
come as the texts of their files, which the worker keeps once it has read them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.flow.events import natural_key
from engine.intake.extractors.book import extract
from engine.intake.extractors.model import Extractor
from engine.intake.mime import html_parts
from engine.intake.structured import read_structured

MOST_EVENTS: Final = 100  # of a mail to the events address


@dataclass(frozen=True, slots=True)
class Wants:
    """What there is to find in a mail: mark-up, what extractors are for, events as its body."""

    markup: bool = False
    extractors: tuple[Extractor, ...] = ()
    body: bool = False

    def __bool__(self) -> bool:
        return self.markup or bool(self.extractors) or self.body

    def request(self, content: bytes) -> bytes:
        """For `read_mail`, in the worker."""
        asked = {"markup": self.markup, "extractors": [each.source for each in self.extractors], "body": self.body}
        return json.dumps(asked).encode() + b"\n" + content


def read_mail(request: bytes) -> dict[str, Any]:
    """{"events": [{"name", "data", "source", ...}], "left_out": [why], "is_posted": whether the body is meant as events},
    ready for JSON. What mark-up tells comes before what extractors find of the same."""
    head, _, content = request.partition(b"\n")
    asked = json.loads(head)
    events: list[dict[str, Any]] = []
    left_out: list[str] = []
    is_posted = False
    if asked["body"]:
        body = read_body(content)
        is_posted = body["is_posted"]
        _add(events, left_out, body, "address")
    if asked["markup"]:
        _add(events, left_out, read_structured(content), "markup")
    if asked["extractors"]:
        _add(events, left_out, extract(asked["extractors"], content), "extractor")
    return {"events": events, "left_out": left_out, "is_posted": is_posted}


def _add(events: list[dict[str, Any]], left_out: list[str], found: dict[str, Any], source: str) -> None:
    left_out += found["left_out"]
    for event in found["events"]:
        if source != "extractor" or not any(_is_same(event, other) for other in events):
            events.append({**event, "source": source})


def _is_same(event: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether an extractor found what was told already: the same event, about the same or about nothing."""
    if event["name"] != other["name"]:
        return False
    keys = {natural_key(each["name"], each["data"]) for each in (event, other)}
    return len(keys - {""}) <= 1


def read_body(content: bytes) -> dict[str, Any]:
    """The events that a mail's body is: one JSON object, or a list of them. A body that is no JSON at all, such as a
    courier's, says nothing; one that begins as JSON and is none is a trouble."""
    events: Sequence[Any] = ()
    trouble, is_posted = "", False
    for text in html_parts(content).plain:
        if text.lstrip()[:1] in ("{", "["):
            is_posted = True
            try:
                told = json.loads(text)
            except ValueError as err:
                trouble = f"the body is no JSON: {str(err)[:100]}"
            except RecursionError:
                trouble = "the body is nested too deeply"
            else:
                events = told if isinstance(told, list) else [told]
            break
    left_out = [trouble] if trouble else []
    if len(events) > MOST_EVENTS:
        left_out.append(f"the body tells more than {MOST_EVENTS} events")
    plain = [each for each in events if isinstance(each, dict) and isinstance(each.get("name"), str)]
    if len(plain) < len(events):
        left_out.append('an event of the body has no name, such as {"name": "order.placed", "data": {}}')
    told = [{**each, "data": each.get("data", {})} for each in plain[:MOST_EVENTS]]
    return {"events": told, "left_out": left_out, "is_posted": is_posted}

"""Events out of the structured data in a mail, JSON-LD and microdata: what the parser worker runs.

`read_structured` is pure and never raises on any mail: it answers with the events found and with what it could not read
and why. It knows the mail only, not its envelope; `engine.intake.mail` makes events of what it found.
"""

import json
from typing import Any, Final

from selectolax.lexbor import LexborHTMLParser

from engine.flow.events import natural_key
from engine.intake.html import TOO_DEEP, tree_of
from engine.intake.microdata import items_of
from engine.intake.mime import html_parts
from engine.intake.plain import Found
from engine.intake.schema import events_in

SCRIPTS: Final = 50  # of a mail
LONGEST: Final = 512 * 1024  # characters of one script
EVENTS: Final = 20  # of a mail


def read_structured(content: bytes) -> dict[str, Any]:
    """{"events": [{"name", "data"}], "left_out": [why]}, ready for JSON. What a mail tells in both ways is one event."""
    html = html_parts(content)
    events: list[Found] = []
    left_out = list(html.left_out)
    for part in html.parts:
        tree = tree_of(part)
        documents, troubles = documents_of(tree) if tree is not None else ([], [TOO_DEEP])
        left_out += troubles
        for event in (each for document in documents for each in events_in(document)):
            if not any(_is_same(event, other) for other in events):
                events.append(event)
    if len(events) > EVENTS:
        left_out.append(f"the mail tells more than {EVENTS} events")
    return {"events": events[:EVENTS], "left_out": left_out[:EVENTS]}


def documents_of(tree: LexborHTMLParser) -> tuple[list[Any], list[str]]:
    """The documents of one HTML part, JSON-LD before microdata; what was left out and why."""
    documents, troubles = [], []
    for text in _scripts(tree)[:SCRIPTS]:
        document, trouble = _read_json(text)
        if trouble:
            troubles.append(trouble)
        else:
            documents.append(document)
    items, trouble = items_of(tree)
    return [*documents, *items], [*troubles, *filter(None, [trouble])]


def _is_same(event: Found, other: Found) -> bool:
    """Whether two events of one mail are one that was told twice, by their names and what they are about."""
    key = natural_key(event["name"], event["data"])
    return event == other or bool(
        key and event["name"] == other["name"] and key == natural_key(other["name"], other["data"])
    )


def _scripts(tree: LexborHTMLParser) -> list[str]:
    """The texts of its <script type="application/ld+json">."""
    found = []
    for node in tree.css("script"):
        kind = (node.attributes.get("type") or "").partition(";")[0].strip().lower()
        if kind == "application/ld+json":
            found.append(node.text(deep=True))
    return found


def _read_json(text: str) -> tuple[Any, str]:
    """The document, or why there is none."""
    if len(text) > LONGEST:
        return None, f"the structured data is longer than {LONGEST} characters"
    try:
        return json.loads(text, parse_constant=lambda word: None), ""
    except RecursionError:
        return None, "the structured data is nested too deeply"
    except ValueError as err:
        return None, f"the structured data is no JSON: {str(err)[:100]}"

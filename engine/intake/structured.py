"""Events out of the structured data in a mail: what the parser worker runs.

`read_structured` is pure and never raises on any mail: it answers with the events found and with what it could not read
and why. It knows the mail only, not its envelope; `engine.intake.mail` makes events of what it found.
"""

import json
from typing import Any, Final

from selectolax.lexbor import LexborHTMLParser

from engine.intake.mime import html_parts
from engine.intake.schema import Found, events_in

SCRIPTS: Final = 50  # of a mail
LONGEST: Final = 512 * 1024  # characters of one script
EVENTS: Final = 20  # of a mail


def read_structured(content: bytes) -> dict[str, Any]:
    """{"events": [{"name", "data"}], "left_out": [why]}, ready for JSON."""
    html = html_parts(content)
    left_out = list(html.left_out)
    events: list[Found] = []
    for text in [script for part in html.parts for script in _scripts(part)][:SCRIPTS]:
        document, trouble = _read_json(text)
        if trouble:
            left_out.append(trouble)
        else:
            events.extend(event for event in events_in(document) if event not in events)
    if len(events) > EVENTS:
        left_out.append(f"the mail tells more than {EVENTS} events")
    return {"events": events[:EVENTS], "left_out": left_out[:EVENTS]}


def _scripts(html: str) -> list[str]:
    """The texts of its <script type="application/ld+json">."""
    if "ld+json" not in html.lower():
        return []
    found = []
    for node in LexborHTMLParser(html).css("script"):
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

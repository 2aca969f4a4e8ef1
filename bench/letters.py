"""Mail that the engine makes: so many people, an event of each, a flow that writes to them; rendered, signed, delivered.

Contacts and events are in the store before the daemon starts. The rate counts from the first arrival to the last.
"""

import time
from pathlib import Path
from typing import Final

from bench.cells import DOMAINS
from bench.seeding import opened
from bench.sinks import Sink
from bench.targets import Posthouse
from deliverability.address import Address
from engine.flow.definition import Definition, check
from engine.flow.events import make_event
from engine.flow.known import Known
from engine.intake.recording import record
from engine.running.book import apply_flow
from engine.sending.compose import Composer
from engine.sending.resources import Resources
from engine.sending.settings import MailSettings
from engine.system import SystemClock
from mta.ports import Tx
from mta.queue.delivery import Stream

CHUNK: Final = 500  # people written in one transaction
ITEMS: Final = [{"name": f"Tea of the week, number {each}", "price": 3 + each} for each in range(4)]

_FLOW: Final = """\
name: bench
title: A letter to each
stream: transactional
trigger: {event: bench.letter}
reentry: always
steps:
  - send: bench
"""
_TEXTS: Final = '[en]\nsubject = "News for {name}"\n'
_TEXT: Final = """\
{% block subject %}{{ t("subject", name=contact.name) }}{% endblock %}
Dear {{ contact.name }},

{% for each in data.lines %}
{{ each.name }}: {{ each.price }}
{% endfor %}
"""
_HTML: Final = """\
<html><head><title>{{ subject }}</title></head><body><p>Dear {{ contact.name }},</p><table>
{% for each in data.lines %}<tr><td>{{ each.name }}</td><td>{{ each.price }}</td></tr>
{% endfor %}</table>
"""
_FILL: Final = '<p style="margin:0">Lorem ipsum dolor sit amet, consectetur <b>elit</b>.</p>\n'
_END: Final = "</body></html>\n"


class LetterHouse(Posthouse):
    """A Posthouse with `count` people to write to, letters of about `size` octets."""

    name = "posthouse-letters"
    more = 'templates = "templates"\n'
    size = 2048
    count = 1000

    def seed(self) -> None:
        _write_templates(self.state / "templates", self.size)
        now = SystemClock().now()
        definition = check(_FLOW, "bench.yaml", Known(templates=frozenset({"bench"})))
        assert isinstance(definition, Definition), definition
        with opened(self.config) as store:
            store.write_now(lambda tx: apply_flow(tx, definition, _FLOW, now))
            for begin in range(0, self.count, CHUNK):
                numbers = range(begin, min(begin + CHUNK, self.count))
                store.write_now(lambda tx, numbers=numbers: _people(tx, numbers))  # type: ignore[misc]


def measure(folder: Path, key: Path, size: int, count: int, limit: float) -> float:
    """Letters a second."""
    kind = type("Letters", (LetterHouse,), {"size": size, "count": count})
    with Sink(folder) as sink, kind(folder / f"letters-{size}", key, sink.port):
        base = began = 0.0
        end = time.monotonic() + limit
        while (came := sink.count()) < count and time.monotonic() < end:
            if came and not began:
                began, base = time.monotonic(), came
            time.sleep(0.005)
        return (came - base) / (time.monotonic() - began) if came >= count and began else 0.0


def _people(tx: Tx, numbers: range) -> None:
    now = SystemClock().now()
    for each in numbers:
        to = Address.parse(f"reader{each}@d{each % DOMAINS}.example")
        data = {"lines": ITEMS, "number": f"B-{each}"}
        event = make_event("bench.letter", data, at=now, source="command", key=f"{each}", address=to, locale="en")
        record(tx, event, now=now)


def _write_templates(folder: Path, size: int) -> None:
    (folder / "mail").mkdir(parents=True)
    (folder / "mail" / "bench.toml").write_text(_TEXTS)
    (folder / "mail" / "bench.txt.j2").write_text(_TEXT)
    page = folder / "mail" / "bench.html.j2"
    page.write_text(_HTML + _END)
    page.write_text(_HTML + _FILL * max(0, (size - _composed(folder)) // len(_FILL)) + _END)


def _composed(folder: Path) -> int:
    """How many octets a letter has."""
    composer = Composer(MailSettings(), Resources((folder,)), bytes(32), "http://127.0.0.1")
    person = {"id": 1, "name": "Ada", "address": "ada@d0.example", "locale": "en", "zone": "", "tags": [], "fields": {}}
    now = SystemClock().now()
    facts = {"event": {"lines": ITEMS, "number": "B-1"}}
    mail = composer.compose("bench", person, facts, stream=Stream.TRANSACTIONAL, now=now, octets=bytes(16))
    return len(mail.content)

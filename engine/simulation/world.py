"""What the flows of one simulation share: the people, the clock, the places under caps, and each other.

Flows that are played together meet as they do in the house: one starts or stops another, lets in by its events and tags,
takes a place under the caps that the other has no more, and goes first or gives way.
"""

import heapq
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from engine.flow.entering import ByHand
from engine.flow.model import Definition
from engine.running import facts
from engine.sending.judging import Held, Place
from engine.simulation import people
from engine.simulation.clockwork import Clockwork
from engine.simulation.court import Court
from engine.simulation.people import Person
from engine.simulation.tally import Crowds, Tally
from mta.ports import from_ms

Due = Callable[[datetime], None]


class Passage(Protocol):
    """Somebody's run in a flow."""

    id: int
    held: Held | None


class Player(Protocol):
    """One flow's play (engine.simulation.play). `reads` are the events whose data it looks at."""

    flow: Definition
    tally: Tally
    court: Court
    clockwork: Clockwork
    reads: frozenset[str]

    def hear(
        self, person: Person, at_ms: int, name: str, key: str, data: Mapping[str, Any], chain: int,
        happened_ms: int | None = None,
    ) -> None: ...  # fmt: skip

    def enter(
        self, person: Person, came: ByHand, event: Mapping[str, Any], scope: Mapping[str, object], now: datetime, chain: int
    ) -> None: ...  # fmt: skip

    def runs_of(self, contact_id: int) -> Sequence[Passage]: ...

    def end(self, run: Any, how: str) -> None: ...

    def finish(self, until_ms: int) -> None: ...


class World:
    """Feed it events in the order of time (`happen`), then `finish` it. The flow that is asked about is the first."""

    def __init__(self, everybody: Mapping[int, Person]) -> None:
        self.people = everybody
        self.plays: list[Player] = []
        self.crowds = Crowds()
        self.places: dict[int, list[Place]] = {}  # under caps, by contact
        self.events = 0
        self._queue: list[tuple[int, int, Due]] = []
        self._count = self._runs = 0
        self._read: frozenset[str] = frozenset()

    def add(self, play: Player) -> None:
        """One more flow."""
        self.plays.append(play)
        self._read |= play.reads

    def next_id(self) -> int:
        """A run's, unlike all others."""
        self._runs += 1
        return self._runs

    def named(self, flow: str) -> Player | None:
        """The play of the flow of this name."""
        return next((each for each in self.plays if each.flow.name == flow), None)

    # -- what comes

    def begin(self, at_ms: int) -> None:
        """Time begins."""
        for play in self.plays:
            play.clockwork.begin(from_ms(at_ms))

    def happen(
        self, at_ms: int, name: str, contact_id: int | None, key: str, text: str, happened_ms: int | None = None
    ) -> None:  # fmt: skip
        """An event of the history; `text` is its data as JSON, `happened_ms` when it happened, where it is told of later."""
        self.events += 1
        self._until(at_ms)
        person = self.people.get(contact_id or 0)
        if person is not None:
            data = _record(text) if name in self._read else {}
            self.come(person, at_ms, name, key, data, happened_ms=happened_ms)

    def come(
        self, person: Person, at_ms: int, name: str, key: str, data: Mapping[str, Any], chain: int = 0,
        happened_ms: int | None = None,
    ) -> None:  # fmt: skip
        """Something is heard of somebody now, which happened now or earlier; `chain` is how many runs led to it."""
        people.note(person, name, data, at_ms if happened_ms is None else happened_ms)
        if name == "mail.delivered" and self.named(str(data.get("flow", ""))) is None:
            self._note_other(person, at_ms, data)
        for play in self.plays:
            play.hear(person, at_ms, name, key, data, chain, happened_ms)

    def _note_other(self, person: Person, at_ms: int, data: Mapping[str, Any]) -> None:
        """A mail that somebody else wrote: it takes a place under the caps."""
        now = from_ms(at_ms)
        self.plays[0].court.note(person, now, str(data.get("flow", "")), str(data.get("list", "")))
        self.crowds.one_more(person.id, now.astimezone(person.zone).date())

    # -- flows among each other

    def start(self, flow: str, person: Person, data: Mapping[str, Any], now: datetime, chain: int = 0) -> bool:
        """Let somebody into a flow by hand, or by another flow. False where it is not played."""
        play = self.named(flow)
        if play is not None:
            scope = facts.scope(person.facts(), dict(data), now, person.zone)
            play.enter(person, ByHand(), data, scope, now, chain)
        return play is not None

    def stop(self, flow: str, person: Person, but: int) -> None:
        """End somebody's runs in a flow, except the one that says so."""
        play = self.named(flow)
        if play is not None:
            for run in [each for each in play.runs_of(person.id) if each.id != but]:
                play.end(run, "exit")

    def held(self, person: Person, but: int) -> Iterator[Held]:
        """The mails of somebody that are held, except that of one run."""
        for play in self.plays:
            yield from (run.held for run in play.runs_of(person.id) if run.held and run.id != but)

    # -- time

    def put(self, at_ms: int, due: Due) -> None:
        """Have something done at a time."""
        self._count += 1
        heapq.heappush(self._queue, (at_ms, self._count, due))

    def settle(self, at_ms: int) -> None:
        """All that is due until then happens, that moment too."""
        self._until(at_ms + 1)

    def finish(self, until_ms: int) -> None:
        """The history is over: what is due until then happens, nothing after it."""
        self.settle(until_ms)
        for play in self.plays:
            play.finish(until_ms)

    def _until(self, at_ms: int) -> None:
        """All that is due before that: what happens in the very moment of an event comes after the event."""
        queue = self._queue
        while queue and queue[0][0] < at_ms:
            now_ms, _, due = heapq.heappop(queue)
            due(from_ms(now_ms))


def _record(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}

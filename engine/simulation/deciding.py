"""Splits that choose their own winner, in a simulation: judged as in the living flow (engine.running.winners), by what the
history tells that people did, or by rates that were stated."""

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from engine.campaigns.winning import Count, judge
from engine.flow.model import Definition, Send, Split, Winner, walk
from engine.flow.shares import share_of
from engine.running.winners import EVENTS, EVERY, WINDOW

WINDOW_MS: Final = WINDOW // timedelta(milliseconds=1)
EVERY_MS: Final = EVERY // timedelta(milliseconds=1)
Rates = Mapping[tuple[str, str], float]
"""What share of the people of a way does what is counted, by split and way."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a split came to. `winner` "" is none; `at_ms` None: it was not judged, as too few people came, or as its winner
    was stated."""

    split: str
    at_ms: int | None
    winner: str
    words: str


@dataclass(slots=True)
class _Open:
    """A split that was not judged yet."""

    split: Split
    winner: Winner
    steps: frozenset[str]  # the sends of its ways
    went: dict[int, tuple[str, int]] = field(default_factory=dict)  # by contact: the way, and until when it counts
    order: deque[int] = field(default_factory=deque)  # contacts, as they went
    did: set[int] = field(default_factory=set)
    people: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)


class Deciding:
    """The splits of one flow. `stated` winners are not judged."""

    def __init__(self, flow: Definition, stated: Mapping[str, str], rates: Rates) -> None:
        self._flow, self._rates = flow, rates
        self.winners = dict(stated)
        splits = [each for each in walk(flow.steps) if isinstance(each, Split)]
        self.verdicts = [Verdict(step, None, way, "as was stated") for step, way in stated.items()]
        self._open = {
            each.id: _Open(each, each.winner, _sends(each))
            for each in splits
            if each.winner is not None and each.id not in stated
        }
        self.events = frozenset(EVENTS[each.winner.metric] for each in self._open.values())

    def took(self, split: str, contact_id: int, way: str, now_ms: int) -> None:
        """Somebody goes a way: it counts the first time."""
        found = self._open.get(split)
        if found is not None and contact_id not in found.went:
            found.went[contact_id] = (way, now_ms + WINDOW_MS)
            found.order.append(contact_id)

    def heard(self, contact_id: int, name: str, data: Mapping[str, Any], now_ms: int) -> None:
        """Somebody did something."""
        for each in self._open.values():
            went = each.went.get(contact_id)
            if went is not None and now_ms <= went[1] and EVENTS[each.winner.metric] == name:
                is_order = each.winner.metric == "orders"
                is_ours = data.get("flow") == self._flow.name and (not each.steps or data.get("step") in each.steps)
                if is_order or is_ours:
                    each.did.add(contact_id)

    def settle(self, now_ms: int) -> None:
        """Count those whose time is over, hour by hour; judge at the end of the hour in which each way had people enough."""
        for name, each in list(self._open.items()):
            while each.order and (hour_ms := _end_of_hour(each.went[each.order[0]][1])) <= now_ms:
                while each.order and each.went[each.order[0]][1] <= hour_ms:
                    self._count(each, each.order.popleft())
                if min(each.people[way.label] for way in each.split.ways) >= each.winner.least:
                    self._judge(name, each, hour_ms)
                    break

    def report(self) -> Iterator[Verdict]:
        """What came of each split; of one that was not judged, how far it came."""
        yield from self.verdicts
        for name, each in self._open.items():
            told = ", ".join(
                f"{way.label} {each.done[way.label]} of {each.people[way.label]}" for way in each.split.ways
            )
            words = f"not judged: {each.winner.least} people on each way are needed ({told}; {self._basis(each)})"
            yield Verdict(name, None, "", words)

    def _count(self, each: _Open, contact_id: int) -> None:
        way = each.went[contact_id][0]
        each.people[way] += 1
        rate = self._rates.get((each.split.id, way))
        drawn = rate is not None and share_of("rate", self._flow.name, each.split.id, contact_id) < rate
        each.done[way] += drawn if rate is not None else contact_id in each.did

    def _judge(self, name: str, each: _Open, now_ms: int) -> None:
        counts = {way.label: Count(each.people[way.label], each.done[way.label]) for way in each.split.ways}
        judged = judge(counts, each.winner.significance)
        self.verdicts.append(Verdict(name, now_ms, judged.winner, f"{judged.words}; {self._basis(each)}"))
        if judged.winner:
            self.winners[name] = judged.winner
        del self._open[name]

    def _basis(self, each: _Open) -> str:
        stated = [way.label for way in each.split.ways if (each.split.id, way.label) in self._rates]
        if not stated:
            return f"{each.winner.metric} as the history tells of them"
        told = ", ".join(f"{way} {100 * self._rates[each.split.id, way]:.3g}%" for way in stated)
        rest = "" if len(stated) == len(each.split.ways) else ", the others as the history tells"
        return f"{each.winner.metric} by stated rates: {told}{rest}"


def _end_of_hour(at_ms: int) -> int:
    return -(-at_ms // EVERY_MS) * EVERY_MS


def _sends(split: Split) -> frozenset[str]:
    return frozenset(each.id for way in split.ways for each in walk(way.steps) if isinstance(each, Send))

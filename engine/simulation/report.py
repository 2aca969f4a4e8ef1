"""What a simulation says, in words for a terminal of 80 columns, and as plain data."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import timedelta
from itertools import chain
from typing import Any, Final

from engine.flow.model import Definition
from engine.simulation.deciding import Verdict
from engine.simulation.people import Person
from engine.simulation.playing import Simulated
from engine.simulation.plot import WIDTH, bars
from engine.simulation.tally import CROWDED, Mail, Tally
from mta.ports import from_ms

INDENT: Final = 13


def lines(flow: Definition, found: Simulated) -> Iterator[str]:
    """The report, line by line."""
    tally, people = found.tally, found.people
    yield f"Flow {flow.name}, version {flow.short_version}, {flow.stream.word}"
    if tally.began_ms is None:
        yield "Nothing happened in that time: there are no events to play it over."
        return
    began, ended = from_ms(tally.began_ms), from_ms(tally.ended_ms)
    days = (ended - began) // timedelta(days=1) + 1
    yield f"over {tally.events:,} events from {began:%Y-%m-%d} to {ended:%Y-%m-%d} ({days:,} days), {len(people):,} people"
    yield ""
    yield f"Entered      {tally.entered:>9,}  by {len(tally.people):,} people"
    if tally.renewed:
        yield f"Renewed      {tally.renewed:>9,}  newer events with the same key"
    yield from _counts("Not entered", {str(word): count for word, count in tally.barred.most_common()})
    yield from _counts("Ended", dict(tally.ended.most_common()) | ({"still under way": tally.under_way}))
    yield from _counts("Failed", dict(tally.failures.most_common(5)))
    yield ""
    yield f"Mails        {len(tally.mails):>9,}  to {tally.mails.people:,} people"
    yield from _counts("", tally.mails.by_step())
    yield from _counts("Refused", _joined(tally.refused))
    yield from _counts("Held", _joined(tally.held))
    yield from _counts("Actions", _joined(tally.actions))
    for verdict in tally.verdicts:
        yield from _verdict(verdict)
    yield from _beside(found)
    yield ""
    yield f"{found.crowds.days:>9,}  times somebody would get {CROWDED} mails or more in one day"
    yield from (f"{'':>11}{_who(people, each.contact_id)} on {each.day}" for each in found.crowds.first[:5])
    bought = sum(each.after_purchase.total() for each in found.tallies)
    yield f"{bought:>9,}  mails would come after an order was placed since the run began"
    examples = [mail for each in found.tallies for mail in each.late_examples]
    yield from (f"{'':>11}{_of(people, each)}" for each in examples[:5])
    yield ""
    times = chain.from_iterable(each.mails.times for each in found.tallies)
    yield from bars(times, tally.began_ms, tally.ended_ms, "Mails")


def _verdict(verdict: Verdict) -> Iterator[str]:
    """What a split came to, in lines that fit."""
    if verdict.at_ms is None:
        told = f"{verdict.split}: " + (f"{verdict.winner}, {verdict.words}" if verdict.winner else verdict.words)
    else:
        told = f"{verdict.split}, judged on {from_ms(verdict.at_ms):%Y-%m-%d}: {verdict.words}"
    first, *rest = textwrap.wrap(told, WIDTH - INDENT)
    yield f"{'Split':<{INDENT}}{first}"
    yield from (f"{'':<{INDENT}}{each}" for each in rest)


def _beside(found: Simulated) -> Iterator[str]:
    """The flows that were played with it, and those that it starts and that were not."""
    if found.others:
        yield ""
    for name, tally in found.others.items():
        yield f"Beside it    {tally.entered:>9,}  entered {name}: {len(tally.mails):,} mails to {tally.mails.people:,} people"
        yield from _counts("", {f"{name}, {step}": count for step, count in tally.mails.by_step().items()})
        yield from _counts("", {f"{name}, refused: {each}": count for each, count in _joined(tally.refused).items()})
        for verdict in tally.verdicts:
            yield from _verdict(verdict)
    if found.others:
        people = {each.contact_id for tally in found.tallies for each in tally.mails}
        yield f"Together     {sum(len(each.mails) for each in found.tallies):>9,}  mails to {len(people):,} people"
    unplayed: Counter[str] = Counter()
    for each in found.tallies:
        unplayed += each.unplayed
    for name, count in unplayed.most_common():
        yield f"Not played   {count:>9,}  starts of {name}: play it too with --with"


def as_json(flow: Definition, found: Simulated) -> dict[str, Any]:
    """The same as plain data, with the mails of each day."""
    return _tally(found.tally) | {
        "flow": flow.name, "version": flow.version, "beside": {name: _tally(each) for name, each in found.others.items()},
        "three_in_a_day": found.crowds.days,
    }  # fmt: skip


def _tally(tally: Tally) -> dict[str, Any]:
    days = Counter(from_ms(each).date().isoformat() for each in tally.mails.times)
    return {
        "events": tally.events, "began_ms": tally.began_ms,
        "ended_ms": tally.ended_ms, "entered": tally.entered, "people": len(tally.people), "renewed": tally.renewed,
        "not_entered": {str(word): count for word, count in tally.barred.items()}, "ended": dict(tally.ended),
        "failed": dict(tally.failures), "under_way": tally.under_way, "mails": len(tally.mails),
        "mailed_people": tally.mails.people, "by_step": tally.mails.by_step(), "by_day": dict(sorted(days.items())),
        "refused": _joined(tally.refused), "held": _joined(tally.held), "actions": _joined(tally.actions),
        "after_purchase": dict(tally.after_purchase), "splits": [asdict(each) for each in tally.verdicts],
        "not_played": dict(tally.unplayed),
    }  # fmt: skip


def _counts(title: str, counts: Mapping[str, int]) -> Iterator[str]:
    for place, (word, count) in enumerate(counts.items()):
        if count:
            yield f"{title if place == 0 else '':<12} {count:>9,}  {word}"


def _joined(counts: Counter[tuple[str, str]]) -> dict[str, int]:
    return {f"{step}: {reason}": count for (step, reason), count in counts.most_common()}


def _of(people: Mapping[int, Person], mail: Mail) -> str:
    return f"{mail.step} to {_who(people, mail.contact_id)} at {from_ms(mail.at_ms):%Y-%m-%d %H:%M} UTC"


def _who(people: Mapping[int, Person], contact_id: int) -> str:
    person = people.get(contact_id)
    return person.address if person else f"contact {contact_id}"

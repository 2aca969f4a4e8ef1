"""What a simulation says, in words for a terminal of 80 columns, and as plain data."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from engine.flow.model import Definition
from engine.simulation.people import Person
from engine.simulation.plot import bars
from engine.simulation.tally import CROWDED, Mail, Tally
from mta.ports import from_ms


def lines(flow: Definition, tally: Tally, people: Mapping[int, Person]) -> Iterator[str]:
    """The report, line by line."""
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
    yield ""
    yield f"{tally.crowded_days:>9,}  times somebody would get {CROWDED} mails or more in one day"
    yield from (f"{'':>11}{_who(people, each.contact_id)} on {each.day}" for each in tally.crowded[:5])
    yield f"{tally.after_purchase.total():>9,}  mails would come after an order was placed since the run began"
    yield from (f"{'':>11}{_of(people, each)}" for each in tally.late_examples[:5])
    yield ""
    yield from bars(tally.mails.times, tally.began_ms, tally.ended_ms, "Mails")


def as_json(flow: Definition, tally: Tally) -> dict[str, Any]:
    """The same as plain data, with the mails of each day."""
    days = Counter(from_ms(each).date().isoformat() for each in tally.mails.times)
    return {
        "flow": flow.name, "version": flow.version, "events": tally.events, "began_ms": tally.began_ms,
        "ended_ms": tally.ended_ms, "entered": tally.entered, "people": len(tally.people), "renewed": tally.renewed,
        "not_entered": {str(word): count for word, count in tally.barred.items()}, "ended": dict(tally.ended),
        "failed": dict(tally.failures), "under_way": tally.under_way, "mails": len(tally.mails),
        "mailed_people": tally.mails.people, "by_step": tally.mails.by_step(), "by_day": dict(sorted(days.items())),
        "refused": _joined(tally.refused), "held": _joined(tally.held), "actions": _joined(tally.actions),
        "three_in_a_day": tally.crowded_days, "after_purchase": dict(tally.after_purchase),
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

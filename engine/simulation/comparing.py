"""Two versions over the same history, mail by mail: which only one of them writes, and which come at another time.

Two mails are the same mail when they are the same contact's, of the same step, and the same one in the row of those. Mails of
flows that were played beside the versions count too: what a version starts, or takes the place of.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.flow.model import Definition
from engine.simulation.people import Person
from engine.simulation.playing import Simulated
from engine.simulation.tally import Mail
from mta.ports import from_ms

_Name = tuple[str, int, str, int]


@dataclass(slots=True)
class Comparison:
    """Mails of both versions: `moved` are (before, after), of another time or another template."""

    same: int = 0
    removed: list[Mail] = field(default_factory=list)
    added: list[Mail] = field(default_factory=list)
    moved: list[tuple[Mail, Mail]] = field(default_factory=list)

    @property
    def is_nothing(self) -> bool:
        return not (self.removed or self.added or self.moved)


def compare(before: Simulated, after: Simulated) -> Comparison:
    """Both versions' mails beside each other."""
    found, old = Comparison(), dict(_named(before))
    for name, mail in _named(after):
        was = old.pop(name, None)
        if was is None:
            found.added.append(mail)
        elif was == mail:
            found.same += 1
        else:
            found.moved.append((was, mail))
    found.removed = sorted(old.values(), key=lambda each: each.at_ms)
    return found


def _named(found: Simulated) -> Iterator[tuple[_Name, Mail]]:
    seen: Counter[tuple[str, int, str]] = Counter()
    for flow, tally in (("", found.tally), *found.others.items()):
        for mail in tally.mails:
            told = mail._replace(step=f"{flow}: {mail.step}") if flow else mail
            seen[flow, mail.contact_id, mail.step] += 1
            yield (flow, mail.contact_id, mail.step, seen[flow, mail.contact_id, mail.step]), told


def lines(
    old: tuple[Definition, Simulated], new: tuple[Definition, Simulated], found: Comparison, people: Mapping[int, Person],
    limit: int,
) -> Iterator[str]:  # fmt: skip
    """The difference, line by line; of each kind at most `limit` mails are named."""
    (before, of_old), (after, of_new) = old, new
    was, now = of_old.tally, of_new.tally
    yield f"Against version {after.short_version}" + (f" of {after.name}" if after.name != before.name else "")
    for word, one, other in (
        ("entered", was.entered, now.entered), ("mails", len(was.mails), len(now.mails)),
        *(
            (f"mails of {name}", _mails(of_old, name), _mails(of_new, name))
            for name in sorted({*of_old.others, *of_new.others})
        ),
        ("goals", was.ended["goal"], now.ended["goal"]), ("refused", was.refused.total(), now.refused.total()),
        ("three in a day", of_old.crowds.days, of_new.crowds.days),
        ("after a purchase", was.after_purchase.total(), now.after_purchase.total()),
    ):  # fmt: skip
        yield f"  {word:<18} {one:>9,} -> {other:>9,}  {other - one:+,}"
    yield ""
    if found.is_nothing:
        yield f"All {found.same:,} mails are the same."
        return
    yield f"{found.same:,} mails are the same, {len(found.moved):,} come otherwise,"
    yield f"{len(found.removed):,} come no more (-), {len(found.added):,} are new (+)"
    steps = Counter(each.step for each in found.removed), Counter(each.step for each in found.added)
    for step in sorted(steps[0].keys() | steps[1].keys()):
        yield f"  {step:<32} -{steps[0][step]:,} +{steps[1][step]:,}"
    for sign, mails in (("-", found.removed), ("+", found.added)):
        yield from (f"{sign} {_told(each, people)}" for each in mails[:limit])
        yield from _more(sign, len(mails), limit)
    for mail, then in found.moved[:limit]:
        template = f", {mail.template} -> {then.template}" if mail.template != then.template else ""
        yield f"~ {_told(mail, people)} -> {from_ms(then.at_ms):%m-%d %H:%M}{template}"
    yield from _more("~", len(found.moved), limit)


def _mails(found: Simulated, flow: str) -> int:
    return len(found.others[flow].mails) if flow in found.others else 0


def as_json(found: Comparison, people: Mapping[int, Person]) -> dict[str, Any]:
    """All of it."""
    return {
        "same": found.same, "removed": [_row(each, people) for each in found.removed],
        "added": [_row(each, people) for each in found.added],
        "moved": [_row(one, people) | {"then_ms": other.at_ms, "then": other.template} for one, other in found.moved],
    }  # fmt: skip


def _row(mail: Mail, people: Mapping[int, Person]) -> dict[str, Any]:
    person = people.get(mail.contact_id)
    return mail._asdict() | {"address": person.address if person else ""}


def _told(mail: Mail, people: Mapping[int, Person]) -> str:
    person = people.get(mail.contact_id)
    return f"{from_ms(mail.at_ms):%Y-%m-%d %H:%M}  {mail.step:<20} {person.address if person else mail.contact_id}"


def _more(sign: str, count: int, limit: int) -> Iterator[str]:
    if count > limit:
        yield f"{sign} ... {count - limit:,} more (--limit)"

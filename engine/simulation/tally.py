"""What a simulation counts: who entered, which mails went when, what kept others back, how runs ended.

Mails are kept in arrays of numbers (twenty octets each), so that a million of them are 20 MB.
"""

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple

from engine.simulation.deciding import Verdict

CROWDED: Final = 3  # mails in one day of a person's: too many
EXAMPLES: Final = 10


class Mail(NamedTuple):
    """A mail that would have been written."""

    contact_id: int
    at_ms: int
    step: str
    template: str


@dataclass(slots=True)
class Mails:
    """All of them, in the order in which they were written."""

    _contacts: "array[int]" = field(default_factory=lambda: array("q"))
    _times: "array[int]" = field(default_factory=lambda: array("q"))
    _kinds: "array[int]" = field(default_factory=lambda: array("l"))
    _names: list[tuple[str, str]] = field(default_factory=list)
    _places: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, mail: Mail) -> None:
        kind = (mail.step, mail.template)
        if kind not in self._places:
            self._places[kind] = len(self._names)
            self._names.append(kind)
        self._contacts.append(mail.contact_id)
        self._times.append(mail.at_ms)
        self._kinds.append(self._places[kind])

    def __len__(self) -> int:
        return len(self._times)

    def __iter__(self) -> Iterator[Mail]:
        for contact_id, at_ms, kind in zip(self._contacts, self._times, self._kinds, strict=True):
            yield Mail(contact_id, at_ms, *self._names[kind])

    @property
    def people(self) -> int:
        """How many got one or more."""
        return len(set(self._contacts))

    @property
    def times(self) -> "array[int]":
        return self._times

    def by_step(self) -> dict[str, int]:
        counts = Counter(self._kinds)
        return {self._names[kind][0]: count for kind, count in counts.most_common()}


class Crowd(NamedTuple):
    """Somebody who would get too many in a day of theirs."""

    contact_id: int
    day: date


@dataclass(slots=True)
class Tally:
    events: int = 0
    began_ms: int | None = None  # the first event's time ...
    ended_ms: int = 0  # ... and the last one's
    entered: int = 0
    people: set[int] = field(default_factory=set)  # who entered
    renewed: int = 0
    barred: Counter[str] = field(default_factory=Counter)  # why not: words of engine.flow.entering.Bar
    mails: Mails = field(default_factory=Mails)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)  # (step, reason)
    held: Counter[tuple[str, str]] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)  # why runs failed
    actions: Counter[tuple[str, str]] = field(default_factory=Counter)  # (step, what it does)
    after_purchase: Counter[str] = field(default_factory=Counter)  # by step
    late_examples: list[Mail] = field(default_factory=list)
    under_way: int = 0
    unplayed: Counter[str] = field(default_factory=Counter)  # starts of flows that are not played, by their names
    verdicts: list[Verdict] = field(default_factory=list)  # of splits that choose a winner

    def mail(self, mail: Mail, *, is_after_purchase: bool) -> None:
        """This one would be written."""
        self.mails.add(mail)
        if is_after_purchase:
            self.after_purchase[mail.step] += 1
            if len(self.late_examples) < EXAMPLES:
                self.late_examples.append(mail)


@dataclass(slots=True)
class Crowds:
    """Days on which somebody would get too many mails, whoever wrote them."""

    days: int = 0
    first: list[Crowd] = field(default_factory=list)
    _days: dict[int, tuple[int, int]] = field(default_factory=dict)  # by contact: (their day, mails on it)

    def one_more(self, contact_id: int, day: date) -> None:
        """A mail of ours came to somebody on that day, whoever wrote it."""
        last, count = self._days.get(contact_id, (0, 0))
        count = count + 1 if last == day.toordinal() else 1
        self._days[contact_id] = (day.toordinal(), count)
        if count == CROWDED:
            self.days += 1
            if len(self.first) < EXAMPLES:
                self.first.append(Crowd(contact_id, day))

"""The change of a domain's keys as steps: what is done, what is under way, what somebody has to do, what comes. Pure.

A change is: make new keys, publish their records, wait until every name server of the zone shows them and what resolvers
remember is over, sign with them, leave the old records while mail signed with them may be under way, take those out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from engine.counts import counted
from engine.domains.looking import Seen, ready_at
from engine.keys import KeptKey, KeyState


class At(StrEnum):
    """Where a step stands."""

    DONE = "done"
    NOW = "now"  # it is a person's turn
    WAITS = "waits"  # it is time's turn, or the daemon's
    NEXT = "next"


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    at: At
    words: str
    until: datetime | None = None


NAMES = ("make", "publish", "seen", "remembered", "sign", "rest", "withdraw")


def steps(
    rows: Sequence[KeptKey], seen: Sequence[Seen], now: datetime, rest: timedelta, *, every: timedelta, by_itself: bool
) -> list[Step]:
    """`rest`: how long a record stays at least; `every`: how long keys sign; `by_itself`: whether the daemon switches."""
    if any(each.is_fresh for each in rows):
        return _coming(rows, seen, now, by_itself=by_itself)
    signing = [each for each in rows if each.is_signing]
    retiring = [each for each in rows if each.state is KeyState.RETIRING]
    gone = [each for each in rows if each.state is KeyState.GONE]
    if not retiring and not gone:
        return [Step("make", At.NEXT, _age(signing, now, every)), *_after("make")]
    head = [Step(name, At.DONE, words) for name, words in zip(NAMES[:4], _SAID, strict=True)]
    head.append(Step("sign", At.DONE, f"{_names(signing)} sign since {_day(max(each.since for each in signing))}"
                     if signing else "nothing signs"))  # fmt: skip
    if retiring:
        until = max(each.since + rest + each.ttl for each in retiring)
        words = f"leave the records of {_names(retiring)} published until {_day(until)}"
        return [*head, Step("rest", At.WAITS, words, until), *_after("rest")]
    head.append(Step("rest", At.DONE, f"{_names(gone)} rested, and the private halves were deleted"))
    words = f'set the records of {_names(gone)} to "v=DKIM1; p=", or remove them'
    return [*head, Step("withdraw", At.NOW, words)]


_SAID = ("new keys were made", "their records were published", "every name server shows them", "nobody remembers else")


def _coming(rows: Sequence[KeptKey], seen: Sequence[Seen], now: datetime, *, by_itself: bool) -> list[Step]:
    """New keys are there, and sign nothing yet."""
    fresh = [each for each in rows if each.is_fresh]
    made = Step("make", At.DONE, f"{_names(fresh)}, made on {_day(min(each.created for each in fresh))}")
    looked = [each for each in seen if each.key.is_fresh]
    shown = [each for each in looked if each.shown]
    if len(shown) < len(fresh):
        words = f"publish {_records(len(fresh) - len(shown))} of {_names(_not(fresh, shown))}"
        return [made, Step("publish", At.NOW, words), Step("seen", At.WAITS, _servers(looked)), *_after("seen")]
    found = [made, Step("publish", At.DONE, "their records are published"), Step("seen", At.DONE, _servers(looked))]
    at = ready_at(looked)
    if at is None or now < at:
        words = "resolvers may remember what was there before" + (f" until {at:%H:%M:%S} UTC" if at else "")
        return [*found, Step("remembered", At.WAITS, words, at), *_after("remembered")]
    found.append(Step("remembered", At.DONE, "nobody remembers what was there before"))
    words = "the daemon signs with them at its next look" if by_itself else "sign with them"
    return [*found, Step("sign", At.WAITS if by_itself else At.NOW, words), *_after("sign")]


def _not(keys: Iterable[KeptKey], seen: Iterable[Seen]) -> list[KeptKey]:
    names = {each.key.selector for each in seen}
    return [each for each in keys if each.selector not in names]


def _servers(seen: Sequence[Seen]) -> str:
    servers = dict.fromkeys(name for each in seen for name in each.asked)
    if not servers:
        return "the name servers were not asked yet"
    showing = [name for name in servers if all(name in each.asked and name not in (each.faults or {}) for each in seen)]
    return f"{len(showing)} of {len(servers)} name servers show them"


_COMES = {
    "publish": "publish their records",
    "seen": "every name server of the zone is asked",
    "remembered": "what resolvers remember must be over",
    "sign": "mail is signed with the new keys",
    "rest": "the old records stay while mail signed with them may be under way",
    "withdraw": "take the old records out",
}


def _after(name: str) -> list[Step]:
    return [Step(each, At.NEXT, _COMES[each]) for each in NAMES[NAMES.index(name) + 1 :]]


def _age(signing: Sequence[KeptKey], now: datetime, every: timedelta) -> str:
    if not signing:
        return "no key signs: make keys"
    since = max(each.since for each in signing)
    words = f"{_names(signing)} {'signs' if len(signing) == 1 else 'sign'} for {counted((now - since).days, 'day')}"
    return f"{words}; new ones are made on {_day(since + every)}" if every else f"{words}; change them twice a year"


def _names(keys: Iterable[KeptKey]) -> str:
    return " and ".join(each.selector for each in keys)


def _records(count: int) -> str:
    return "the record" if count == 1 else f"the {count} records"


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"

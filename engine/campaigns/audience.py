"""Who a campaign is for, read in parts by the contact's number: a window of numbers at a time, whatever the lists' sizes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.campaigns.model import Audience, Group
from engine.campaigns.states import Fate
from mta.ports import Tx

WINDOW: Final = 400  # contact numbers in one part: a few milliseconds to write
LEFT_OUT: Final = {
    "lists": "on a list that is left out", "segments": "in a segment that is left out",
    "tags": "has a tag that is left out",
}  # fmt: skip
NOT_IN_SEGMENT: Final = "in none of the segments"


class NoSuchGroup(LookupError):
    """A list or a segment that a campaign names is not there; the words say which."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the audience. `reason` is not "" where they are left out."""

    contact_id: int
    list_id: int  # the first of the campaign's lists that they are on; 0 is none
    zone: str
    reason: str = ""
    variant: str | None = None  # what they got, where they are written to again


@dataclass(frozen=True, slots=True)
class Part:
    """The people of a window of contact numbers, and the last number of it."""

    people: tuple[Person, ...]
    cursor: int


@dataclass(frozen=True, slots=True)
class Groups:
    """An audience by the numbers of its lists and segments."""

    lists: tuple[int, ...]
    segments: tuple[int, ...]
    minus_lists: tuple[int, ...]
    minus_segments: tuple[int, ...]
    minus_tags: tuple[str, ...]
    parent_id: int | None = None  # only those of this run who did not open it


def groups(tx: Tx, audience: Audience, parent_id: int | None = None) -> Groups:
    """NoSuchGroup where a name is nobody's."""
    return Groups(
        _ids(tx, "list", audience.of.lists), _ids(tx, "segment", audience.of.segments),
        _ids(tx, "list", audience.minus.lists), _ids(tx, "segment", audience.minus.segments), audience.minus.tags,
        parent_id,
    )  # fmt: skip


def missing(tx: Tx, group: Group) -> list[str]:
    """The lists and segments of it that are not there, in words."""
    found = []
    for kind, names in (("list", group.lists), ("segment", group.segments)):
        found += [f"there is no {kind} {name[:70]}" for name in names if _id(tx, kind, name) is None]
    return found


def read_part(tx: Tx, of: Groups, after: int) -> Part | None:
    """The people whose numbers follow `after`; None when there are no more."""
    start = _first(tx, of, after)
    if start is None:
        return None
    end = start + WINDOW - 1
    people: dict[int, Person] = {}
    rank = {list_id: at for at, list_id in enumerate(of.lists)}
    for contact_id, list_id, zone, variant, *left_out in tx.query(*_select(of, start, end)):
        known = people.get(contact_id)
        if known is None or rank.get(list_id, 0) < rank.get(known.list_id, 0):
            reason = next((words for words, is_so in zip(_words(of), left_out, strict=True) if is_so), "")
            people[contact_id] = Person(contact_id, list_id, zone, reason, variant)
    return Part(tuple(people.values()), end)


def _first(tx: Tx, of: Groups, after: int) -> int | None:
    """The smallest number after that one that anybody of them may have."""
    if of.parent_id is not None:
        asked = [("campaign_recipient WHERE run_id = ?", of.parent_id)]
    elif of.lists:
        asked = [("subscription WHERE list_id = ?", each) for each in of.lists]
    else:
        asked = [("segment_member WHERE segment_id = ?", each) for each in of.segments]
    found = []
    for table, which in asked:
        row = tx.one(f"SELECT min(contact_id) FROM {table} AND contact_id > ?", (which, after))
        if row is not None and row[0] is not None:
            found.append(int(row[0]))
    return min(found, default=None)


def _words(of: Groups) -> list[str]:
    asked = (
        (bool(of.segments and of.lists and of.parent_id is None), NOT_IN_SEGMENT),
        (bool(of.minus_lists), LEFT_OUT["lists"]), (bool(of.minus_segments), LEFT_OUT["segments"]),
        (bool(of.minus_tags), LEFT_OUT["tags"]),
    )  # fmt: skip
    return [words for is_asked, words in asked if is_asked]


def _select(of: Groups, start: int, end: int) -> tuple[str, Sequence[Any]]:
    """One row for each person and list: number, list, zone, and what leaves them out, in the order of `_words`."""
    params: list[Any] = []
    flags = []
    if of.segments and of.lists and of.parent_id is None:
        flags.append(f"NOT EXISTS ({_in('segment_member', 'segment_id', of.segments, params)})")
    if of.minus_lists:
        flags.append(f"EXISTS ({_in('subscription', 'list_id', of.minus_lists, params)} AND x.state = 'confirmed')")
    if of.minus_segments:
        flags.append(f"EXISTS ({_in('segment_member', 'segment_id', of.minus_segments, params)})")
    if of.minus_tags:
        flags.append(f"EXISTS ({_in('tag', 'tag', of.minus_tags, params)})")
    more = "".join(f", CASE WHEN {each} THEN 1 ELSE 0 END" for each in flags)
    table, list_id, where, which = _from(of)
    variant = "NULL" if of.parent_id is None else "p.variant"
    sql = (
        f"SELECT p.contact_id, {list_id}, c.zone, {variant}{more} FROM {table} p JOIN contact c ON c.id = p.contact_id"
        f" WHERE {where} AND p.contact_id BETWEEN ? AND ? ORDER BY p.contact_id"
    )
    return sql, [*params, *which, start, end]


def _from(of: Groups) -> tuple[str, str, str, Sequence[Any]]:
    if of.parent_id is not None:
        where = "p.run_id = ? AND p.state = ? AND p.opened_ms IS NULL AND p.clicked_ms IS NULL"
        return "campaign_recipient", "p.list_id", where, (of.parent_id, str(Fate.DELIVERED))
    if of.lists:
        where = f"p.list_id IN ({','.join('?' * len(of.lists))}) AND p.state = 'confirmed'"
        return "subscription", "p.list_id", where, of.lists
    return "segment_member", "0", f"p.segment_id IN ({','.join('?' * len(of.segments))})", of.segments


def _in(table: str, column: str, values: Sequence[Any], params: list[Any]) -> str:
    params += values
    marks = ",".join("?" * len(values))
    return f"SELECT 1 FROM {table} x WHERE x.contact_id = p.contact_id AND x.{column} IN ({marks})"


def _ids(tx: Tx, kind: str, names: Sequence[str]) -> tuple[int, ...]:
    found = []
    for name in names:
        number = _id(tx, kind, name)
        if number is None:
            raise NoSuchGroup(f"there is no {kind} {name[:70]}")
        found.append(number)
    return tuple(found)


def _id(tx: Tx, kind: str, name: str) -> int | None:
    removed = " AND removed = 0" if kind == "segment" else ""
    row = tx.one(f"SELECT id FROM {kind} WHERE name = ?{removed}", (name,))
    return None if row is None else int(row[0])

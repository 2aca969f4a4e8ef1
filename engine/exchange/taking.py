"""Taking people in: what a chunk of rows does to contacts, subscriptions, suppressions and the ledger, in one commit.

An import never brings anybody back: who is suppressed, or has left a list, stays so, and who waits for a confirmation goes
on waiting. It tells of departures, though: an address that left elsewhere leaves here. What a file says of a person fills
what was empty; `overwrite` writes over it. No event is written for a person of an import, since flows welcome and remind
people for what they did, and these did nothing. Of somebody who had their data erased, and is known again by what they did
since, nothing that the file says is written down but that they left, until an operator lifts the erasure.

What a row says and what came of it are two things, and the ledger keeps both: `lists` as the file has them, and `kept`,
where the person stands with each of them once the row is written (`suppressed` where they were kept from it).
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from engine.audience import batches, figures, lists, subscriptions, suppression, tags
from engine.audience.batches import Leaf
from engine.audience.ledger import canonical
from engine.audience.subscriptions import LEFT
from engine.audience.suppression import ALL_LISTS, Reason, suppress
from engine.exchange.people import Person, Standing
from mta.ports import Tx, to_ms

_CHUNK: Final = 500  # keys in one question
_FILLED: Final = ("name", "locale", "zone", "birthday", "external_id")


@dataclass(slots=True)
class Taken:
    """What became of a chunk."""

    leaves: list[Leaf] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)  # row: why
    made: int = 0
    stopped: int = 0


@dataclass(slots=True)
class _Known:
    """A contact that is there."""

    id: int
    values: dict[str, Any]  # _FILLED
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Row:
    """One that is taken. `is_plain`: nothing that was there before can have made of it something else than it says."""

    person: Person
    leaf: Leaf
    contact_id: int
    barred: Collection[int]  # the lists that a suppression keeps them from, or ALL_LISTS
    reasons: Collection[str]  # of suppressions of all marketing mail
    is_plain: bool


def commit(people: Sequence[Person], salts: bytes) -> list[Leaf]:
    """What the ledger will keep of each if all of it comes as the row says: most do, and so are reckoned before anybody
    waits for the transaction. `salts`: unguessable octets, batches.SALT_OCTETS for each."""
    size = batches.SALT_OCTETS
    return [
        Leaf.of(person.row, salts[place * size : (place + 1) * size], canonical(_told(person)))
        for place, person in enumerate(people)
    ]


def take(
    tx: Tx, batch_id: int, people: Sequence[Person], leaves: Sequence[Leaf], now: datetime, *, overwrite: bool = False
) -> Taken:
    """Write these people down. `leaves`: what `commit` made of each."""
    taken, source, now_ms = Taken(), batches.source_of(batch_id), to_ms(now)
    keys = list({each.key for each in people})
    known = _known(tx, keys)
    were = {each.id for each in known.values()}
    stops = suppression.standing(tx, keys)
    holders = _holders(tx, {each.external_id for each in people if each.external_id})
    standings: list[tuple[Any, ...]] = []
    left: list[tuple[Any, ...]] = []
    to_ask: set[tuple[int, int]] = set()  # contact and list
    pairs: list[tuple[int, str]] = []  # contact and tag
    rows: list[_Row] = []
    for person, leaf in zip(people, leaves, strict=True):
        key = person.key
        stopped = stops.get(key, [])
        if reason := _refusal(person, key, stopped, known, holders):
            taken.refused[person.row] = reason
            continue
        contact = known.get(key)
        is_new, is_erased = contact is None, _is_erased(stopped)
        if contact is None:
            contact = known[key] = _make(tx, person, source, now_ms)
            taken.made += 1
        elif not is_erased:
            _fill(tx, contact, person, overwrite)
        if not is_erased:
            if person.external_id:
                holders.setdefault(person.external_id, contact.id)
            pairs += [(contact.id, each) for each in person.tags]
        barred = {ALL_LISTS} if _stop(tx, person, key, now) else {list_id for _, list_id in stopped}
        for each in person.standings:
            if each.state == "unsubscribed":
                left.append(_standing_row(contact.id, each, source, now_ms))
            elif not barred & {ALL_LISTS, each.list_id}:
                standings.append(_standing_row(contact.id, each, source, now_ms))
                to_ask |= {(contact.id, each.list_id)} if each.is_to_ask else set()
        taken.stopped += bool(barred)
        reasons = {reason for reason, list_id in stopped if list_id == ALL_LISTS} | {
            str(each.reason) for each in person.stops
        }
        rows.append(_Row(person, leaf, contact.id, barred, reasons, is_new and len(person.standings) < 2))
    ids = {row[0] for row in (*standings, *left)}
    with figures.kept(tx, sorted(ids & were), sorted(ids), imported=now):
        tx.executemany(_STAND, _with_ends(tx, standings, to_ask, now))
        if left:
            tx.executemany(_LEAVE, left)
    if pairs:
        tags.pin_many(tx, pairs, now, known=were)
    _witness(tx, rows, taken)
    return taken


def _witness(tx: Tx, rows: Sequence[_Row], taken: Taken) -> None:
    """Have each row's leaf say what came of it, now that it is written."""
    there = _standings(tx, sorted({each.contact_id for each in rows if not each.is_plain and each.person.standings}))
    names = (
        dict(tx.query("SELECT id, name FROM list")) if any(each.barred or not each.is_plain for each in rows) else {}
    )
    for each in rows:
        leaf = each.leaf
        if each.barred or not each.is_plain:
            kept = {names[one.list_id]: _came_of(one, each, there) for one in each.person.standings}
            facts = canonical(_told(each.person, kept, each.reasons))
            leaf = Leaf.of(leaf.row, leaf.salt, facts) if facts != leaf.facts else leaf
        leaf.contact_id = each.contact_id
        taken.leaves.append(leaf)


def _standings(tx: Tx, ids: Sequence[int]) -> dict[tuple[int, int], str]:
    """Where these contacts stand: {(contact, list): state}."""
    found: dict[tuple[int, int], str] = {}
    for start in range(0, len(ids), _CHUNK):
        part = ids[start : start + _CHUNK]
        rows = tx.query(
            f"SELECT contact_id, list_id, state FROM subscription WHERE contact_id IN ({','.join('?' * len(part))})",
            part,
        )
        found.update({(contact_id, list_id): state for contact_id, list_id, state in rows})
    return found


def _came_of(standing: Standing, row: _Row, there: Mapping[tuple[int, int], str]) -> str:
    state = there.get((row.contact_id, standing.list_id), standing.state)
    is_barred = ALL_LISTS in row.barred or standing.list_id in row.barred
    return "suppressed" if is_barred and state != "unsubscribed" else state


def _told(person: Person, kept: Mapping[str, str] | None = None, reasons: Collection[str] = ()) -> dict[str, Any]:
    """A row's facts: what the file says, and what came of it."""
    facts = person.facts | {"kept": person.facts["lists"] if kept is None else kept}
    return facts | {"suppressed": sorted(reasons)} if reasons else facts


_STAND: Final = (
    "INSERT INTO subscription (contact_id, list_id, state, source, asked_ms, confirmed_ms, ended_ms, due_ms, expires_ms, why)"
    " VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (contact_id, list_id) DO NOTHING"
)
# Who left elsewhere leaves here too, unless they said yes here after that.
_LEAVE: Final = (
    "INSERT INTO subscription (contact_id, list_id, state, source, asked_ms, confirmed_ms, ended_ms, why)"
    f" VALUES (?,?,?,?,?,?,?,'{LEFT}') ON CONFLICT (contact_id, list_id) DO UPDATE"
    " SET state = excluded.state, ended_ms = excluded.ended_ms, source = excluded.source, why = excluded.why,"
    " due_ms = NULL, expires_ms = NULL WHERE subscription.state <> 'unsubscribed'"
    " AND COALESCE(subscription.confirmed_ms, subscription.asked_ms) <= excluded.ended_ms"
)


def _known(tx: Tx, keys: Sequence[str]) -> dict[str, _Known]:
    found: dict[str, _Known] = {}
    for start in range(0, len(keys), _CHUNK):
        part = keys[start : start + _CHUNK]
        rows = tx.query(
            f"SELECT key, id, fields, {', '.join(_FILLED)} FROM contact WHERE key IN ({','.join('?' * len(part))})"
            " ORDER BY id" + tx.for_update(),
            part,
        )
        for key, contact_id, fields, *values in rows:
            found[key] = _Known(contact_id, dict(zip(_FILLED, values, strict=True)), json.loads(fields))
    return found


def _holders(tx: Tx, wanted: set[str]) -> dict[str, int]:
    """Who has these external ids."""
    found: dict[str, int] = {}
    ids = sorted(wanted)
    for start in range(0, len(ids), _CHUNK):
        part = ids[start : start + _CHUNK]
        marks = ",".join("?" * len(part))
        found.update(tx.query(f"SELECT external_id, id FROM contact WHERE external_id IN ({marks})", part))
    return found


def _refusal(
    person: Person,
    key: str,
    stopped: Sequence[tuple[str, int]],
    known: Mapping[str, _Known],
    holders: Mapping[str, int],
) -> str:
    """Why this row is not taken at all; "" where it is."""
    if _is_erased(stopped) and key not in known:
        return "this person had their data erased: only they themselves can come back"
    holder = holders.get(person.external_id) if person.external_id else None
    contact = known.get(key)
    if holder is not None and (contact is None or contact.id != holder):
        return f"external_id: another contact has {person.external_id} (`posthouse contact merge` makes two one)"
    return ""


def _is_erased(stopped: Sequence[tuple[str, int]]) -> bool:
    """Whether these suppressions are of somebody who had their data erased, and nobody lifted that."""
    return any(reason == Reason.ERASED for reason, _ in stopped)


def _make(tx: Tx, person: Person, source: str, now_ms: int) -> _Known:
    values = {name: getattr(person, name) for name in _FILLED} | {"external_id": person.external_id or None}
    contact_id = tx.insert(
        "INSERT INTO contact (key, address, name, locale, zone, birthday, external_id, source, fields, created_ms)"
        " VALUES (?,?,?,?,?,?,?,?,?,?)",
        (person.key, str(person.address), *values.values(), source, _json(person.fields), now_ms),
    )
    return _Known(contact_id, values, person.fields)


def _fill(tx: Tx, contact: _Known, person: Person, overwrite: bool) -> None:
    """What the row says of somebody whom we knew."""
    told = {name: value for name in _FILLED if (value := getattr(person, name))}
    values = contact.values | {name: value for name, value in told.items() if overwrite or not contact.values[name]}
    fields = contact.fields | person.fields if overwrite else person.fields | contact.fields
    if values == contact.values and fields == contact.fields:
        return
    contact.values, contact.fields = values, fields
    assigned = ", ".join(f"{name} = ?" for name in _FILLED)
    tx.execute(f"UPDATE contact SET {assigned}, fields = ? WHERE id = ?", (*values.values(), _json(fields), contact.id))


def _stop(tx: Tx, person: Person, key: str, now: datetime) -> bool:
    """Suppress where the file says so."""
    for each in person.stops:
        suppress(tx, key, each.reason, evidence=each.evidence, source="import", now=now)
    return bool(person.stops)


def _standing_row(contact_id: int, each: Standing, source: str, now_ms: int) -> tuple[Any, ...]:
    asked = each.asked_ms or each.confirmed_ms or now_ms
    confirmed = (each.confirmed_ms or now_ms) if each.state == "confirmed" else each.confirmed_ms
    ended = (each.ended_ms or now_ms) if each.state == "unsubscribed" else None
    return contact_id, each.list_id, each.state, source, min(asked, ended or asked), confirmed, ended


def _with_ends(
    tx: Tx, rows: Sequence[tuple[Any, ...]], to_ask: Collection[tuple[int, int]], now: datetime
) -> list[tuple[Any, ...]]:
    """When each of these is over, and why it waits. Who was asked elsewhere and has not answered is not asked again by an
    import: their time begins now, as if this list had asked, and ends without a reminder. Who is to be asked waits for
    that (engine.audience.entered)."""
    waiting = {row[1] for row in rows if row[2] == subscriptions.SubscriptionState.UNCONFIRMED}
    found = {list_id: lists.by_id(tx, list_id) for list_id in waiting}
    ends = {key: to_ms(now + each.settings.expire_after) for key, each in found.items() if each is not None}

    def end(row: tuple[Any, ...]) -> tuple[Any, ...]:
        if row[:2] in to_ask:
            return None, None, subscriptions.TO_ASK
        if row[2] == subscriptions.SubscriptionState.UNCONFIRMED:
            return ends[row[1]], ends[row[1]], ""
        return None, None, ""

    return [row + end(row) for row in rows]


def _json(fields: Mapping[str, Any]) -> str:
    return _ENCODER.encode(fields)


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True)

"""An operator's hand in the queue: hold, release, cancel, redirect, retry. Each change is kept with a name and a reason.

Every function works inside its caller's transaction on a bounded number of deliveries, and passes over those that are
not in a state it may change: what is in a carrier's hands is left alone, but
by `take_back`. A redirected delivery has, instead of its
recipient's domain, the next hop it was given behind `REDIRECTED`; nothing else tells it from others, and its
forward-path stays what it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mta.ports import REDIRECTED, Tx, to_ms
from mta.queue.delivery import Event, State, after
from mta.queue.hints import hint
from mta.queue.places import place

AHEAD: Final = timedelta(days=1)  # what is tried at once comes before what is due since then


@dataclass(frozen=True, slots=True)
class By:
    """Who does it, and why."""

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name}: {self.why}" if self.why else self.name


def cancel(tx: Tx, deliveries: Sequence[int], by: By, now: datetime) -> int:
    """End queued or held deliveries; how many."""
    changed = [
        each
        for each in deliveries
        if tx.execute(
            "UPDATE delivery SET state = ?, ended_ms = ?, ended_by = ? WHERE id = ? AND state IN (0, 4)",
            (int(State.CANCELLED), to_ms(now), str(by), each),
        )
    ]
    note(tx, changed, "cancelled", by, now)
    return len(changed)


def take_back(tx: Tx, deliveries: Sequence[int], by: By, now: datetime) -> list[int]:
    """End deliveries that have not left, those too that a carrier has in its hands: it asks before the dot, and is told
    that they are no longer its own. The numbers of those that were ended; whatever is at the dot may have left."""
    changed = [
        each
        for each in deliveries
        if tx.execute(
            "UPDATE delivery SET state = ?, owner = NULL, ended_ms = ?, ended_by = ? WHERE id = ? AND state IN (0, 1, 4)",
            (int(State.CANCELLED), to_ms(now), str(by), each),
        )
    ]
    note(tx, changed, "taken back", by, now)
    return changed


def state_of(tx: Tx, delivery_id: int) -> State | None:
    """What state a delivery is in; None where there is none."""
    row = tx.one("SELECT state FROM delivery WHERE id = ?", (delivery_id,))
    return None if row is None else State(row[0])


def hold(tx: Tx, deliveries: Sequence[int], by: By, now: datetime) -> int:
    """Keep queued deliveries back; how many."""
    held = int(after(State.QUEUED, Event.HELD_BACK))
    sql = "UPDATE delivery SET state = ? WHERE id = ? AND state = 0"
    changed = [each for each in deliveries if tx.execute(sql, (held, each))]
    note(tx, changed, "held", by, now)
    return len(changed)


def let_go(tx: Tx, deliveries: Sequence[int], by: By, now: datetime, *, as_before: bool = False) -> list[str]:
    """Queue held deliveries again, due now, or `as_before` they were held; the domain of each that was held."""
    queued, due_ms = int(after(State.HELD, Event.LET_GO)), None if as_before else to_ms(now)
    sql = "UPDATE delivery SET state = ?, due_ms = coalesce(?, due_ms) WHERE id = ? AND state = 4 RETURNING id, domain, due_ms"
    rows = [row for each in deliveries for row in tx.query(sql, (queued, due_ms, each))]
    let = [row[0] for row in rows]
    tx.executemany("DELETE FROM cancellation WHERE delivery_id = ?", [(each,) for each in let])
    note(tx, let, "released", by, now)
    for _, domain, its_due_ms in rows:
        hint(tx, domain, its_due_ms)
    return [row[1] for row in rows]


def redirect(tx: Tx, deliveries: Sequence[int], hop: str, by: By, now: datetime) -> list[str]:
    """Have these leave by the next hop `hop` (host:port), due now; for each that is changed what stands for its domain
    from now on. With no `hop` they take the way of their own domain again."""
    now_ms = to_ms(now)
    changed = []
    rows = []
    for each in deliveries:
        row = tx.one("SELECT forward_path, domain FROM delivery WHERE id = ? AND state IN (0, 4)", (each,))
        way = f"{REDIRECTED}{hop}" if hop else row[0].rpartition("@")[2] if row else ""
        if row is None or row[1] == way:
            continue
        sql = "UPDATE delivery SET domain = ?, due_ms = ? WHERE id = ? AND state IN (0, 4)"
        if tx.execute(sql, (way, now_ms, each)):
            changed.append(each)
            rows.append(way)
    note(tx, changed, f"redirected to {hop}" if hop else "redirected back", by, now)
    return _hinted(tx, rows, now_ms)


def try_now(tx: Tx, deliveries: Sequence[int], by: By, now: datetime) -> list[str]:
    """Have these queued deliveries due, before all that became due in the last day; the domain of each."""
    sql = "UPDATE delivery SET due_ms = ? WHERE id = ? AND state = 0 RETURNING id, domain"
    due_ms = to_ms(now - AHEAD)
    rows = [row for each in deliveries for row in tx.query(sql, (due_ms, each))]
    note(tx, [row[0] for row in rows], "tried at once", by, now)
    return _hinted(tx, [row[1] for row in rows], due_ms)


def make_due(tx: Tx, domain: str, now: datetime, limit: int) -> int:
    """Let up to `limit` deliveries of a domain be tried now; how many had a later time."""
    now_ms = to_ms(now)
    rows = tx.query(
        "SELECT id FROM delivery WHERE state = 0 AND domain = ? AND due_ms > ? ORDER BY id LIMIT ?",
        (domain, now_ms, limit),
    )
    tx.executemany("UPDATE delivery SET due_ms = ? WHERE id = ? AND state = 0", [(now_ms, row[0]) for row in rows])
    hint(tx, domain, now_ms)
    return len(rows)


def end_back_off(tx: Tx, site: str) -> list[str]:
    """End a site's back-off; its domains, or the domain of that name, with mail waiting."""
    rows = tx.query(
        "SELECT domain FROM destination WHERE (site = ? OR domain = ?) AND next_ms IS NOT NULL", (site, site)
    )
    tx.execute("UPDATE site SET retry_ms = 0 WHERE name = ? OR name LIKE ?", (site, place(site, "%")))
    return [row[0] for row in rows]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one command did: the numbers of its first and its last note, and the moment that all of them bear."""

    first: int
    last: int
    at_ms: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}-{self.at_ms}"


def last_note(tx: Tx) -> int:
    """The number of the last thing that an operator did."""
    row = tx.one("SELECT max(id) FROM intervention")
    return int(row[0] or 0) if row else 0


def touched(tx: Tx, batch: Batch, after: int, limit: int) -> tuple[list[int], int | None]:
    """The next deliveries that a command did something to, behind its note `after`; and where to go on."""
    rows = tx.query(
        "SELECT id, delivery_id FROM intervention WHERE id > ? AND id >= ? AND id <= ? AND at_ms = ? ORDER BY id LIMIT ?",
        (after, batch.first, batch.last, batch.at_ms, limit),
    )
    return [int(row[1]) for row in rows], int(rows[-1][0]) if len(rows) == limit else None


def interventions(tx: Tx, message_id: int) -> list[tuple[int, str, str, str, int]]:
    """What was done to a message's deliveries: (at_ms, act, name, why, delivery id), in order."""
    rows = tx.query(
        "SELECT i.at_ms, i.act, i.set_by, i.why, i.delivery_id FROM intervention i JOIN delivery d"
        " ON d.id = i.delivery_id WHERE d.message_id = ? ORDER BY i.id",
        (message_id,),
    )
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]


def note(tx: Tx, deliveries: Sequence[int], act: str, by: By, now: datetime) -> None:
    """Keep what was done to these deliveries, by whom and why."""
    tx.executemany(
        "INSERT INTO intervention (delivery_id, at_ms, act, set_by, why) VALUES (?,?,?,?,?)",
        [(each, to_ms(now), act, by.name, by.why) for each in deliveries],
    )


def _hinted(tx: Tx, domains: list[str], now_ms: int) -> list[str]:
    for domain in set(domains):
        hint(tx, domain, now_ms)
    return domains

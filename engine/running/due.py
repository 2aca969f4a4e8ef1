"""Due runs, as read from one snapshot: enrolments whose time has come, with all that deciding needs."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from engine.audience import lists
from engine.audience.consent import ALL_LISTS
from engine.audience.lists import MailingList
from engine.catalogue.offers import offers
from engine.flow.decisions import Standing
from engine.flow.model import Definition, Split
from engine.running import facts
from engine.running.book import FlowBook
from engine.running.standing import Kept
from engine.running.winners import winners
from mta.ports import Tx, to_ms

OVERDUE: Final = timedelta(seconds=5)  # after this, any process takes what was another's share

_COLUMNS: Final = (
    "SELECT e.id, e.flow_id, e.contact_id, e.version_id, e.revision, e.run_key, e.step, e.occurrence, e.due_ms, e.standing,"
    " e.intent, e.chain, e.chained_ms, e.data FROM enrolment e"
)
_OURS: Final = (
    "e.state = 'waiting' AND e.due_ms <= ? AND (e.id % ? = ? OR e.due_ms <= ?) ORDER BY e.due_ms, e.id LIMIT ?"
)
_DUE: Final = f"{_COLUMNS} WHERE {_OURS}"
_DUE_OF: Final = f"{_COLUMNS} WHERE e.flow_id = ? AND {_OURS}"


@dataclass(frozen=True, slots=True)
class DueRun:
    """An enrolment whose time has come. None for a contact that is gone, and for a version that can't be read."""

    enrolment_id: int
    flow_id: int
    contact_id: int
    revision: int
    kept: Kept
    event: dict[str, Any]  # its data, with what its steps were given
    definition: Definition | None
    contact: dict[str, Any] | None
    mailing_list: MailingList | None = None  # of the flow, where it is there
    key: str = ""
    offered: list[dict[str, Any]] = field(default_factory=list)  # products, where a mail of the flow asks for some
    winners: Mapping[str, str] = field(default_factory=dict)  # of the flow's splits that were judged
    chain: int = 0  # how many runs led to this one
    chained_ms: int = 0  # when they did

    @property
    def standing(self) -> Standing:
        return self.kept.standing


def read_due(
    tx: Tx,
    book: FlowBook,
    now: datetime,
    share: tuple[int, int],
    limit: int,
    skipping: Collection[int] = (),
    asks: Callable[[str], bool] = lambda template: False,
) -> list[DueRun]:
    """The runs of flows that are not paused, as far as they are due, the longest first, at most so many. `share` is (which,
    of how many): whose ids are ours. `skipping`: ids of those that somebody here has in hand. `asks`: whether
    a mail asks for products to offer."""
    which, count = share
    rows = _due(tx, (to_ms(now), count, which, to_ms(now - OVERDUE), limit + len(skipping)))
    rows = [row for row in rows if row[0] not in skipping][:limit]
    lists_of = {version_id: _list_of(tx, book.definition(tx, version_id)) for version_id in {row[3] for row in rows}}
    people: dict[int, dict[int, dict[str, Any]]] = {}
    for list_id in {_id_of(each) for each in lists_of.values()}:
        people[list_id] = facts.read_contacts(
            tx, (row[2] for row in rows if _id_of(lists_of[row[3]]) == list_id), list_id
        )
    won = {row[1]: winners(tx, row[1]) for row in rows if _splits(book.definition(tx, row[3]))}
    asking = {version_id for version_id in lists_of if _asks(book.definition(tx, version_id), asks)}
    found = []
    for enrolment_id, flow_id, contact_id, version_id, revision, key, *where, chain, chained_ms, data in rows:
        of, kept = lists_of[version_id], Kept.read(*where)
        contact, definition = people[_id_of(of)].get(contact_id), book.definition(tx, version_id)
        event = facts.read_data(data) | dict(kept.given)
        offered = offers(tx, contact_id, event) if version_id in asking else []
        found.append(
            DueRun(
                enrolment_id,
                flow_id,
                contact_id,
                revision,
                kept,
                event,
                definition,
                contact,
                of,
                key,
                offered,
                won.get(flow_id, {}),
                chain,
                chained_ms,
            )
        )
    return found


def _asks(definition: Definition | None, asks: Callable[[str], bool]) -> bool:
    return definition is not None and any(map(asks, definition.templates))


def _splits(definition: Definition | None) -> bool:
    """Whether a split of it may have a winner."""
    return definition is not None and any(
        isinstance(each.step, Split) and each.step.winner is not None for each in definition.program.values()
    )


def _list_of(tx: Tx, definition: Definition | None) -> MailingList | None:
    return lists.get(tx, definition.mailing_list) if definition and definition.mailing_list else None


def _id_of(mailing_list: MailingList | None) -> int:
    return mailing_list.id if mailing_list else ALL_LISTS


def _due(tx: Tx, params: tuple[int, ...]) -> list[tuple[Any, ...]]:
    """The due rows. Where a flow is paused the others are asked one by one, so that nobody looks through those who are kept
    in it, however many."""
    working = _working(tx)
    if working is None:
        return tx.query(_DUE, params)
    rows = [row for flow_id in working for row in tx.query(_DUE_OF, (flow_id, *params))]
    return sorted(rows, key=lambda row: (row[8], row[0]))[: params[-1]]


def _working(tx: Tx) -> list[int] | None:
    """The flows that are not paused; None for all."""
    if tx.one("SELECT 1 FROM flow WHERE state = 'paused' LIMIT 1") is None:
        return None
    return [row[0] for row in tx.query("SELECT id FROM flow WHERE state <> 'paused' ORDER BY id")]


def next_due(tx: Tx) -> int | None:
    """When the next run of a flow that is not paused is due, in milliseconds since 1970; None when none waits."""
    waiting = "SELECT MIN(due_ms) FROM enrolment WHERE state = 'waiting'"
    working = _working(tx)
    asked = [("", ())] if working is None else [(" AND flow_id = ?", (flow_id,)) for flow_id in working]
    found = [tx.one(waiting + which, params) for which, params in asked]
    return min((int(row[0]) for row in found if row is not None and row[0] is not None), default=None)

"""Why a message was written: the event, the version of the flow, each condition's value, the yes it rests on, and what the
arbiter said, as they were recorded when it was decided."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from engine.audience.consent import ALL_LISTS
from engine.running.facts import read_data
from mta.ports import Tx, from_ms
from mta.queue.delivery import Stream

_SHOWN: Final = 100  # passages


@dataclass(frozen=True, slots=True)
class Came:
    """The event that began the run."""

    name: str
    key: str
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Passed:
    """What happened at a step on the way to the mail; `values` is what each part of a condition was worth."""

    at: datetime
    step: str
    kind: str
    result: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Yes:
    """What a person said yes to, and where that stands in the ledger (0: with their import)."""

    entry: int
    at: datetime
    mailing_list: str
    source: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a message comes from. Without a flow: an application, or a mail of our own (a confirmation, a report)."""

    kind: str  # flow, campaign, submission, confirmation, dsn
    by: str  # the flow or the campaign; the credential of an application
    stream: Stream
    at: datetime
    version: str = ""
    step: str = ""
    template: str = ""
    run_key: str = ""
    entered: datetime | None = None
    event: Came | None = None
    passed: tuple[Passed, ...] = ()
    consent: Yes | None = None
    arbiter: str = ""


def origin_of(tx: Tx, message_id: int) -> Origin | None:
    """Where this message comes from; None where there is no such message."""
    row = tx.one(
        "SELECT m.origin, m.credential, m.stream, m.received_ms, m.list_id, s.contact_id, s.enrolment_id, s.flow, s.step,"
        " s.occurrence, s.template, s.run_id, s.variant FROM message m LEFT JOIN sending s ON s.message_id = m.id WHERE m.id = ?",
        (message_id,),
    )
    if row is None:
        return None
    (
        kind,
        credential,
        number,
        received_ms,
        list_id,
        contact_id,
        enrolment_id,
        flow,
        step,
        occurrence,
        template,
        *more,
    ) = row
    run_id, variant = more
    stream, at = Stream(number), from_ms(received_ms)
    is_marketing = contact_id is not None and stream is Stream.MARKETING
    consent = _consent(tx, contact_id, list_id, received_ms) if is_marketing else None
    if run_id is not None:
        name, version, began = _campaign(tx, run_id)
        told = f"run {run_id}" + (f", variant {variant}" if variant else "")
        said = _arbiter(tx, "campaign", run_id, "", occurrence)
        return Origin(kind, name, stream, at, version, told, template, "", began, None, (), consent, said)
    if enrolment_id is None:
        return Origin(kind, flow or credential, stream, at, template=template or "", consent=consent)
    version, run_key, entered = _run(tx, enrolment_id)
    passed = _passed(tx, enrolment_id, received_ms)
    return Origin(
        kind, flow, stream, at, version, step, template, run_key, entered, _event(tx, enrolment_id), passed, consent,
        _arbiter(tx, "flow", enrolment_id, step, occurrence),
    )  # fmt: skip


def _run(tx: Tx, enrolment_id: int) -> tuple[str, str, datetime | None]:
    row = tx.one(
        "SELECT v.hash, e.run_key, e.entered_ms FROM enrolment e JOIN flow_version v ON v.id = e.version_id"
        " WHERE e.id = ?",
        (enrolment_id,),
    )
    return (row[0], row[1], from_ms(row[2])) if row else ("", "", None)


def _event(tx: Tx, enrolment_id: int) -> Came | None:
    row = tx.one(
        "SELECT detail FROM passage WHERE enrolment_id = ? AND kind = 'trigger' ORDER BY id LIMIT 1", (enrolment_id,)
    )
    event_id = read_data(row[0]).get("event") if row else None
    found = tx.one("SELECT name, key, source, at_ms FROM event WHERE id = ?", (event_id,)) if event_id else None
    return Came(found[0], found[1], found[2], from_ms(found[3])) if found else None


def _passed(tx: Tx, enrolment_id: int, until_ms: int) -> tuple[Passed, ...]:
    rows = tx.query(
        "SELECT at_ms, step, kind, result, detail FROM passage WHERE enrolment_id = ? AND at_ms <= ? ORDER BY id LIMIT ?",
        (enrolment_id, until_ms, _SHOWN),
    )
    return tuple(
        Passed(from_ms(at_ms), step, kind, result, read_data(detail).get("values", {}))
        for at_ms, step, kind, result, detail in rows
    )


def _campaign(tx: Tx, run_id: int) -> tuple[str, str, datetime | None]:
    row = tx.one(
        "SELECT c.name, v.hash, r.began_ms FROM campaign_run r JOIN campaign c ON c.id = r.campaign_id"
        " JOIN campaign_version v ON v.id = r.version_id WHERE r.id = ?",
        (run_id,),
    )
    return (row[0], row[1], from_ms(row[2]) if row[2] else None) if row else ("", "", None)


def _arbiter(tx: Tx, kind: str, ref: int, step: str, occurrence: int) -> str:
    """What the arbiter said of the mail before it let it through."""
    row = tx.one(
        "SELECT reason, why, since_ms, times FROM held_mail WHERE kind = ? AND ref = ? AND step = ? AND occurrence = ?",
        (kind, ref, step, occurrence),
    )
    if row is None:
        return "let through at once"
    reason, why, since_ms, times = row
    count = "once" if times == 1 else f"{times} times"
    return f"held {count} since {from_ms(since_ms):%Y-%m-%d %H:%M} UTC, the last time for {reason} ({why}); then let through"


def _consent(tx: Tx, contact_id: int, list_id: int, until_ms: int) -> Yes | None:
    """The youngest yes before the mail: to its list, or to any where it is of none."""
    of_list, more = ("", ()) if list_id == ALL_LISTS else (" AND f.list_id = ?", (list_id,))
    row = tx.one(
        "SELECT f.seq, f.at_ms, COALESCE(l.name, ''), f.facts FROM consent_fact f LEFT JOIN list l ON l.id = f.list_id"
        f" WHERE f.contact_id = ? AND f.act = 'confirmed' AND f.at_ms <= ?{of_list} ORDER BY f.seq DESC LIMIT 1",
        (contact_id, until_ms, *more),
    )
    if row is not None:
        return Yes(row[0], from_ms(row[1]), row[2], str(read_data(row[3]).get("source", "")))
    which, more = ("", ()) if list_id == ALL_LISTS else (" AND s.list_id = ?", (list_id,))
    row = tx.one(
        "SELECT s.confirmed_ms, l.name, s.source FROM subscription s JOIN list l ON l.id = s.list_id"
        f" WHERE s.contact_id = ? AND s.confirmed_ms <= ?{which} ORDER BY s.confirmed_ms DESC LIMIT 1",
        (contact_id, until_ms, *more),
    )
    return Yes(0, from_ms(row[0]), row[1], row[2]) if row else None

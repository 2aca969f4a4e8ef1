"""One person over the control socket: all that is known, and files of it."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from deliverability.address import Address, AddressError
from engine.audience import dossier, engagement, fields, preferences, suppression
from engine.audience.contacts import contact_facts, find_contact
from engine.control.protocol.lists import StandingRow
from engine.control.protocol.people import (
    FileOctets,
    HappenedRow,
    HeldRow,
    Person,
    RunRow,
    SeatRow,
    SentRow,
    StopRow,
    ValueRow,
)
from engine.control.refusal import Refusal
from engine.control.suppressed import MAY_LIFT
from engine.house import House
from mta.ports import Tx, from_ms, to_ms
from mta.queue import listing
from mta.queue.delivery import State
from mta.queue.listing import Wanted

ROWS: Final = 50  # of mails, events, runs
FILE_MOST: Final = 5 << 20  # octets of a file in one answer


def address_of(text: str) -> Address:
    """What was asked about, as an address; a Refusal for what is none."""
    try:
        return Address.parse(text)
    except AddressError as err:
        raise Refusal(f"address: {err}") from None


async def one(house: House, text: str) -> Person:
    """Everything about an address."""
    address, now = address_of(text), house.clock.now()
    default_zone = house.config.mail.zone
    return await house.store.read(lambda tx: _person(tx, address, now, default_zone))


async def export(house: House, text: str) -> FileOctets:
    """All that is kept about a person, as the file that they may ask for (GDPR articles 15 and 20)."""
    address = address_of(text)

    def look(tx: Tx) -> bytes:
        found = find_contact(tx, address)
        if found is None:
            raise Refusal(f"there is no contact {address}", "", 404)
        return (json.dumps(dossier.export(tx, found), ensure_ascii=False, indent=2) + "\n").encode(
            "utf-8", "surrogatepass"
        )

    octets = await house.store.read(look)
    return file_of(
        f"{address}.json", octets, "everything that is kept about them", f"posthouse contact export {address}"
    )


def file_of(name: str, octets: bytes, about: str, command: str) -> FileOctets:
    """A file as an answer. A Refusal for one that is too large; `command` writes it."""
    if len(octets) > FILE_MOST:
        size = f"{len(octets) / (1 << 20):.0f} MiB"
        raise Refusal(
            f"the file has {size}, which is more than one answer holds", f"`{command} --out FILE` writes it", 413
        )
    safe = "".join(each if each.isalnum() or each in ".@-_+" else "_" for each in name)
    return FileOctets(safe, base64.b64encode(octets).decode(), hashlib.sha256(octets).hexdigest(), about)


def _person(tx: Tx, address: Address, now: datetime, default_zone: str) -> Person:
    contact_id = find_contact(tx, address)
    handed = _handed_over(tx, address)
    stops = tuple(_stop(each) for each in suppression.about(tx, address.key))
    if contact_id is None:
        if not stops and not handed:
            raise Refusal(f"nothing is known of {address}", "`posthouse contact add` writes somebody down", 404)
        return Person(to_ms(now), str(address), mails=tuple(handed), stops=stops)
    facts = contact_facts(tx, contact_id)
    found = Person(
        to_ms(now), facts["address"], contact_id, facts["name"], facts["locale"], facts["zone"],
        _clock(facts["zone"] or default_zone, now), facts["birthday"], facts["external_id"], facts["source"],
        pace=preferences.pace_of(tx, contact_id), tags=tuple(facts["tags"]), stops=stops,
        fields=_fields(tx, facts["fields"]),
        merged=tuple(str(each) for each in dossier.mailboxes(tx, contact_id)[1:]),
        segments=_words(tx, "SELECT s.name FROM segment_member m JOIN segment s ON s.id = m.segment_id"
                            " WHERE m.contact_id = ? ORDER BY s.name", contact_id),
        seats=_seats(tx, contact_id), runs=_runs(tx, contact_id), held=_held(tx, contact_id),
        mails=tuple(sorted([*_mails(tx, contact_id), *handed], key=lambda each: -each.message_id)[:ROWS]),
        events=_events(tx, contact_id), coupons=_coupons(tx, contact_id),
    )  # fmt: skip
    return _with_figures(tx, found, contact_id, now)


def _with_figures(tx: Tx, found: Person, contact_id: int, now: datetime) -> Person:
    row = tx.one(
        "SELECT created_ms, orders, spent, first_order_ms, last_order_ms, opens, clicks, replies, visits, engaged_ms"
        " FROM contact WHERE id = ?",
        (contact_id,),
    )
    assert row is not None
    whole, rest = divmod(row[2], 100)
    level, _ = engagement.level(None if row[9] is None else from_ms(row[9]), now)
    return replace(
        found, created_ms=row[0], orders=row[1], spent=f"{whole}.{rest:02}" if row[2] else "", first_order_ms=row[3],
        last_order_ms=row[4], opens=row[5], clicks=row[6], replies=row[7], visits=row[8], engaged_ms=row[9], level=level,
    )  # fmt: skip


def _clock(zone: str, now: datetime) -> str:
    try:
        return now.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")
    except (KeyError, ValueError, OSError):
        return ""


def _fields(tx: Tx, values: dict[str, Any]) -> tuple[ValueRow, ...]:
    titles = {name: each.title for name, each in fields.declared(tx).items()}
    return tuple(ValueRow(name, _shown(value), titles.get(name, "")) for name, value in sorted(values.items()))


def _shown(value: Any) -> str:
    return "yes" if value is True else "no" if value is False else str(value)


def _words(tx: Tx, sql: str, contact_id: int) -> tuple[str, ...]:
    return tuple(str(word) for (word,) in tx.query(sql, (contact_id,)))


def _seats(tx: Tx, contact_id: int) -> tuple[SeatRow, ...]:
    rows = tx.query(
        "SELECT l.name, l.title, l.id, s.contact_id, '', '', s.state, s.source, s.asked_ms, s.confirmed_ms, s.ended_ms,"
        " s.expires_ms, s.reminded_ms, s.why FROM subscription s JOIN list l ON l.id = s.list_id WHERE s.contact_id = ?"
        " ORDER BY l.name",
        (contact_id,),
    )
    return tuple(
        SeatRow(name, title, StandingRow(*rest), _rests_on(tx, contact_id, list_id, rest[3]))
        for name, title, list_id, *rest in rows
    )


def _rests_on(tx: Tx, contact_id: int, list_id: int, state: str) -> int | None:
    """The entry that mail of this list rests on."""
    if state != "confirmed":
        return None
    cited = contact_facts(tx, contact_id, list_id)["consent"]
    return None if cited is None else int(cited["entry"])


def _stop(told: dict[str, Any]) -> StopRow:
    until = told["until"]
    return StopRow(
        told["reason"], told["scope"], told["list"], told["source"], told["evidence"],
        to_ms(datetime.fromisoformat(told["at"])), to_ms(datetime.fromisoformat(until)) if until else None,
        MAY_LIFT[told["reason"]],
    )  # fmt: skip


def _runs(tx: Tx, contact_id: int) -> tuple[RunRow, ...]:
    rows = tx.query(
        "SELECT f.name, e.step, e.state, e.entered_ms, e.due_ms, e.ended_ms, COALESCE(e.ended_how, '') FROM enrolment e"
        " JOIN flow f ON f.id = e.flow_id WHERE e.contact_id = ?"
        " ORDER BY CASE WHEN e.state = 'waiting' THEN 0 ELSE 1 END, e.id DESC LIMIT ?",
        (contact_id, ROWS),
    )
    return tuple(RunRow(*row) for row in rows)


def _mails(tx: Tx, contact_id: int) -> list[SentRow]:
    rows = tx.query(
        "SELECT m.id, m.received_ms, m.subject, s.flow, s.step, COALESCE(g.name, ''), m.origin, d.state, d.last_reply,"
        " r.opened_ms, r.clicked_ms FROM sending s JOIN message m ON m.id = s.message_id"
        " LEFT JOIN delivery d ON d.message_id = m.id LEFT JOIN campaign g ON g.id = s.campaign_id"
        " LEFT JOIN campaign_recipient r ON r.run_id = s.run_id AND r.contact_id = s.contact_id"
        " WHERE s.contact_id = ? ORDER BY m.id DESC LIMIT ?",
        (contact_id, ROWS),
    )
    return [
        SentRow(
            number, at_ms, subject, _of(flow, step, campaign, origin), State(state).word if state is not None else "",
            reply or "", opened, clicked,
        )
        for number, at_ms, subject, flow, step, campaign, origin, state, reply, opened, clicked in rows
    ]  # fmt: skip


def _of(flow: str, step: str, campaign: str, origin: str) -> str:
    if campaign:
        return f"campaign {campaign}"
    return f"flow {flow} · {step}" if flow else origin


def _handed_over(tx: Tx, address: Address) -> list[SentRow]:
    """Mail of applications to this address, among the youngest in the queue's history."""
    found = listing.page(tx, Wanted(text=str(address)), "newest", ROWS, None, 0).rows
    return [
        SentRow(row.message_id, row.created_ms, row.subject, "submission", row.state.word, row.last_reply)
        for row in found
        if row.forward_path.lower() == str(address).lower()
        and tx.one("SELECT 1 FROM sending WHERE message_id = ?", (row.message_id,)) is None
    ]


def _held(tx: Tx, contact_id: int) -> tuple[HeldRow, ...]:
    rows = tx.query(
        "SELECT kind, name, reason, until_ms FROM held_mail WHERE contact_id = ? AND ended_ms IS NULL ORDER BY until_ms"
        " LIMIT ?",
        (contact_id, ROWS),
    )
    return tuple(HeldRow(f"{kind} {name}", reason, until_ms) for kind, name, reason, until_ms in rows)


def _events(tx: Tx, contact_id: int) -> tuple[HappenedRow, ...]:
    rows = tx.query(
        "SELECT at_ms, name, data, source FROM event WHERE contact_id = ? ORDER BY at_ms DESC LIMIT ?",
        (contact_id, ROWS),
    )
    return tuple(HappenedRow(at_ms, name, _short(json.loads(data)), source) for at_ms, name, data, source in rows)


def _short(values: Any) -> str:
    if not isinstance(values, dict):
        return ""
    said = ", ".join(
        f"{key} {value}"
        for key, value in values.items()
        if value not in ("", None) and not isinstance(value, list | dict)
    )
    return said[:200]


def _coupons(tx: Tx, contact_id: int) -> tuple[ValueRow, ...]:
    rows: Sequence[tuple[Any, ...]] = tx.query(
        "SELECT pool, code, redeemed_ms FROM coupon WHERE contact_id = ? AND state <> 'reserved' ORDER BY id DESC LIMIT ?",
        (contact_id, ROWS),
    )
    return tuple(ValueRow(pool, code, "redeemed" if redeemed is not None else "") for pool, code, redeemed in rows)

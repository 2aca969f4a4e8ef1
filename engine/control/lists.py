"""Lists over the control socket: each with its pipeline, who stands on it, all contacts, the declared fields."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from engine.audience import fields, figures, lists, rosters
from engine.audience.figures import What
from engine.audience.list_settings import ListSettings, shown
from engine.audience.lists import MailingList
from engine.audience.rosters import Wanted
from engine.control.asked import Asked
from engine.control.protocol.lists import (
    AnswerRow,
    FieldRow,
    Fields,
    ListPicture,
    ListRow,
    Lists,
    People,
    PersonRow,
    SettingRow,
    StandingRow,
    Standings,
)
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.house import House
from mta.ports import Tx, from_ms, to_ms

DAYS: Final = 30  # that a pipeline tells of
TO_ASK_MOST: Final = 1_000
ANSWERS_LOOKED: Final = 500  # entries of the ledger
ANSWERS: Final = 20
DUE_LOOKED: Final = 2_000  # subscriptions that are due next, of all lists
PAGE_MOST: Final = 500


async def every(house: House, office: Office) -> Lists:
    """All lists with their figures."""
    now = house.clock.now()
    zone = ZoneInfo(house.config.mail.zone)
    people = await office.headcount.get()

    def look(tx: Tx) -> Lists:
        hours = defaultdict[int, list[tuple[int, What, int]]](list)
        for list_id, hour_ms, what, count in figures.hours(tx, _since(now, zone)):
            hours[list_id].append((hour_ms, what, count))
        rows = tuple(_row(tx, each, hours[each.id], now, zone) for each in lists.every(tx))
        return Lists(to_ms(now), rows, people)

    return await house.store.read(look)


async def one(house: House, name: str) -> ListPicture:
    """One list with its pipeline and settings."""
    now = house.clock.now()
    zone = ZoneInfo(house.config.mail.zone)

    def look(tx: Tx) -> ListPicture:
        found = named(tx, name)
        hours = [hour[1:] for hour in figures.hours(tx, _since(now, zone), found.id)]
        return ListPicture(
            to_ms(now), _row(tx, found, hours, now, zone), _settings(found), _answers(tx, found.id),
            next_due_ms=_next_due(tx, found.id), days=DAYS,
        )  # fmt: skip

    return await house.store.read(look)


async def members(house: House, name: str, asked: Asked) -> Standings:
    """A page of a list's people."""
    now = house.clock.now()
    state = asked.one_of("state", ("", *rosters.STATES))
    wanted = wanted_of(asked, state)

    def look(tx: Tx) -> Standings:
        found = named(tx, name)
        page = rosters.on_list(tx, found.id, wanted)
        rows = tuple(StandingRow(*row) for row in page.rows)
        total = len(rows) if wanted.text else _total(tx, found.id, state, len(rows))
        return Standings(to_ms(now), name, rows, total, page.after, page.looked)

    return await house.store.read(look)


async def people(house: House, office: Office, asked: Asked) -> People:
    """A page of all contacts."""
    now, wanted = house.clock.now(), wanted_of(asked)
    total = 0 if wanted.text else await office.headcount.get()

    def look(tx: Tx) -> People:
        page = rosters.everybody(tx, wanted)
        rows = tuple(PersonRow(*row) for row in page.rows)
        return People(to_ms(now), rows, total or len(rows), page.after, page.looked)

    return await house.store.read(look)


async def declared(house: House) -> Fields:
    """What may be kept about contacts."""

    def look(tx: Tx) -> Fields:
        found = fields.declared(tx).values()
        rows = tuple(FieldRow(each.name, str(each.kind), each.title, tuple(each.choices)) for each in found)
        return Fields(to_ms(house.clock.now()), rows)

    return await house.store.read(look)


def wanted_of(asked: Asked, state: str = "") -> Wanted:
    """What a question for a page says."""
    return Wanted(
        state, asked.text("q")[:200], asked.number("after", 0), asked.number("limit", 100, least=1, most=PAGE_MOST),
        asked.number("skip", 0, most=rosters.SCAN),
    )  # fmt: skip


def named(tx: Tx, name: str) -> MailingList:
    """The list of this name, or a Refusal."""
    found = lists.get(tx, name)
    if found is None:
        raise Refusal(f"there is no list {name[:70]}", "`posthouse list show` lists them", 404)
    return found


def _since(now: datetime, zone: ZoneInfo) -> datetime:
    """Midnight of the first day that is told of."""
    return now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)


def _row(tx: Tx, found: MailingList, hours: Sequence[tuple[int, What, int]], now: datetime, zone: ZoneInfo) -> ListRow:
    counts, days = figures.of_list(tx, found.id), Counter[tuple[What, int]]()
    today = now.astimezone(zone).date()
    for hour_ms, what, people in hours:
        days[what, (today - from_ms(hour_ms).astimezone(zone).date()).days] += people
    strips = {what: tuple(days[what, ago] for ago in range(DAYS - 1, -1, -1)) for what in What}  # in the row's order
    return ListRow(
        found.name, found.title, found.confirmation, found.purpose, counts.get("confirmed", 0),
        counts.get("unconfirmed", 0), counts.get("unsubscribed", 0),
        rosters.count_to_ask(tx, found.id, TO_ASK_MOST) if counts.get("unconfirmed") else 0,
        *map(sum, strips.values()), *strips.values(),  # type: ignore[arg-type]  # a number each, then a strip each
    )  # fmt: skip


def _settings(found: MailingList) -> tuple[SettingRow, ...]:
    own = (
        SettingRow("title", found.title, found.name, "What readers see."),
        SettingRow("purpose", found.purpose, "", "The words that people agree to; kept with each consent."),
        SettingRow(
            "confirmation", found.confirmation, "double", "double: people confirm by mail; single: no mail asks."
        ),
    )
    usual, about = (
        shown(ListSettings()),
        {name: each.description or "" for name, each in ListSettings.model_fields.items()},
    )
    return own + tuple(
        SettingRow(key, value, usual.get(key, ""), about.get(key.partition(".")[0], ""))
        for key, value in shown(found.settings).items()
    )


def _next_due(tx: Tx, list_id: int) -> int | None:
    """When the next who waits is reminded, or over; None also where that is far behind those of other lists."""
    row = tx.one(
        "SELECT min(w.due_ms) FROM (SELECT due_ms, list_id FROM subscription WHERE due_ms IS NOT NULL ORDER BY due_ms"
        " LIMIT ?) w WHERE w.list_id = ?",
        (DUE_LOOKED, list_id),
    )
    return None if row is None else row[0]


def _answers(tx: Tx, list_id: int) -> tuple[AnswerRow, ...]:
    """The youngest entries about a list, among the youngest of the ledger."""
    rows = tx.query(
        "SELECT f.at_ms, f.act, COALESCE(c.address, ''), f.seq, f.facts FROM consent_fact f"
        " LEFT JOIN contact c ON c.id = f.contact_id"
        " WHERE f.seq > (SELECT COALESCE(max(e.seq), 0) FROM consent_entry e) - ? AND f.list_id = ?"
        " ORDER BY f.seq DESC LIMIT ?",
        (ANSWERS_LOOKED, list_id, ANSWERS),
    )
    told = [(at_ms, act, address, seq, json.loads(facts)) for at_ms, act, address, seq, facts in rows]
    return tuple(
        AnswerRow(at_ms, act, address or said["address"], said["source"], seq, said.get("ip", ""))
        for at_ms, act, address, seq, said in told
    )


def _total(tx: Tx, list_id: int, state: str, here: int) -> int:
    """How many there are, as it is kept; of what is not kept, those of the page."""
    counts = figures.of_list(tx, list_id)
    return sum(counts.values()) if not state else counts.get(state, here)

"""What an operator sees of campaigns."""

from dataclasses import replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from deliverability.address import Address, AddressError
from engine.audience.contacts import find_contact
from engine.campaigns import claiming, figures, runs
from engine.campaigns.book import CampaignBook, NoCampaign
from engine.campaigns.runs import ALL_SEEN, Run
from engine.campaigns.states import Fate
from engine.control.asked import Asked
from engine.control.protocol.campaigns import (
    CampaignRow,
    Campaigns,
    CampaignShown,
    FigureRow,
    RecipientRow,
    Recipients,
    RunRow,
)
from engine.control.refusal import Refusal
from engine.house import House
from mta.ports import Tx, to_ms

_THERE_ARE = "`posthouse campaign list` lists them"
SPAN = 5_000  # contact numbers looked at in one request


async def every(house: House, book: CampaignBook) -> Campaigns:
    """All campaigns with their newest run, those that were started last first."""
    now = house.clock.now()

    def look(tx: Tx) -> Campaigns:
        rows = tx.query(
            "SELECT name, title, next_ms FROM campaign WHERE version_id IS NOT NULL ORDER BY id DESC LIMIT 500"
        )
        found = []
        for name, title, next_ms in rows:
            newest = tuple(row_of(tx, each) for each in runs.of_campaign(tx, name, book, 1))
            found.append(CampaignRow(name, title, next_ms, newest))
        return Campaigns(to_ms(now), tuple(found))

    return await house.store.read(look)


async def one(house: House, book: CampaignBook, name: str) -> CampaignShown:
    """A campaign with its runs."""
    now, zone = house.clock.now(), ZoneInfo(house.config.mail.zone)

    def look(tx: Tx) -> CampaignShown:
        row = tx.one(
            "SELECT title, next_ms, version_id FROM campaign WHERE name = ? AND version_id IS NOT NULL", (name,)
        )
        if row is None:
            raise Refusal(f"there is no campaign {name[:70]}", _THERE_ARE, 404)
        campaign = book.version(tx, row[2])
        all_runs = runs.of_campaign(tx, name, book)
        shown = tuple(row_of(tx, each, with_figures=at == 0) for at, each in enumerate(all_runs))
        if all_runs:
            shown = (replace(shown[0], next_ms=_ms(claiming.next_mail(tx, all_runs[0], now, zone))), *shown[1:])
        about = campaign.about if campaign else ""
        goal = f"{campaign.goal.event} within {campaign.goal.within}" if campaign else ""
        return CampaignShown(to_ms(now), name, row[0], about, goal, row[1], shown)

    return await house.store.read(look)


async def recipients(house: House, book: CampaignBook, name: str, asked: Asked) -> Recipients:
    """A page of the recipients of a run, of one state or of all; or one of them, by address."""
    now, after = house.clock.now(), asked.number("after", 0)
    state = asked.one_of("state", ("", *map(str, Fate)))
    address = asked.text("address")
    limit, run_id = asked.number("limit", 100, least=1, most=1_000), asked.number("run", 0)

    def look(tx: Tx) -> Recipients:
        try:
            run = runs.by_id(tx, run_id, book) if run_id else runs.latest(tx, name, book)
        except NoCampaign as err:
            raise Refusal(str(err), _THERE_ARE, 404) from None
        if run.name != name:
            raise Refusal(f"run {run_id} is one of {run.name}", _THERE_ARE, 404)
        rows, seen = _page(tx, run, state, after, limit) if not address else _one(tx, run, address)
        return Recipients(to_ms(now), name, run.id, tuple(rows), seen)

    return await house.store.read(look)


def row_of(tx: Tx, run: Run, *, with_figures: bool = True) -> RunRow:
    found = figures.of_run(tx, run.id) if with_figures else {}
    return RunRow(
        run.id, run.occasion, str(run.state), run.why, run.by, run.campaign.short_version if run.campaign else "",
        run.parent_id, to_ms(run.due), _ms(run.began), _ms(run.ended), run.cursor == ALL_SEEN, run.winner, run.verdict,
        _ms(run.judge),
        tuple(FigureRow(place.variant, place.what, place.reason, people) for place, people in found.items()),
    )  # fmt: skip


_ROWS: Final = (
    "SELECT r.contact_id, COALESCE(c.address, ''), r.variant, r.state, r.reason, r.at_ms, r.message_id, r.opened_ms,"
    " r.clicked_ms, r.ordered_ms FROM campaign_recipient r LEFT JOIN contact c ON c.id = r.contact_id WHERE r.run_id = ?"
)


def _one(tx: Tx, run: Run, text: str) -> tuple[list[RecipientRow], int]:
    """The recipient with this address. Refusal where nobody has it, or they were never in the audience."""
    try:
        contact_id = find_contact(tx, Address.parse(text))
    except AddressError as err:
        raise Refusal(f"address: {err}") from None
    if contact_id is None:
        raise Refusal(f"nobody is known as {text[:100]}", "`posthouse contact show` looks for people", 404)
    rows = tx.query(f"{_ROWS} AND r.contact_id = ?", (run.id, contact_id))
    if not rows:
        found = (
            "everybody of the audience was looked at" if run.cursor == ALL_SEEN else "the audience is still being found"
        )
        raise Refusal(f"{text[:100]} is no recipient of this run", f"{found}: who is on its lists and segments", 404)
    return [RecipientRow(*row) for row in rows], 0


def _page(tx: Tx, run: Run, state: str, after: int, limit: int) -> tuple[list[RecipientRow], int]:
    """Rows, and the number to go on behind; 0 at the end."""
    first = tx.one(
        "SELECT min(contact_id) FROM campaign_recipient WHERE run_id = ? AND contact_id > ?", (run.id, after)
    )
    if first is None or first[0] is None:
        return [], 0
    which, end = (" AND r.state = ?", first[0] + SPAN) if state else ("", first[0] + SPAN)
    rows = tx.query(
        f"{_ROWS} AND r.contact_id > ? AND r.contact_id <= ?{which} ORDER BY r.contact_id LIMIT ?",
        (run.id, after, end, *((state,) if state else ()), limit),
    )
    seen = rows[-1][0] if len(rows) == limit else end
    more = tx.one("SELECT 1 FROM campaign_recipient WHERE run_id = ? AND contact_id > ? LIMIT 1", (run.id, seen))
    return [RecipientRow(*row) for row in rows], seen if more else 0


def _ms(at: datetime | None) -> int | None:
    return None if at is None else to_ms(at)

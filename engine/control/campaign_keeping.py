"""Keeping campaigns: a file before it has a time, another text of it, another time, and its end as a draft."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from engine.campaigns import runs
from engine.campaigns.book import CampaignBook, store_campaign
from engine.campaigns.drafting import ASKED, draft
from engine.campaigns.keeper import plan_next
from engine.campaigns.model import Campaign
from engine.campaigns.moments import begins
from engine.campaigns.runs import NewRun, Run
from engine.campaigns.spoken import Spoken, read_time
from engine.campaigns.states import RunState
from engine.control.asked import Asked
from engine.control.campaign_sources import THERE_ARE, Given, given, kept_source
from engine.control.campaign_trials import refuse_unwritable
from engine.control.protocol.acts import Done
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.house import House
from mta.ports import Tx, from_ms, to_ms

_MOVABLE = (RunState.SCHEDULED, RunState.PAUSED)


async def keep(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Make a file the campaign's text. What has no time yet is a draft; a run that has not begun takes the new text."""
    found, now, book = await given(house, body), house.clock.now(), office.campaigns.book
    await refuse_unwritable(house, found.campaign, now)
    zone = ZoneInfo(house.config.mail.zone)

    def work(tx: Tx) -> tuple[str | None, Run | None]:
        before = tx.one(
            "SELECT v.source FROM campaign c JOIN campaign_version v ON v.id = c.version_id WHERE c.name = ?",
            (found.campaign.name,),
        )
        campaign_id, version_id = store_campaign(tx, found.campaign, found.source, now)
        known = runs.of_campaign(tx, found.campaign.name, book, 1)
        run = known[0] if known and known[0].began is None and known[0].state in _MOVABLE else None
        if run is not None:
            _take_text(tx, run, version_id, found.campaign, now, zone)
        _calendar_again(tx, campaign_id, version_id, book, now, zone)
        return (before[0] if before else None), run

    before, run = await house.store.write(work)
    office.campaigns.ring()
    name, version = found.campaign.name, found.campaign.short_version
    undo = ("campaigns/keep", {"source": before}) if before is not None else ("campaigns/drop", {"campaign": name})
    told = f"; its run {run.id} takes it" if run else "; it has no time yet" if before is None else ""
    return Done(
        f"campaign {name} version {version} is kept{told}",
        {"campaign": name, "version": found.campaign.version, "undo": {"path": undo[0], "body": undo[1]}},
    )


async def new(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Make a file out of what a form asked, and keep it as a draft."""
    asked, zone = Asked(body), ZoneInfo(house.config.mail.zone)
    name, at = asked.text("name"), asked.text("when")
    try:
        spoken = read_time(at, house.clock.now(), zone) if at else Spoken(None)
    except ValueError as err:
        raise Refusal(f"when: {err}") from None
    where = "" if spoken.zone == "here" else spoken.zone
    said = {key: asked.text(key) for key in ASKED}
    source = draft(name, said, spoken.civil, where, house.config.mail.locale)
    if (
        await house.store.read(
            lambda tx: tx.one("SELECT 1 FROM campaign WHERE name = ? AND version_id IS NOT NULL", (name,))
        )
        is not None
    ):
        raise Refusal(f"there is a campaign {name[:70]} already", "another name; or edit that one", 409)
    return await keep(house, office, {"source": source, "file": f"{name}.yaml", "by": asked.text("by")})


async def drop(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Forget a campaign that never had a run."""
    name = Asked(body).text("campaign")
    source = await kept_source(house, name)

    def work(tx: Tx) -> None:
        row = tx.one("SELECT id FROM campaign WHERE name = ?" + tx.for_update(), (name,))
        if row is None:
            raise Refusal(f"there is no campaign {name[:70]}", THERE_ARE, 404)
        if tx.one("SELECT 1 FROM campaign_run WHERE campaign_id = ? LIMIT 1", row) is not None:
            raise Refusal(
                f"{name} had a run: what was sent is kept", "`posthouse campaign stop` ends what goes on", 409
            )
        # Its row stays: a version's number must never be another text's, since what was read of one is kept for good.
        tx.execute("UPDATE campaign SET version_id = NULL WHERE id = ?", row)

    await house.store.write(work)
    undo = {"path": "campaigns/keep", "body": {"source": source}}
    return Done(f"campaign {name} is forgotten; its file is yours", {"campaign": name, "undo": undo})


async def unschedule(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Take its time from a campaign that has not begun, or that comes again: it is a draft, or what it was, then."""
    name = Asked(body).text("campaign")

    def work(tx: Tx) -> str | None:
        row = tx.one("SELECT id, next_occasion, next_ms FROM campaign WHERE name = ?" + tx.for_update(), (name,))
        if row is None:
            raise Refusal(f"there is no campaign {name[:70]}", THERE_ARE, 404)
        known = runs.of_campaign(tx, name, office.campaigns.book, 1)
        is_open = bool(known) and known[0].state.is_open
        if is_open and not runs.remove(tx, known[0].id):
            raise Refusal(f"{name} has begun", f"`posthouse campaign recall {name}` takes back what has not left", 409)
        if not is_open and row[2] is None:
            raise Refusal(f"{name} has no time", f"`posthouse campaign show {name}`", 409)
        tx.execute("UPDATE campaign SET next_ms = NULL, next_occasion = '' WHERE id = ?", (row[0],))
        civil = known[0].civil if is_open else None
        return civil.isoformat(timespec="minutes") if civil and row[2] is None else None

    at = await house.store.write(work)
    again = {"path": "campaigns/schedule", "body": {"campaign": name, "again": True} | ({"at": at} if at else {})}
    return Done(f"campaign {name} has no time any more; its text is kept", {"campaign": name, "undo": again})


async def move(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Give a run that has not begun, or the next of one that comes again, another time."""
    asked, now, zone = Asked(body), house.clock.now(), ZoneInfo(house.config.mail.zone)
    name, book = asked.text("campaign"), office.campaigns.book
    if not asked.text("at"):
        raise Refusal("at is missing", 'such as "tue 10:00", or 2026-12-01T10:00')
    found = await given(house, {"campaign": name, "at": asked.text("at")})
    if found.civil is None:
        raise Refusal("at: a run is moved to a time", f"`posthouse campaign start` begins {name} now")
    due = begins(replace(found.campaign.when, at=found.civil), now, zone)
    if due < now and not found.campaign.when.own_zone:
        raise Refusal(f"{found.civil:%Y-%m-%d %H:%M} is over", "say a time that is to come", 409)

    def work(tx: Tx) -> tuple[int, datetime | None, datetime]:
        known = runs.of_campaign(tx, name, book, 1)
        if known and known[0].state.is_open:
            return _move_run(tx, known[0], found, due, now)
        return _move_next(tx, name, found, due, now, zone, book)

    run_id, before, was_due = await house.store.write(work)
    office.campaigns.ring()
    back = before.isoformat(timespec="minutes") if before else None
    undo = {"path": "campaigns/move", "body": {"campaign": name, "at": back}} if back else None
    return Done(
        f"campaign {name} begins {due:%Y-%m-%d %H:%M} UTC, not {was_due:%Y-%m-%d %H:%M}",
        {"run": run_id, "due_ms": to_ms(due), "undo": undo},
    )


def _move_run(tx: Tx, run: Run, found: Given, due: datetime, now: datetime) -> tuple[int, datetime | None, datetime]:
    if run.began is not None or run.state not in _MOVABLE:
        raise Refusal(f"{run.name} has begun: it can't be moved", f"`posthouse campaign pause {run.name}`", 409)
    _, version_id = store_campaign(tx, found.campaign, found.source, now)
    if not runs.move(tx, run.id, version_id, found.civil, due, now):
        raise Refusal(f"{run.name} begins this moment", f"`posthouse campaign show {run.name}`", 409)
    return run.id, run.civil, run.due


def _move_next(
    tx: Tx, name: str, found: Given, due: datetime, now: datetime, zone: ZoneInfo, book: CampaignBook
) -> tuple[int, datetime | None, datetime]:
    """The next occasion becomes a run at the other time; the ones after it stay where they are."""
    row = tx.one(
        "SELECT id, version_id, next_ms, next_occasion FROM campaign WHERE name = ?" + tx.for_update(), (name,)
    )
    if row is None or row[2] is None:
        raise Refusal(f"{name} has nothing to move", f"`posthouse campaign schedule` gives {name} a time", 409)
    campaign_id, version_id, next_ms, occasion = row
    new = NewRun(occasion, due, found.civil, by="moved")
    made = runs.create(tx, campaign_id, version_id, found.campaign, new, now)
    if made is None:
        raise Refusal(f"{name} has its run of {occasion} already", f"`posthouse campaign show {name}`", 409)
    plan_next(tx, campaign_id, version_id, book, from_ms(next_ms), zone)
    return made, datetime.fromisoformat(occasion), from_ms(next_ms)


def _take_text(tx: Tx, run: Run, version_id: int, campaign: Campaign, now: datetime, zone: ZoneInfo) -> None:
    """A run that has not begun goes by the new text; by its time too, where the text says another than before. One that
    says none leaves the run's: nobody who takes a line out of a file means that the mail leaves this moment."""
    is_other = run.campaign is None or run.campaign.when != campaign.when
    civil = campaign.when.at if is_other and campaign.when.at and not campaign.when.rrule else run.civil
    due = begins(replace(campaign.when, at=civil), now, zone) if is_other and civil else run.due
    runs.move(tx, run.id, version_id, civil, due, now)


def _calendar_again(
    tx: Tx, campaign_id: int, version_id: int, book: CampaignBook, now: datetime, zone: ZoneInfo
) -> None:  # fmt: skip
    """One that comes again goes on by the calendar of its new text."""
    row = tx.one("SELECT next_ms FROM campaign WHERE id = ?", (campaign_id,))
    if row is not None and row[0] is not None:
        plan_next(tx, campaign_id, version_id, book, now, zone)

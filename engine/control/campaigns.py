"""What an operator does to campaigns over the control socket: check, start, schedule, pause, stop, recall, retry, resend.

A command that touches many recipients works in small commits; what it has not come to, the next one finds.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from deliverability.settings import format_duration
from engine.campaigns import figures, runs, stopping
from engine.campaigns.book import CampaignBook, NoCampaign, store_campaign
from engine.campaigns.keeper import AGAINST, plan_next
from engine.campaigns.model import Campaign
from engine.campaigns.moments import begins
from engine.campaigns.runs import NewRun, Run
from engine.campaigns.states import AGAIN, LEFT, Fate, RunState
from engine.control import campaign_trying
from engine.control.asked import Asked
from engine.control.campaign_sources import THERE_ARE, Given, given
from engine.control.campaign_trials import refuse_unwritable
from engine.control.doctoring import refuse_broken
from engine.control.protocol.acts import Done
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.counts import counted
from engine.house import House
from engine.sending.checking import text_faults
from mta.ports import Tx, to_ms
from mta.queue.operating import By

_OPEN: Final = (RunState.SCHEDULED, RunState.RUNNING, RunState.PAUSED)
_OVER: Final = (RunState.STOPPED, RunState.RECALLED, RunState.DONE)


async def check(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Whether a campaign file makes sense here: its mails, lists and segments too."""
    campaign = (await given(house, body)).campaign
    return Done(f"all right, campaign {campaign.name} version {campaign.short_version}", {"version": campaign.version})


async def start(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Begin a campaign now."""
    found = await given(house, body)
    if found.civil is not None:
        remedy = "`posthouse campaign schedule` plans it; `when: now` in the file begins it"
        raise Refusal(f"{found.campaign.name} is for {found.civil:%Y-%m-%d %H:%M}, not for now", remedy, 409)
    return await _create(house, office, body, found)


async def schedule(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Plan a campaign for the time that its file says, or that is given."""
    found = await given(house, body)
    if found.civil is None:
        raise Refusal(
            f"{found.campaign.name} says no time", 'write when: in the file, or say one: --at "tue 10:00 reader"'
        )
    return await _create(house, office, body, found)


async def pause(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Write no more mails of a run, and hold those that are queued."""
    run, by = await _run(house, office, body), _by(body)
    why, now = by.why or "by an operator", house.clock.now()
    if not await _moved(house, run, (RunState.SCHEDULED, RunState.RUNNING), RunState.PAUSED, why, now):
        raise Refusal(f"{run.name} is {run.state}: it can't be paused", "", 409)
    held = await _all(house, lambda tx: stopping.hold(tx, run, by, now))
    return Done(
        f"campaign {run.name} is paused, {counted(held, 'queued mail is', 'queued mails are')} held",
        {"run": run.id, "held": held, "undo": _undo("resume", run)},
    )


async def resume(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Let a paused run go on."""
    run, by, now, against = await _run(house, office, body), _by(body), house.clock.now(), ""
    to = RunState.SCHEDULED if run.began is None else RunState.RUNNING
    if run.state is RunState.PAUSED and run.began is None:
        against = await refuse_broken(house, office, run.name, [], by.name, Asked(body).text("override"))
        if against:
            told = f"{run.by} {AGAINST}{against}, by {by.name})"
            await house.store.write(
                lambda tx: tx.execute("UPDATE campaign_run SET by = ? WHERE id = ?", (told, run.id))
            )  # fmt: skip
    if not await _moved(house, run, (RunState.PAUSED,), to, "", now):
        raise Refusal(f"{run.name} is {run.state}: it is not paused", "", 409)
    released = 0
    while domains := await house.store.write(lambda tx: stopping.let_go(tx, run, by, now)):
        released += len(domains)
    _wake(office)
    return Done(
        f"campaign {run.name} goes on, {counted(released, 'held mail is', 'held mails are')} released"
        + _overridden(against, by.name),
        {"run": run.id, "released": released, "undo": _undo("pause", run)},
    )


async def stop(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Stop a run, or every run there is, at once: nothing more is written, nothing more of what is queued leaves."""
    if body.get("all"):
        await house.store.write(lambda tx: tx.execute("UPDATE campaign SET next_ms = NULL WHERE next_ms IS NOT NULL"))
        told = []
        for each in await house.store.read(lambda tx: runs.open_runs(tx, office.campaigns.book)):
            with contextlib.suppress(Refusal):  # it ended by itself meanwhile: the others are to stop all the same
                told.append(await _stop(house, each, _by(body), RunState.STOPPED))
        return Done("\n".join(told) or "no campaign is under way", {"stopped": len(told)})
    run = await _run(house, office, body)
    words = await _stop(house, run, _by(body), RunState.STOPPED)
    return Done(words, {"run": run.id, "undo": _undo("retry", run)})


async def recall(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Stop a run and take back what has not left; says how many have it, and who."""
    run = await _run(house, office, body)
    if body.get("dry_run"):
        return await campaign_trying.recall(house, run)
    words = await _stop(house, run, _by(body), RunState.RECALLED)
    have = await house.store.read(lambda tx: figures.count(tx, run.id, LEFT))
    return Done(words, {"run": run.id, "have_it": have, "undo": _undo("retry", run)})


async def retry(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Go on with exactly the rest of a run that was stopped, or with those whose mail failed."""
    run, what, now = await _run(house, office, body), Asked(body).one_of("what", tuple(AGAIN)), house.clock.now()
    if run.campaign is None:
        raise Refusal(f"the campaign {run.name} can't be read by this version", "", 409)
    if body.get("dry_run"):
        return await campaign_trying.retry(house, run, what)
    count = 0
    after: int | None = 0
    while after is not None:
        found, after = await house.store.write(
            partial(stopping.again, run=run, fates=AGAIN[what], after=after, now=now)
        )
        count += found
    waiting = await house.store.read(
        lambda tx: figures.count(tx, run.id, [Fate.WAITING])
    )  # before carriers write to them
    await _moved(house, run, _OVER, RunState.RUNNING if run.began else RunState.SCHEDULED, "", now)
    _wake(office)
    return Done(
        f"campaign {run.name} goes on: {count:,} again, {counted(waiting, 'waits', 'wait')}",
        {"run": run.id, "again": count},
    )


async def resend(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Write once more to those who got a run's mail and did not open it, as far as people can be told from machines."""
    run, now = await _run(house, office, body), house.clock.now()
    subject, name = Asked(body).text("subject"), _by(body).name
    campaign = run.campaign
    if campaign is None or run.state in _OPEN:
        raise Refusal(f"{run.name} is {run.state}: it can be sent again when it is over", "", 409)
    if run.parent_id is not None:
        raise Refusal(f"run {run.id} was for those who had not opened it already", "once is what people bear", 409)
    if faults := text_faults(subject):
        raise Refusal("\n".join(f"subject: {each}" for each in faults))
    if body.get("dry_run"):
        return await campaign_trying.resend(house, run)
    against = await refuse_broken(house, office, run.name, [], name, Asked(body).text("override"))
    by = f"{name} {AGAINST}{against})" if against else name
    new = NewRun(f"resend {run.id}", now, by=by, parent_id=run.id, subject={"": subject} if subject else None)
    made = await house.store.write(
        lambda tx: runs.create(tx, run.campaign_id, run.version_id, campaign, new, now)
    )  # fmt: skip
    if made is None:
        raise Refusal(f"run {run.id} was sent again already", "", 409)
    _wake(office)
    told = f"campaign {run.name} goes to those who did not open it{_overridden(against, name)}"
    return Done(told, {"run": made})


# -- how


async def _create(house: House, office: Office, body: dict[str, Any], found: Given) -> Done:
    campaign, source, civil = found.campaign, found.source, found.civil
    by, now = _by(body).name, house.clock.now()
    mails = await refuse_unwritable(house, campaign, now)
    if against := await refuse_broken(house, office, campaign.name, mails, by, Asked(body).text("override")):
        by = f"{by} {AGAINST}{against})"
    zone, book, for_all = ZoneInfo(house.config.mail.zone), office.campaigns.book, bool(body.get("for_all"))

    def work(tx: Tx) -> tuple[int | None, datetime]:
        campaign_id, version_id = store_campaign(tx, campaign, source, now)
        _refuse_twice(tx, campaign, book, is_again=bool(body.get("again")))
        if campaign.when.rrule and not found.is_told:
            sql = "UPDATE campaign SET against = ? WHERE id = ?"
            tx.execute(sql, (f"{against}, by {_by(body).name}" if against and for_all else "", campaign_id))
            if (coming := plan_next(tx, campaign_id, version_id, book, now, zone)) is None:
                raise Refusal(f"{campaign.name} never comes again", "look at when.rrule and when.from", 422)
            return None, coming
        due = begins(replace(campaign.when, at=civil), now, zone)
        number = len(tx.query("SELECT id FROM campaign_run WHERE campaign_id = ?", (campaign_id,))) + 1
        return runs.create(tx, campaign_id, version_id, campaign, NewRun(f"{number}", due, civil, by), now), due

    run_id, due = await house.store.write(work)
    _wake(office)
    when = "begins now" if run_id and due <= now else f"begins {due:%Y-%m-%d %H:%M} UTC"
    when += _overridden(against, _by(body).name)
    if campaign.window and run_id:
        later = format_duration(campaign.window)
        when += f"; the first mail may leave {later} later, until then `posthouse campaign recall` takes all back"
    if against and not run_id and not for_all:
        when += (
            "; the override is not kept: each occasion is looked at by itself, `posthouse campaign resume` takes one,"
        )
        when += " and `--for-all` keeps it for all of them"
    is_now = run_id is not None and due <= now
    undo = {"path": "campaigns/recall" if is_now else "campaigns/unschedule", "body": {"campaign": campaign.name}}
    return Done(
        f"campaign {campaign.name} version {campaign.short_version} {when}",
        {"run": run_id, "version": campaign.version, "due_ms": to_ms(due), "undo": undo},
    )


def _overridden(against: str, by: str) -> str:
    """What the answer, and so the log, says of an override: the rules, who decided and why."""
    rules, _, why = against.partition(": ")
    return f", although it breaks {rules} (overridden by {by}: {why})" if against else ""


def _refuse_twice(tx: Tx, campaign: Campaign, book: CampaignBook, *, is_again: bool) -> None:
    """One run at a time, and a second one only when it is asked for by name: nobody wants a campaign twice."""
    known = runs.of_campaign(tx, campaign.name, book, 1)
    if known and known[0].state.is_open:
        raise Refusal(f"{campaign.name} is {known[0].state} already", f"`posthouse campaign show {campaign.name}`", 409)
    if known and not is_again and not campaign.when.rrule:
        began = f"{known[0].began:%Y-%m-%d %H:%M} UTC" if known[0].began else "never begun"
        remedy = "--again starts it anew for everybody; `posthouse campaign retry` goes on with the rest"
        raise Refusal(f"{campaign.name} had a run already ({known[0].state}, {began})", remedy, 409)


async def _stop(house: House, run: Run, by: By, to: RunState) -> str:
    now = house.clock.now()
    if not await _moved(house, run, _OPEN, to, str(by), now) and run.state is not to:
        raise Refusal(f"{run.name} is {run.state} already", f"`posthouse campaign show {run.name}`", 409)
    await house.store.write(
        lambda tx: tx.execute(
            "UPDATE campaign SET next_ms = NULL WHERE id = ? AND next_ms IS NOT NULL", (run.campaign_id,)
        )
    )
    taken = await _all(house, lambda tx: stopping.take_back(tx, run, by, now))
    await _all(house, lambda tx: stopping.withdraw(tx, run, now))

    def look(tx: Tx) -> tuple[int, int, int]:
        return (
            figures.count(tx, run.id, LEFT), figures.count(tx, run.id, [Fate.QUEUED, Fate.CLAIMED]),
            figures.count(tx, run.id, [Fate.WAITING]),
        )  # fmt: skip

    have, leaving, unwritten = await house.store.read(look)
    return (
        f"campaign {run.name} is {to}: {counted(have, 'has', 'have')} it, {counted(taken, 'was', 'were')} taken back,"
        f" {counted(unwritten, 'was', 'were')} never written"
        + (f", {counted(leaving, 'is', 'are')} leaving this moment" if leaving else "")
        + (f"; `posthouse campaign show {run.name} --recipients delivered` names them" if have else "")
    )


async def _moved(
    house: House, run: Run, come_from: tuple[RunState, ...], to: RunState, why: str, now: datetime
) -> bool:  # fmt: skip
    return await house.store.write(lambda tx: runs.set_state(tx, run.id, come_from, to, why, now))


async def _all(house: House, piece: Callable[[Tx], int]) -> int:
    """Do a piece after the other until there is nothing left to do; how much was done."""
    count = 0
    while done := await house.store.write(piece):
        count += done
    return count


async def _run(house: House, office: Office, body: dict[str, Any]) -> Run:
    """The run that is named, or the newest of the campaign."""
    name, run_id, book = Asked(body).text("campaign"), body.get("run"), office.campaigns.book

    def look(tx: Tx) -> Run:
        found = runs.by_id(tx, run_id, book) if run_id else runs.latest(tx, name, book)
        if found.name != name:
            raise NoCampaign(f"run {run_id} is one of {found.name}")
        return found

    try:
        return await house.store.read(look)
    except NoCampaign as err:
        raise Refusal(str(err), THERE_ARE, 404) from None


def _undo(act: str, run: Run) -> dict[str, Any]:
    """The command that takes it back."""
    return {"path": f"campaigns/{act}", "body": {"campaign": run.name, "run": run.id}}


def _by(body: dict[str, Any]) -> By:
    return By(Asked(body).text("by"), Asked(body).text("why"))


def _wake(office: Office) -> None:
    office.campaigns.ring()
    office.tell(wake=[])

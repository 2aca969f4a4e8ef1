"""Why somebody did not get a campaign's mail: where they stand in the ledger of each run, or why they are in none."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from engine.campaigns import audience, runs
from engine.campaigns.audience import NoSuchGroup
from engine.campaigns.book import CampaignBook
from engine.campaigns.model import Audience
from engine.campaigns.runs import ALL_SEEN, Run
from engine.campaigns.states import HELD_OUT, Fate, RunState
from engine.reasons.passing import fate_of
from engine.reasons.words import Reason, Word
from engine.sending.refusals import Refusal
from mta.ports import Tx, from_ms

RUNS: Final = 3  # the youngest that are told of
_STATES: Final = {
    RunState.SCHEDULED: Word.NO_OCCASION, RunState.PAUSED: Word.CAMPAIGN_PAUSED, RunState.STOPPED: Word.CAMPAIGN_STOPPED,
    RunState.RECALLED: Word.RECALLED,
}  # fmt: skip
_TAKEN_BACK: Final = frozenset({RunState.STOPPED, RunState.RECALLED})
_REFUSALS: Final = frozenset(map(str, Refusal))


def of_campaign(tx: Tx, name: str, contact: dict[str, Any], book: CampaignBook) -> Iterator[Reason]:
    """What became of them in the campaign's runs, the youngest first."""
    found = runs.of_campaign(tx, name, book, RUNS)
    if not found:
        yield Reason(
            Word.NOT_STARTED, f"the campaign was neither started nor scheduled: `posthouse campaign start {name}`"
        )
    for run in found:
        yield from _of_run(tx, run, contact)


def _of_run(tx: Tx, run: Run, contact: dict[str, Any]) -> Iterator[Reason]:
    which = f"run {run.occasion}"
    if (word := _STATES.get(run.state)) is not None:
        until = run.due if run.state is RunState.SCHEDULED else None
        yield Reason(word, f"{which} is {run.state}" + (f": {run.why}" if run.why else ""), until=until)
    row = tx.one(
        "SELECT state, reason, message_id, due_ms, at_ms FROM campaign_recipient WHERE run_id = ? AND contact_id = ?",
        (run.id, contact["id"]),
    )
    if row is not None:
        yield _recipient(tx, run, which, contact["id"], Fate(row[0]), *row[1:])
    elif run.cursor != ALL_SEEN and int(contact["id"]) > run.cursor:
        yield Reason(Word.NOT_LOOKED_AT, f"{which} has not come to this contact yet")
    elif run.campaign is not None:
        yield _outside(tx, run, run.campaign.audience, which, contact)
    else:
        yield Reason(Word.UNREADABLE, f"this program can't read the version of {which}")


def _recipient(
    tx: Tx, run: Run, which: str, contact_id: int, fate: Fate, reason: str, message_id: int | None, due_ms: int, at_ms: int
) -> Reason:  # fmt: skip
    """Where somebody stands in a run's ledger."""
    at = from_ms(at_ms)
    match fate:
        case Fate.WAITING | Fate.CLAIMED if run.state in _TAKEN_BACK:
            return Reason(
                _STATES[run.state], f"{which} had not written it; `posthouse campaign retry` takes it up again"
            )
        case Fate.WAITING | Fate.CLAIMED if run.state is RunState.PAUSED:
            return Reason(
                Word.WAITS, f"{which} writes to them in their turn once it goes on: `posthouse campaign resume`"
            )
        case Fate.WAITING | Fate.CLAIMED:
            return _held(tx, run, which, contact_id) or _waits(which, due_ms, reason)
        case Fate.EXCLUDED if reason == HELD_OUT:
            return Reason(Word.HELD_OUT, f"{which} left them out: they are of the share that gets nothing", at)
        case Fate.EXCLUDED:
            word = reason if reason in _REFUSALS else Word.NOT_ITS_AUDIENCE
            return Reason(word, f"{which} left them out: {reason}", at)
        case Fate.FAILED:
            text = f"{which} could not write it: {reason}; `posthouse campaign retry` takes it up again"
            return Reason(Word.CANT_BE_WRITTEN, text, at)
        case Fate.RECALLED:
            return Reason(Word.RECALLED, f"{which} took it back before it left", at)
    told = f"{which} wrote it" + (f" as message {message_id}: {fate_of(tx, message_id)}" if message_id else f": {fate}")
    return Reason(Word.WRITTEN, told + (f"; `posthouse why {message_id}`" if message_id else ""), at)


def _held(tx: Tx, run: Run, which: str, contact_id: int) -> Reason | None:
    row = tx.one(
        "SELECT reason, why, since_ms, until_ms, best_before_ms FROM held_mail WHERE kind = 'campaign' AND ref = ?"
        " AND contact_id = ? AND ended_ms IS NULL",
        (run.id, contact_id),
    )
    if row is None:
        return None
    reason, why, since_ms, until_ms, best_before_ms = row
    text = f"{which} holds it: {why}; it is asked again then, and not sent after {_shown(from_ms(best_before_ms))}"
    return Reason(reason, text, from_ms(since_ms), from_ms(until_ms))


def _waits(which: str, due_ms: int, reason: str) -> Reason:
    if due_ms >= runs.NEVER_MS:
        return Reason(Word.WAITS, f"{which} waits until its test has a winner")
    why = f": {reason}" if reason else ""
    return Reason(Word.WAITS, f"{which} writes to them in their turn{why}", until=from_ms(due_ms))


def _outside(tx: Tx, run: Run, of: Audience, which: str, contact: dict[str, Any]) -> Reason:
    """Why a run did not count somebody among its people, by what is known now."""
    try:
        part = audience.read_part(tx, audience.groups(tx, of, run.parent_id), int(contact["id"]) - 1)
    except NoSuchGroup as err:
        return Reason(Word.NOT_ITS_AUDIENCE, f"{which}: {err}")
    found = next((each for each in part.people if each.contact_id == contact["id"]), None) if part else None
    if found is None:
        wanted = ", ".join((*(f"list {each}" for each in of.of.lists), *(f"segment {each}" for each in of.of.segments)))
        return Reason(Word.NOT_ITS_AUDIENCE, f"{which} was for the {wanted}, and they were not among these people")
    if found.reason:
        return Reason(Word.NOT_ITS_AUDIENCE, f"{which}: {found.reason}")
    return Reason(Word.WOULD_ENTER, f"{which} did not count them when it began; by what is known now it would")


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"

"""What became of somebody's runs through a flow, from the passages that were written as it happened."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from engine.reasons import standing
from engine.reasons.words import Reason, Run, Word, missing, shown
from engine.running.book import FlowBook
from engine.running.facts import read_data
from engine.running.standing import Kept
from mta.ports import Tx, from_ms
from mta.queue.delivery import State

RUNS: Final = 5  # the youngest that are told of
_ENDS: Final = {"goal": Word.GOAL, "exit": Word.LEFT, "holdout": Word.HELD_OUT, "failed": Word.FAILED}
_REFUSED: Final = "refused: "
_SKIPPED: Final = "skipped: "
_WAYS: Final = ("if", "switch", "split")


@dataclass(frozen=True, slots=True)
class _Passage:
    step: str
    kind: str
    result: str
    detail: dict[str, Any]
    at: datetime


def runs_of(tx: Tx, flow_id: int, contact_id: int) -> list[Run]:
    """The contact's last runs in a flow, the youngest first."""
    rows = tx.query(
        "SELECT id, run_key, version_id, state, ended_how, entered_ms, ended_ms, awaits, due_ms, step, occurrence, due_ms,"
        " standing, intent FROM enrolment WHERE contact_id = ? AND flow_id = ? ORDER BY id DESC LIMIT ?",
        (contact_id, flow_id, RUNS),
    )
    return [
        Run(
            row[0], row[1], row[2], row[3] == "waiting", row[4] or "", from_ms(row[5]), _moment(row[6]), row[7], _moment(row[8]),
            Kept.read(*row[9:]),
        )
        for row in rows
    ]  # fmt: skip


def of_run(tx: Tx, run: Run, book: FlowBook, is_paused: bool, now: datetime) -> Iterator[Reason]:
    """What became of one run: where it stands, or how it ended, then what happened to each mail on its way."""
    passages = _passages(tx, run.id)
    if run.is_waiting:
        yield from standing.reasons(tx, run, book.definition(tx, run.version_id), is_paused, now)
    if not run.is_waiting and run.how != "completed":
        yield _ended(run, passages)
    sends = list(_sends(tx, passages))
    yield from sends
    if not sends and run.how == "completed":
        yield from _ways(passages)


def _ended(run: Run, passages: list[_Passage]) -> Reason:
    last = next((each for each in reversed(passages) if each.kind in ("goal", "exit")), None)
    values = last.detail.get("values", {}) if last else {}
    what = f": {last.result}" if last and last.result else ""
    key = f", key {run.key}" if run.key else ""
    text = f"the run of {shown(run.entered)}{key} ended ({run.how}){what}{missing(values)}"
    return Reason(_ENDS.get(run.how, Word.LEFT), text, run.ended, values=values)


def _sends(tx: Tx, passages: list[_Passage]) -> Iterator[Reason]:
    for each in passages:
        if each.kind != "send":
            continue
        if each.result.startswith(_REFUSED):
            why = each.detail.get("why", "")
            text = f"at the step {each.step} the arbiter refused it" + (f": {why}" if why else "")
            yield Reason(each.result.removeprefix(_REFUSED), text, each.at)
        elif each.result.startswith(_SKIPPED):
            text = f"at the step {each.step} it was not written: {each.result.removeprefix(_SKIPPED)}"
            yield Reason(Word.SKIPPED, text, each.at)
        elif (message := each.detail.get("message")) is not None:
            text = f"at the step {each.step} it was written as message {message}: {fate_of(tx, message)}"
            yield Reason(Word.WRITTEN, f"{text}; `posthouse why {message}`", each.at)


def fate_of(tx: Tx, message_id: int) -> str:
    """What became of a message, in words."""
    row = tx.one("SELECT state, ended_by, last_reply FROM delivery WHERE message_id = ? LIMIT 1", (message_id,))
    if row is None:
        return "its delivery is not kept any more"
    told = row[1] or row[2] or ""
    return State(row[0]).word + (f" ({told})" if told else "")


def _ways(passages: list[_Passage]) -> Iterator[Reason]:
    """The branches of a run that came to its end without a mail."""
    for each in passages:
        if each.kind in _WAYS:
            values = each.detail.get("values", {})
            yield Reason(
                Word.ANOTHER_WAY, f"at {each.step} it took {each.result}{missing(values)}", each.at, values=values
            )


def _passages(tx: Tx, enrolment_id: int) -> list[_Passage]:
    rows = tx.query(
        "SELECT step, kind, result, detail, at_ms FROM passage WHERE enrolment_id = ? ORDER BY id", (enrolment_id,)
    )
    return [
        _Passage(step, kind, result, read_data(detail), from_ms(at_ms)) for step, kind, result, detail, at_ms in rows
    ]


def _moment(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else from_ms(at_ms)

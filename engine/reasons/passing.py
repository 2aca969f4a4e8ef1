"""What became of somebody's runs through a flow, from the passages that were written as it happened."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from engine.flow.model import Definition, Send
from engine.reasons.words import Reason, Word, missing
from engine.running.book import FlowBook
from engine.running.facts import read_data
from mta.ports import Tx, from_ms
from mta.queue.delivery import State

RUNS: Final = 5  # the youngest that are told of
_ENDS: Final = {"goal": Word.GOAL, "exit": Word.LEFT, "holdout": Word.HELD_OUT, "failed": Word.FAILED}
_REFUSED: Final = "refused: "
_WAYS: Final = ("if", "switch", "split")


@dataclass(frozen=True, slots=True)
class Run:
    """One enrolment."""

    id: int
    key: str
    version_id: int
    step: str
    is_waiting: bool
    how: str
    entered: datetime
    ended: datetime | None
    due: datetime | None
    trouble: str = ""  # what somebody must mend before it goes on


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
        "SELECT id, run_key, version_id, step, state, ended_how, entered_ms, ended_ms, due_ms, standing FROM enrolment"
        " WHERE contact_id = ? AND flow_id = ? ORDER BY id DESC LIMIT ?",
        (contact_id, flow_id, RUNS),
    )
    return [
        Run(
            row[0], row[1], row[2], row[3], row[4] == "waiting", row[5] or "", from_ms(row[6]), _moment(row[7]),
            _moment(row[8]), read_data(row[9]).get("trouble", ""),
        )
        for row in rows
    ]  # fmt: skip


def of_run(tx: Tx, run: Run, book: FlowBook, is_paused: bool, now: datetime) -> Iterator[Reason]:
    """What became of one run: where it stands, or how it ended, then what happened to each mail on its way."""
    passages = _passages(tx, run.id)
    if run.is_waiting:
        last = passages[-1] if passages else None
        yield from _standing(tx, run, book.definition(tx, run.version_id), last, is_paused, now)
    if not run.is_waiting and run.how != "completed":
        yield _ended(run, passages)
    sends = list(_sends(tx, passages))
    yield from sends
    if not sends and run.how == "completed":
        yield from _ways(passages)


def _standing(
    tx: Tx, run: Run, definition: Definition | None, last: _Passage | None, is_paused: bool, now: datetime
) -> Iterator[Reason]:
    if definition is None:
        yield Reason(Word.UNREADABLE, f"this program can't read version {run.version_id} of the flow: the run waits")
        return
    where = f"before the step {run.step}" + (f", key {run.key}" if run.key else "")
    if is_paused:
        yield Reason(Word.PAUSED, f"the flow is paused: the run stands {where}; `posthouse flow resume` lets it go on")
    held = tx.one(
        "SELECT reason, why, since_ms, until_ms, best_before_ms FROM held_mail WHERE kind = 'flow' AND ref = ? AND step = ?"
        " AND ended_ms IS NULL",
        (run.id, run.step),
    )
    if held is not None:
        text = f"held {where}: {held[1]}; it is asked again then, and not sent after {_shown(from_ms(held[4]))}"
        yield Reason(held[0], text, from_ms(held[2]), from_ms(held[3]))
    elif run.due is not None and run.due > now:
        instruction = definition.program.get(run.step)
        waits = last is not None and last.kind == "wait"
        if run.trouble:
            is_mail = instruction is not None and isinstance(instruction.step, Send)
            word = Word.CANT_BE_WRITTEN if is_mail else Word.WAITS
            yield Reason(word, f"it stands {where}, which failed: {run.trouble}; it is tried again", until=run.due)
        else:
            told = f" ({last.step}: {last.result})" if last and waits else ""
            yield Reason(Word.WAITS, f"it stands {where}{told}", until=run.due)
    elif run.due is None:
        yield Reason(Word.WAITS, f"it stands {where} for something that has not come")
    elif not is_paused:
        yield Reason(Word.DUE, f"it stands {where}, and its turn is now")


def _ended(run: Run, passages: list[_Passage]) -> Reason:
    last = next((each for each in reversed(passages) if each.kind in ("goal", "exit")), None)
    values = last.detail.get("values", {}) if last else {}
    what = f": {last.result}" if last and last.result else ""
    key = f", key {run.key}" if run.key else ""
    text = f"the run of {_shown(run.entered)}{key} ended ({run.how}){what}{missing(values)}"
    return Reason(_ENDS.get(run.how, Word.LEFT), text, run.ended, values=values)


def _sends(tx: Tx, passages: list[_Passage]) -> Iterator[Reason]:
    for each in passages:
        if each.kind != "send":
            continue
        if each.result.startswith(_REFUSED):
            why = each.detail.get("why", "")
            text = f"at the step {each.step} the arbiter refused it" + (f": {why}" if why else "")
            yield Reason(each.result.removeprefix(_REFUSED), text, each.at)
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


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"

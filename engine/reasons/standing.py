"""Where a run stands that is not over, why, and until when."""

from collections.abc import Iterator
from datetime import datetime

from engine.catalogue.pools import lack_of
from engine.flow.actions import CallWebhook
from engine.flow.model import Definition, Do, Instruction, Send, WaitFor
from engine.flow.telling import told
from engine.reasons.words import Reason, Run, Word, shown
from engine.running.standing import pool_of
from mta.ports import Tx, from_ms


def reasons(
    tx: Tx, run: Run, definition: Definition | None, is_paused: bool, now: datetime
) -> Iterator[Reason]:  # fmt: skip
    """What the run waits for: whoever must do something for it to go on is told what. `definition`: of its version."""
    if definition is None:
        yield Reason(Word.UNREADABLE, f"this program can't read version {run.version_id} of the flow: the run waits")
        return
    standing = run.kept.standing
    where = f"before the step {standing.step}" + (f", key {run.key}" if run.key else "")
    if is_paused:
        yield Reason(Word.PAUSED, f"the flow is paused: the run stands {where}; `posthouse flow resume` lets it go on")
    instruction = definition.program.get(standing.step)
    if (held := _held(tx, run, where)) is not None:
        yield held
    elif pool := pool_of(run.awaits):
        yield _without_coupon(tx, run, where, pool, now)
    elif run.due is None:
        yield _without_time(run, definition.name, instruction, where)
    elif run.due > now:
        yield _trouble(run, instruction, where) if run.kept.trouble else _wait(run, definition, instruction, where)
    elif not is_paused:
        yield Reason(Word.DUE, f"it stands {where}, and its turn is now")


def _held(tx: Tx, run: Run, where: str) -> Reason | None:
    """By the arbiter."""
    row = tx.one(
        "SELECT reason, why, since_ms, until_ms, best_before_ms FROM held_mail WHERE kind = 'flow' AND ref = ? AND step = ?"
        " AND ended_ms IS NULL",
        (run.id, run.kept.standing.step),
    )
    if row is None:
        return None
    reason, why, since_ms, until_ms, best_before_ms = row
    text = f"held {where}: {why}; it is asked again then, and not sent after {shown(from_ms(best_before_ms))}"
    return Reason(reason, text, from_ms(since_ms), from_ms(until_ms))


def _without_coupon(tx: Tx, run: Run, where: str, pool: str, now: datetime) -> Reason:
    since, lack = run.kept.meant, lack_of(tx, pool, now)
    if lack is None:
        return Reason(
            Word.DUE, f"it stands {where}{_since(since)}; the pool {pool} has coupons by now: it goes on in a moment"
        )
    text = f"it stands {where}{_since(since)}: {lack.reason}; {lack.remedy}, and it goes on within seconds"
    return Reason(Word.NO_COUPON, text, since)


def _without_time(run: Run, flow: str, instruction: Instruction | None, where: str) -> Reason:
    meant = run.kept.meant
    if instruction is not None and isinstance(instruction.step, Send):
        text = (
            f"it stands {where}, whose mail should have gone at {shown(meant) if meant else 'an earlier time'} and asks whether"
            f" it still may: `posthouse flow late {flow} send` writes it, `posthouse flow late {flow} skip` goes on without it"
        )
        return Reason(Word.ASKS, text, meant)
    return Reason(Word.WAITS, f"it stands {where} for something that has not come")


def _trouble(run: Run, instruction: Instruction | None, where: str) -> Reason:
    is_mail = instruction is not None and isinstance(instruction.step, Send)
    text = f"it stands {where}{_since(run.kept.meant)}, which failed: {run.kept.trouble}; it is tried again"
    return Reason(Word.CANT_BE_WRITTEN if is_mail else Word.CANT_BE_DONE, text, run.kept.meant, run.due)


def _wait(run: Run, definition: Definition, instruction: Instruction | None, where: str) -> Reason:
    standing = run.kept.standing
    if instruction is not None and standing.waiting_for == standing.step:
        at = where.replace("before", "at", 1)
        match instruction.step:
            case WaitFor() as step:
                return Reason(Word.WAITS, f"it waits {at}, {told(step)}", until=run.due)
            case Do(action=CallWebhook(url=url)):
                return Reason(Word.WAITS, f"it waits {at}, for the answer of {url}", until=run.due)
    waited = definition.program.get(standing.waited)
    what = f" ({waited.step.id}: {told(waited.step)})" if waited is not None else ""
    return Reason(Word.WAITS, f"it stands {where}{what}", until=run.due)


def _since(moment: datetime | None) -> str:
    return f", since {shown(moment)}" if moment else ""

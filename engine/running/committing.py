"""Committing: a plan comes true in one transaction, or not at all.

The order inside it: the run moves, if it still is what the plan was made on (its revision; no event of its contact that
nobody looked at; a flow that is not paused); then its passages; then each mail, when the arbiter lets it: message,
deliveries, and the row that says which step asked. One commit for all, so a step happens once, however many processes
planned it, and a crash leaves the run before the step or after it, never within.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from engine.running.due import DueRun
from engine.running.passages import Happened, Passage, write_passages
from engine.running.planning import HOLD, Letter, Plan
from engine.sending.arbiter import too_often
from engine.store.many import in_list
from mta.ports import Tx, to_ms
from mta.queue.delivery import Stream
from mta.queue.queue import NewMessage, Recipient, enqueue
from mta.queue.settings import QueueSettings

Gate = Callable[[Tx, str, Stream, int], str]
"""May this mail go: (tx, Address.key, stream, list) to "" or the reason why not."""

_STANDS: Final = (
    "SELECT e.id, e.revision FROM enrolment e JOIN flow f ON f.id = e.flow_id"
    " WHERE e.id IN ({}) AND e.state = 'waiting' AND f.state <> 'paused'"
    " AND NOT EXISTS (SELECT 1 FROM event v WHERE v.contact_id = e.contact_id AND v.matched = 0)"
)
_MOVE: Final = (
    "UPDATE enrolment SET step = ?, state = ?, due_ms = ?, ended_ms = ?, ended_how = ?, revision = revision + 1"
    " WHERE id = ?"
)


@dataclass(slots=True)
class Done:
    """A plan that was committed: messages written and sends refused, by step."""

    plan: Plan
    messages: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Committer:
    """Makes plans come true. `reverse_path` is where bounces of flow mail go."""

    gate: Gate
    queue: QueueSettings
    reverse_path: str

    def commit(self, tx: Tx, plans: Sequence[Plan], now: datetime) -> list[Done]:
        """Write these plans (at least one), but of those that are void nothing."""
        standing = _standing(tx, plans)
        good = [plan for plan in plans if standing.get(plan.run.enrolment_id) == plan.run.revision]
        tx.executemany(_MOVE, [_moved(plan, now) for plan in good])
        happened: list[Happened] = []
        found = []
        for plan in good:
            done = Done(plan)
            for each in plan.happenings:
                passage = self._send(tx, plan.run, each, done, now) if isinstance(each, Letter) else each
                happened.append(Happened(plan.run.enrolment_id, plan.run.standing.occurrence, passage))
            found.append(done)
        write_passages(tx, happened, now)
        return found

    def _send(self, tx: Tx, run: DueRun, letter: Letter, done: Done, now: datetime) -> Passage:
        """Queue the mail unless the arbiter refuses it; what happened either way."""
        detail: dict[str, Any] = {"template": letter.template}
        reason = self.gate(tx, letter.to.key, letter.stream, letter.list_id)
        if reason := reason or too_often(tx, run.contact_id, letter.stream, now):
            done.refusals[letter.step] = reason
            return Passage(letter.step, "send", f"refused: {reason}", detail)
        message_id = enqueue(tx, self._message(letter), now, self.queue).message_id
        tx.execute(
            "INSERT INTO sending (message_id, contact_id, enrolment_id, flow, step, occurrence, template)"
            " VALUES (?,?,?,?,?,?,?)",
            (
                message_id, run.contact_id, run.enrolment_id, letter.flow, letter.step, run.standing.occurrence,
                letter.template,
            ),
        )  # fmt: skip
        done.messages[letter.step] = message_id
        return Passage(letter.step, "send", "delivery asked", detail | {"message": message_id})

    def _message(self, letter: Letter) -> NewMessage:
        mail = letter.mail
        return NewMessage(
            reverse_path=self.reverse_path, recipients=(Recipient(letter.to),), content=mail.content,
            stream=letter.stream, origin="flow", campaign=letter.flow, needs_utf8=mail.needs_utf8, has_8bit=mail.needs_utf8,
            subject=mail.subject, header_from=mail.header_from, message_id=mail.message_id, list_id=letter.list_id,
        )  # fmt: skip


def _standing(tx: Tx, plans: Sequence[Plan]) -> dict[int, int]:
    """The revisions of those runs that may be moved now: their flows are not paused, their contacts' events looked at."""
    marks, which = in_list([plan.run.enrolment_id for plan in plans])
    return dict(tx.query(_STANDS.format(marks) + " ORDER BY e.id" + tx.for_update("e"), which))


def _moved(plan: Plan, now: datetime) -> tuple[Any, ...]:
    state, ended_ms = ("ended", to_ms(now)) if plan.ended_how else ("waiting", None)
    due_ms = to_ms(plan.due) if plan.due is not None else None
    return plan.step, state, due_ms, ended_ms, plan.ended_how, plan.run.enrolment_id


def hold(tx: Tx, run: DueRun, now: datetime) -> None:
    """Put a run off whose plan can't be committed, so that it does not stop the others."""
    tx.execute(
        "UPDATE enrolment SET due_ms = ?, revision = revision + 1 WHERE id = ? AND revision = ? AND state = 'waiting'",
        (to_ms(now + HOLD), run.enrolment_id, run.revision),
    )

"""Goals: the events that end runs, because what they were for has happened."""

from dataclasses import dataclass, field
from datetime import datetime

from engine.running import facts
from engine.running.cases import Case, Waiting
from engine.running.hearing import happened_before
from engine.running.passages import Happened, Passage
from mta.ports import Tx, to_ms


@dataclass(slots=True)
class Goals:
    """The runs that some events end, written together."""

    met: list[int] = field(default_factory=list)

    def meets(self, tx: Tx, case: Case, run: Waiting, happened: list[Happened]) -> bool:
        """Whether this event is what the run was for; then it ends."""
        goal = run.definition.goal if run.definition else None
        if goal is None or goal.event != case.event.name:
            return False
        if goal.within is not None and case.event.at > goal.within.after(run.entered, case.zone):
            return False
        if happened_before(tx, case.event, run):
            return False
        values = {}
        if goal.where is not None:
            scope = case.scope | {"trigger": _own_data(tx, run.id)}
            if not goal.where.evaluate(scope):
                return False
            values = goal.where.explain(scope)
        self.met.append(run.id)
        passage = Passage("goal", "goal", case.event.name, {"event": case.event.id, "values": values})
        happened.append(Happened(run.id, run.occurrence, passage))
        return True

    def end(self, tx: Tx, now: datetime) -> None:
        """Write it."""
        if self.met:
            tx.executemany(
                "UPDATE enrolment SET state = 'ended', ended_how = 'goal', ended_ms = ?, due_ms = NULL,"
                " revision = revision + 1 WHERE id = ? AND state = 'waiting'",
                [(to_ms(now), each) for each in self.met],
            )


def _own_data(tx: Tx, enrolment_id: int) -> dict[str, object]:
    row = tx.one("SELECT data FROM enrolment WHERE id = ?", (enrolment_id,))
    return facts.read_data(row[0]) if row else {}

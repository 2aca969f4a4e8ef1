"""Committing: a plan comes true in one transaction, or not at all.

The order inside it: the run is looked at, whether it still is what the plan was made on (its revision; no event of its
contact that nobody looked at; a flow that is not paused); then each effect, and each mail, when the arbiter lets it: message,
deliveries, the row that says which step asked, and the run's coupons, which are its person's from then on; then the run
moves, and its passages. A mail that the arbiter holds ends the turn: the run stands before its send step until then, and is
planned anew. One commit for all, so a step happens once, however many processes planned it, and a crash leaves the run
before the step or after it, never within.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from deliverability.address import Address
from engine.audience.consent import ALL_LISTS
from engine.catalogue import coupons
from engine.flow.decisions import Act, Standing
from engine.running.due import DueRun
from engine.running.effects import TELLS, Effects, Over, Stuck
from engine.running.facts import zone_for
from engine.running.hearing import came_since
from engine.running.passages import Happened, Passage, write_passages
from engine.running.planning import HOLD, Happening, Letter, Memo, Plan
from engine.running.standing import Kept, Place, ended, place_of, put_off
from engine.sending.arbiter import Arbiter, Asked, Kind
from engine.sending.judging import Hold, Refuse, Send
from engine.store.many import in_list
from mta.ports import Tx, to_ms
from mta.queue.delivery import Stream
from mta.queue.queue import NewMessage, Recipient, enqueue
from mta.queue.settings import QueueSettings

_STANDS: Final = (
    "SELECT e.id, e.revision FROM enrolment e JOIN flow f ON f.id = e.flow_id"
    " WHERE e.id IN ({}) AND e.state = 'waiting' AND f.state <> 'paused'"
    " AND NOT EXISTS (SELECT 1 FROM event v WHERE v.contact_id = e.contact_id AND v.matched = 0)"
)
_MOVE: Final = (
    "UPDATE enrolment SET step = ?, occurrence = ?, state = ?, due_ms = ?, ended_ms = ?, ended_how = ?, standing = ?,"
    " awaits = ?, intent = ?, revision = revision + 1 WHERE id = ?"
)


@dataclass(frozen=True, slots=True)
class HeldStep:
    """A send step whose mail the arbiter holds."""

    step: str
    reason: str
    until: datetime


@dataclass(slots=True)
class Done:
    """A plan that was committed: messages written and sends refused, by step. Up to the step that is held, if one is, or
    that can't be done now (`trouble`)."""

    plan: Plan
    given: dict[str, Any]
    messages: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)
    held: HeldStep | None = None
    trouble: str = ""
    chained: list[str] = field(default_factory=list)  # starts that a chain too long stopped: alarms
    place: Place | None = None  # where the run stands, when that is not what was planned
    is_over: bool = False  # an effect ended it: what was planned behind does not happen

    @property
    def ended_how(self) -> str | None:
        """How the run ended, if it did."""
        return self.place.how if self.place else None


@dataclass(frozen=True, slots=True)
class Committer:
    """Makes plans come true. `reverse_path` is where bounces of flow mail go."""

    arbiter: Arbiter
    queue: QueueSettings
    reverse_path: str
    effects: Effects

    def commit(self, tx: Tx, plans: Sequence[Plan], now: datetime) -> list[Done]:
        """Write these plans (at least one, of different contacts), but of those that are void nothing."""
        standing = _standing(tx, plans)
        good = [plan for plan in plans if standing.get(plan.run.enrolment_id) == plan.run.revision]
        happened: list[Happened] = []
        found = [self._enact(tx, plan, happened, now) for plan in good]
        tx.executemany(_MOVE, [(*_place(tx, done, now).columns(now), done.plan.run.enrolment_id) for done in found])
        write_passages(tx, happened, now)
        return found

    def _enact(self, tx: Tx, plan: Plan, happened: list[Happened], now: datetime) -> Done:
        """What one plan does, up to the step that is held; what happened is added."""
        run, done = plan.run, Done(plan, dict(plan.run.kept.given), place=plan.place)
        for each in plan.happenings:
            passage = self._do(tx, run, each, done, now)
            if passage is None:
                break
            happened.append(Happened(run.enrolment_id, each.before.occurrence, passage))
            if done.is_over:
                break
        return done

    def _do(self, tx: Tx, run: DueRun, each: Happening, done: Done, now: datetime) -> Passage | None:
        match each.doing:
            case Letter() as letter:
                return self._send(tx, run, letter, each.before, done, now)
            case Memo() as memo:
                message_id = enqueue(tx, self._message(memo, memo.to, Stream.TRANSACTIONAL), now, self.queue).message_id
                done.messages[memo.step] = message_id
                _told_of_coupons(tx, run, done, now)
                return Passage(memo.step, "notify", str(memo.to), {"message": message_id})
            case Act() as act:
                return self._act(tx, run, act, each.before, done, now)
            case passage:
                return passage

    def _act(self, tx: Tx, run: DueRun, act: Act, before: Standing, done: Done, now: datetime) -> Passage | None:
        """Have an effect; None where it has to wait for somebody to mend something, or is written when it is answered."""
        came = self.effects.do(tx, run, act, now)
        if isinstance(came, Stuck):
            done.trouble = f"step {act.step}: {came.reason}"
            done.place = put_off(
                Kept(replace(before, due=run.standing.due), done.given), now + HOLD, done.trouble, came.awaits
            )
            return None
        if isinstance(came, Over):
            done.is_over, done.place = True, ended(before.occurrence, "exit")
            return Passage(act.step, "exit", came.reason)
        if isinstance(act.action, TELLS):
            _told_of_coupons(tx, run, done, now)
        done.given |= came.given
        if came.trouble:
            done.chained.append(came.trouble)
        return None if act.then == act.step else Passage(act.step, came.kind, came.result, came.detail)

    def _send(self, tx: Tx, run: DueRun, letter: Letter, before: Standing, done: Done, now: datetime) -> Passage | None:
        """Queue the mail if the arbiter lets it; what happened, or None where it is held."""
        detail: dict[str, Any] = {"template": letter.template}
        asked = _asked(run, letter, before.occurrence)
        verdict = self.arbiter.hear(tx, asked, now)
        if isinstance(verdict, Hold):
            done.held = HeldStep(letter.step, verdict.reason, verdict.until)
            kept = Kept(before, done.given).as_json()
            done.place = Place(letter.step, before.occurrence, verdict.until, kept=kept)
            return None
        if isinstance(verdict, Refuse):
            done.refusals[letter.step] = verdict.reason
            return Passage(letter.step, "send", f"refused: {verdict.reason}", detail | _told(verdict))
        if self._renewed(tx, run, done, now):  # the mail is written anew, with the day that is right
            done.place = Place(letter.step, before.occurrence, now, kept=Kept(before, done.given).as_json())
            return None
        message_id = enqueue(
            tx, self._message(letter, letter.to, letter.stream, letter.list_id), now, self.queue
        ).message_id  # fmt: skip
        tx.put(
            "INSERT INTO sending (message_id, contact_id, enrolment_id, flow, step, occurrence, template)"
            " VALUES (?,?,?,?,?,?,?)",
            (
                message_id, run.contact_id, run.enrolment_id, letter.flow, letter.step, before.occurrence, letter.template,
            ),
        )  # fmt: skip
        self.arbiter.note(tx, asked, message_id, now)
        _told_of_coupons(tx, run, done, now)
        done.messages[letter.step] = message_id
        return Passage(letter.step, "send", "delivery asked", detail | {"message": message_id} | _told(verdict))

    def _renewed(self, tx: Tx, run: DueRun, done: Done, now: datetime) -> bool:
        """Whether time of a code of this run went by before anybody was told of it: it begins anew."""
        zone = zone_for(run.contact, self.effects.hand.zone) if run.contact else self.effects.hand.zone
        fresh = {}
        for name, each in done.given.items():
            told = coupons.codes_in({name: each})
            if told and (taken := coupons.renew(tx, run.contact_id, told[0], now, zone)) is not None:
                fresh[name] = coupons.as_given(taken, zone)
        done.given |= fresh
        return bool(fresh)

    def _message(self, letter: Letter | Memo, to: Address, stream: Stream, list_id: int = ALL_LISTS) -> NewMessage:
        mail = letter.mail
        return NewMessage(
            reverse_path=self.reverse_path, recipients=(Recipient(to),), content=mail.content,
            stream=stream, origin="flow", campaign=letter.flow, needs_utf8=mail.needs_utf8, has_8bit=mail.needs_utf8,
            subject=mail.subject, header_from=mail.header_from, message_id=mail.message_id, list_id=list_id,
        )  # fmt: skip


def _told_of_coupons(tx: Tx, run: DueRun, done: Done, now: datetime) -> None:
    """Somebody may read the codes of this run now."""
    if done.given:
        coupons.give(tx, run.contact_id, coupons.codes_in(done.given), now)


def _standing(tx: Tx, plans: Sequence[Plan]) -> dict[int, int]:
    """The revisions of those runs that may be moved now: their flows are not paused, their contacts' events looked at."""
    if lock := tx.for_update():  # people before runs, as the matcher does: else each could wait for the other
        people, who = in_list(sorted({plan.run.contact_id for plan in plans}))
        tx.query(f"SELECT id FROM contact WHERE id IN ({people}) ORDER BY id{lock}", who)
    marks, which = in_list([plan.run.enrolment_id for plan in plans])
    return dict(tx.query(_STANDS.format(marks) + " ORDER BY e.id" + tx.for_update("e"), which))


def _place(tx: Tx, done: Done, now: datetime) -> Place:
    """Where the run stands now: as planned, or where it is held."""
    plan = done.plan
    if done.place is not None:
        return done.place
    assert plan.after is not None and plan.last is not None
    after = plan.after
    if (begun := plan.begins) is not None and came_since(tx, plan.run, begun, now):
        after = replace(after, heard=True, due=now)
    return place_of(after, plan.last, done.given)


def _asked(run: DueRun, letter: Letter, occurrence: int) -> Asked:
    return Asked(
        Kind.FLOW, letter.flow, run.enrolment_id, run.contact_id, letter.to.key, letter.stream, letter.step, occurrence,
        letter.list_id, letter.priority, letter.best_before,
    )  # fmt: skip


def _told(verdict: Send | Refuse) -> dict[str, str]:
    """What the arbiter said, for the passage."""
    told = {"why": verdict.why} if isinstance(verdict, Refuse) and verdict.why else {}
    return told | ({"held_since": verdict.held_since.isoformat()} if verdict.held_since else {})


def hold(tx: Tx, run: DueRun, why: str, now: datetime) -> None:
    """Put a run off whose plan can't be committed, so that it does not stop the others."""
    tx.execute(
        "UPDATE enrolment SET due_ms = ?, standing = ?, revision = revision + 1"
        " WHERE id = ? AND revision = ? AND state = 'waiting'",
        (to_ms(now + HOLD), put_off(run.kept, None, why).kept, run.enrolment_id, run.revision),
    )

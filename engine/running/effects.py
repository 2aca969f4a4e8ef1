"""Effects: what a flow does beside writing mail, in the transaction that moves its run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from deliverability.address import Address
from engine.audience import lists, subscriptions
from engine.audience.consent import Answer
from engine.audience.contacts import Change, change
from engine.audience.lists import ListError, MailingList
from engine.audience.subscriptions import Asked, Asker
from engine.catalogue import coupons
from engine.catalogue.coupons import Empty
from engine.flow.actions import (
    AddTo,
    CallWebhook,
    Emit,
    Join,
    Leave,
    SetFields,
    StartFlow,
    StopFlow,
    Tag,
    TakeCoupon,
    Untag,
)
from engine.flow.decisions import Act
from engine.flow.effects import added
from engine.flow.entering import Bar, Entered, NotEntered
from engine.flow.events import Event, idempotency, natural_key
from engine.hooks import calls
from engine.hooks.calls import NewCall
from engine.intake.recording import record
from engine.running import chains, facts
from engine.running.beginning import Hand
from engine.running.due import DueRun
from engine.running.passages import Happened, Passage, write_passages
from engine.running.standing import awaiting_pool
from mta.ports import Tx, to_ms

TOLD: Final = frozenset(
    (
        "id",
        "address",
        "name",
        "locale",
        "zone",
        "birthday",
        "external_id",
        "tags",
        "lists",
        "segments",
        "fields",
        "orders",
    )
)
"""What a webhook is told of the contact."""
_END: Final = (
    "UPDATE enrolment SET state = 'ended', ended_how = 'exit', ended_ms = ?, due_ms = NULL, awaits = '',"
    " revision = revision + 1 WHERE id = ?"
)


TELLS: Final = (SetFields, Emit, StartFlow, CallWebhook)
"""Actions that may carry what the run was given to somebody."""


@dataclass(frozen=True, slots=True)
class Came:
    """What an effect came to: for the passage, and what the run's data holds from then on."""

    kind: str
    result: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    trouble: str = ""  # for the operator; the run goes on


@dataclass(frozen=True, slots=True)
class Stuck:
    """It can't be had now: the run waits before its step until somebody mended what the reason names."""

    reason: str
    awaits: str = ""  # where it goes on by itself when that is there: for its row


@dataclass(frozen=True, slots=True)
class Over:
    """It will never be had: the run is over here, which is nobody's fault."""

    reason: str


@dataclass(frozen=True, slots=True)
class Effects:
    """Does what flows ask for. `asks` makes who writes the mail of a double opt-in; `draw` gives unguessable octets."""

    hand: Hand
    asks: Callable[[datetime], Asker]
    draw: Callable[[], bytes]
    give_up: timedelta = timedelta(days=1)  # on webhooks that nobody waits for

    def do(self, tx: Tx, run: DueRun, act: Act, now: datetime) -> Came | Stuck | Over:
        """One effect of a run. What is wrong for good (a list that is gone) raises, in words for the operator."""
        if not chains.makes_events(act.action):
            return self._do(tx, run, act, now)
        before = chains.newest(tx)
        came = self._do(tx, run, act, now)
        chains.mark(tx, run.contact_id, before, chains.following(run.chain, run.chained_ms, now))
        return came

    def _do(self, tx: Tx, run: DueRun, act: Act, now: datetime) -> Came | Stuck | Over:
        name = run.definition.name if run.definition else ""
        match act.action:
            case Tag(tag=tag):
                change(tx, run.contact_id, Change(tags=frozenset({tag})), now)
                return Came("tag", tag)
            case Untag(tag=tag):
                change(tx, run.contact_id, Change(untags=frozenset({tag})), now)
                return Came("untag", tag)
            case Join(mailing_list=of):
                return self._join(tx, run, of, name, now)
            case Leave(mailing_list=of):
                left = subscriptions.unsubscribe(
                    tx, run.contact_id, _list(tx, of).id, answer=self._answer(run, name), now=now
                )
                return Came("leave", of if left else f"{of}: was not on it")
            case SetFields():
                change(tx, run.contact_id, Change(fields=act.values), now)
                return Came("set", ", ".join(act.values), {"values": act.values})
            case AddTo():
                return _add(tx, run, act.values, now)
            case TakeCoupon() as coupon:
                return _coupon(tx, run, act.step, coupon, facts.zone_for(_contact(run), self.hand.zone), now)
            case Emit(event=event):
                return _emit(tx, run, act, event, now)
            case StartFlow(flow=other):
                return self._start(tx, run, other, name, now)
            case StopFlow(flow=other):
                return _stop(tx, run, other, name, now)
            case CallWebhook() as webhook:
                return self._call(tx, run, act, webhook, name, now)
        raise AssertionError(f"{act.action} is no action")

    def _join(self, tx: Tx, run: DueRun, of: str, flow: str, now: datetime) -> Came:
        address = Address.parse(_contact(run)["address"])
        asked = subscriptions.subscribe(tx, of, address, answer=self._answer(run, flow), ask=self.asks(now), now=now)
        return Came("join", f"{of}: {_word(asked)}")

    def _call(self, tx: Tx, run: DueRun, act: Act, webhook: CallWebhook, flow: str, now: datetime) -> Came:
        give_up = act.due if webhook.wait and act.due else now + self.give_up
        uid = f"msg_{self.draw().hex()[:32]}"
        contact = {name: each for name, each in _contact(run).items() if name in TOLD}
        content = {
            "flow": flow, "step": act.step, "run": run.enrolment_id, "contact": contact, "event": run.event,
            "values": dict(act.values),
        }  # fmt: skip
        call = NewCall(
            uid,
            webhook.url,
            flow,
            act.step,
            act.occurrence,
            run.enrolment_id,
            run.contact_id,
            webhook.wait,
            give_up,
            content,
        )
        calls.ask(tx, call, now)
        return Came("webhook", webhook.url, {"id": uid}, {"webhook": {"status": 0}} if webhook.wait else {})

    def _answer(self, run: DueRun, flow: str) -> Answer:
        return Answer("", str(_contact(run)["locale"]), f"flow {flow}", salt=self.draw())

    def _start(self, tx: Tx, run: DueRun, other: str, flow: str, now: datetime) -> Came:
        chain = chains.following(run.chain, run.chained_ms, now)
        entry, enrolment_id = self.hand.start(
            tx, other, run.contact_id, run.event, now, by=f"flow {flow}", chain=chain
        )  # fmt: skip
        match entry:
            case NotEntered(reason=Bar.CHAIN as reason):
                return Came("start", f"{other}: {reason}", trouble=chains.told(other, f"start of flow {flow}"))
            case NotEntered(reason=reason):
                return Came("start", f"{other}: {reason}")
            case Entered(is_held_out=True):
                return Came("start", f"{other}: held out", {"enrolment": enrolment_id})
        return Came("start", other, {"enrolment": enrolment_id})


def _contact(run: DueRun) -> dict[str, Any]:
    assert run.contact is not None  # a run without its contact is over before any effect
    return run.contact


def _list(tx: Tx, name: str) -> MailingList:
    found = lists.get(tx, name)
    if found is None:
        raise ListError(f"there is no list {name}")
    return found


def _word(asked: Asked) -> str:
    if asked.refused:
        return f"refused: {asked.refused}"
    if asked.already:
        return "is on it already"
    return "asked to confirm" if asked.message_id else "confirmed"


def _add(tx: Tx, run: DueRun, numbers: Mapping[str, Any], now: datetime) -> Came:
    row = tx.one("SELECT fields FROM contact WHERE id = ?" + tx.for_update(), (run.contact_id,))
    before = facts.read_data(row[0]) if row else {}
    sums = {name: added(before.get(name), number) for name, number in numbers.items()}
    change(tx, run.contact_id, Change(fields=sums), now)
    return Came("add", ", ".join(sums), {"values": sums})


def _coupon(tx: Tx, run: DueRun, step: str, asked: TakeCoupon, zone: ZoneInfo, now: datetime) -> Came | Stuck | Over:
    taken = coupons.take(
        tx, asked.pool, run.contact_id, f"{run.enrolment_id}:{step}", now, expires=asked.expires, zone=zone
    )  # fmt: skip
    if isinstance(taken, Empty) and taken.is_used:
        return Over(taken.reason)
    if isinstance(taken, Empty):
        return Stuck(taken.reason, awaiting_pool(asked.pool) if taken.can_be_filled else "")
    given = coupons.as_given(taken, zone)
    return Came("coupon", taken.code, {"pool": asked.pool, **given}, {asked.name: given})


def _emit(tx: Tx, run: DueRun, act: Act, event: str, now: datetime) -> Came:
    data = dict(act.values)
    told = Event(
        event, now, "flow", data, natural_key(event, data), Address.parse(_contact(run)["address"]),
        idempotency_key=idempotency("flow", str(run.enrolment_id), act.step, str(act.occurrence)),
    )  # fmt: skip
    return Came("emit", event, {"event": record(tx, told, now=now)})


def _stop(tx: Tx, run: DueRun, other: str, flow: str, now: datetime) -> Came:
    """End the contact's other runs in a flow."""
    rows = tx.query(
        "SELECT e.id, e.occurrence FROM enrolment e JOIN flow f ON f.id = e.flow_id WHERE e.contact_id = ? AND f.name = ?"
        " AND e.state = 'waiting' AND e.id <> ? ORDER BY e.id" + tx.for_update("e"),
        (run.contact_id, other, run.enrolment_id),
    )
    for enrolment_id, _ in rows:
        tx.execute(_END, (to_ms(now), enrolment_id))
    by = Passage("exit", "exit", f"stopped by flow {flow}", {"enrolment": run.enrolment_id})
    write_passages(tx, [Happened(enrolment_id, occurrence, by) for enrolment_id, occurrence in rows], now)
    return Came("stop", other, {"ended": [enrolment_id for enrolment_id, _ in rows]})

"""From what a dialogue came to, to what the queue writes: pure.

Who is condemned decides: a route's failure waits on the site and leaves the delivery due; a recipient's or a message's
failure moves the delivery itself. A reply is judged once, by deliverability.bounces.
"""

from datetime import datetime

from deliverability.bounces.classify import BounceClass, Then, Verdict, classify
from deliverability.reply import Reply
from deliverability.settings import RetrySettings
from deliverability.shaping.retry import next_attempt
from mta.outbound.outcome import Delivered, Failure, NotPermitted, Outcome, Scope, Stage, Unanswered
from mta.ports import to_ms
from mta.queue.delivery import Event, State
from mta.queue.queue import Claimed, Settlement


def judge(failure: Failure, provider: str = "") -> Verdict:
    """The one verdict on a failure's reply."""
    return classify(failure.reply, failure.stage, provider)


def settlement(
    each: Claimed,
    outcome: Outcome,
    *,
    state: State,
    began: datetime,
    now: datetime,
    retry: RetrySettings,
    jitter: float,
    host: str = "",
    address: str = "",
    tls: str = "",
    verdict: Verdict | None = None,
    is_believed: bool = True,
    dialogue: str = "",
    source: str = "",
    has_stand_in: bool = False,
) -> Settlement:
    """What to write for `outcome`. `state` is where the delivery stands: IN_FLIGHT, or AT_THE_DOT once that was
    marked. `verdict`: of a failure. `is_believed`: False while the bounce guard holds the domain: nothing is final
    then. `has_stand_in`: another source may try at once what refuses the address of this one."""
    event, reply, stage, due_ms = _event(each, outcome, now, retry, jitter, verdict, is_believed, has_stand_in)
    return Settlement(
        delivery_id=each.delivery_id, state=state, event=event, reply=reply, stage=stage, at_ms=to_ms(began),
        took_ms=max(0, to_ms(now) - to_ms(began)), host=host, address=address, tls=tls, due_ms=due_ms,
        hop_knows_dsn=not isinstance(outcome, Delivered) or outcome.knows_dsn, rule=verdict.rule if verdict else "",
        dialogue=dialogue, source=source,
    )  # fmt: skip


def _event(
    each: Claimed,
    outcome: Outcome,
    now: datetime,
    retry: RetrySettings,
    jitter: float,
    verdict: Verdict | None,
    is_believed: bool,
    has_stand_in: bool,
) -> tuple[Event, str, str, int | None]:
    match outcome:
        case Delivered(reply=reply):
            return Event.ACCEPTED, str(reply), "dot", None
        case Unanswered(stage=stage, why=why):
            return Event.ANSWER_LOST, why, stage, None
        case NotPermitted():
            return Event.RELEASED, "", "dot", None
        case Failure(scope=Scope.ROUTE, reply=reply, stage=stage) if not is_in_transaction(outcome):
            return Event.DEFERRED, str(reply), stage, None  # the site waits, not the delivery
        case Failure(scope=Scope.SESSION, reply=reply, stage=stage) if each.attempts == 1:
            return Event.DEFERRED, str(reply), stage, None  # at once over a new connection, but only once
        case Failure(reply=reply, stage=stage):
            verdict = verdict or judge(outcome)
            if reply.is_permanent and verdict.hard and is_believed:
                return Event.REJECTED, str(reply), stage, None
            if verdict.then is Then.RETRY_SITE or (verdict.then is Then.OTHER_SOURCE and has_stand_in):
                return Event.DEFERRED, str(reply), stage, None  # the site rests, not the delivery
            # A greylist lets the same source through after minutes, however often it was asked before.
            attempts = 1 if verdict.klass is BounceClass.GREYLISTED else each.attempts
            due = next_attempt(attempts, retry, now=now, jitter=jitter)
            return Event.DEFERRED, str(reply), stage, to_ms(due) if due else None
    raise AssertionError(f"no settlement for {outcome!r}")


def is_in_transaction(failure: Failure) -> bool:
    """Whether a connection ended while it carried one message: that one waits by itself, so that it never comes first
    at the next connection again, and again stops the others."""
    return failure.scope is Scope.ROUTE and failure.stage in (Stage.RCPT, Stage.DATA, Stage.DOT)


def concerns_site(failure: Failure, verdict: Verdict) -> bool:
    """Whether a failure may tell something about the site's pace. What is said to RCPT is about that recipient, unless
    it says plainly that it is too much; what is in our words nobody said."""
    if failure.is_ours or not verdict.slow_down:
        return False
    return failure.stage is not Stage.RCPT or verdict.is_too_much


def our_trouble(text: str) -> Reply:
    """A trouble of ours as a reply: always transient."""
    return Reply.of(451, "4.3.0", text)


def our_fault(state: State, err: Exception) -> Outcome:
    """What a fault of ours in the middle of a dialogue means: once the dot was permitted, nobody knows."""
    if state is State.AT_THE_DOT:
        return Unanswered(Stage.DOT, fault(err).text)
    return Failure(Scope.MESSAGE, fault(err), Stage.MAIL, is_ours=True)


def fault(err: Exception) -> Reply:
    return our_trouble(f"a fault of ours: {type(err).__name__}")

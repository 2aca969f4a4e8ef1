"""From what a dialogue came to, to what the queue writes: pure.

Who is condemned decides: a route's failure waits on the site and leaves the delivery due; a recipient's or a message's
failure moves the delivery itself. A reply is judged once, by deliverability.bounces.
"""

from datetime import datetime

from deliverability.bounces.classify import Verdict, classify
from deliverability.reply import Reply
from deliverability.settings import RetrySettings
from deliverability.shaping.retry import next_attempt
from mta.outbound.outcome import Delivered, Failure, NotPermitted, Outcome, Scope, Unanswered
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
) -> Settlement:
    """What to write for `outcome`. `state` is where the delivery stands: IN_FLIGHT, or AT_THE_DOT once that was
    marked."""
    event, reply, stage, due_ms = _event(each, outcome, now, retry, jitter)
    return Settlement(
        delivery_id=each.delivery_id, state=state, event=event, reply=reply, stage=stage, at_ms=to_ms(began),
        took_ms=max(0, to_ms(now) - to_ms(began)), host=host, address=address, tls=tls, due_ms=due_ms,
        hop_knows_dsn=not isinstance(outcome, Delivered) or outcome.knows_dsn,
    )  # fmt: skip


def _event(
    each: Claimed, outcome: Outcome, now: datetime, retry: RetrySettings, jitter: float
) -> tuple[Event, str, str, int | None]:
    match outcome:
        case Delivered(reply=reply):
            return Event.ACCEPTED, str(reply), "dot", None
        case Unanswered(stage=stage, why=why):
            return Event.ANSWER_LOST, why, stage, None
        case NotPermitted():
            return Event.RELEASED, "", "dot", None
        case Failure(scope=Scope.ROUTE, reply=reply, stage=stage):
            return Event.DEFERRED, str(reply), stage, None  # the site waits, not the delivery
        case Failure(scope=Scope.SESSION, reply=reply, stage=stage) if each.attempts == 1:
            return Event.DEFERRED, str(reply), stage, None  # at once over a new connection, but only once
        case Failure(reply=reply, stage=stage):
            if reply.is_permanent and judge(outcome).hard:
                return Event.REJECTED, str(reply), stage, None
            due = next_attempt(each.attempts, retry, now=now, jitter=jitter)
            return Event.DEFERRED, str(reply), stage, to_ms(due) if due else None
    raise AssertionError(f"no settlement for {outcome!r}")


def our_trouble(text: str) -> Reply:
    """A trouble of ours as a reply: always transient."""
    return Reply.of(451, "4.3.0", text)

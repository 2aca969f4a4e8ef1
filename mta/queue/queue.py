"""The queue: what passes in and out of it, and enqueue.

Every function works inside one transaction that its caller opened (`Tx`), touches nothing else, and may be run again.
The states and what a crash leaves are in `mta.queue.delivery`; here is the durable order of one delivery, and where each step is:

    enqueue     message, body, deliveries and the destination's hint: one commit, then 250 to whoever handed it over
    claim       (claiming) QUEUED -> IN_FLIGHT with an owner, committed before the first command of the dialogue; where the
                enqueuing process has a hand free for the domain, in the commit of the enqueue itself
    mark_dot    (settling) IN_FLIGHT -> AT_THE_DOT, committed before the body and its dot leave; refused when the lease was lost
    settle      (settling) the outcome, its attempt and what follows from it (DSN, suppression, event): one commit
    sweep       (leasing) a dead owner's deliveries: IN_FLIGHT -> QUEUED, AT_THE_DOT -> IN_DOUBT with a row that says so
    resolve     (doubting) IN_DOUBT -> what the stream's policy says

An owner is a row of `carrier`; its id is the fence, since every change of a claimed delivery asks for it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from deliverability.address import Address
from mta.ports import Tx, to_ms
from mta.queue.delivery import Event, State, Stream
from mta.queue.hints import hint
from mta.queue.leasing import has_lease
from mta.queue.settings import QueueSettings


@dataclass(frozen=True, slots=True)
class Recipient:
    forward_path: Address
    notify: frozenset[str] = frozenset()  # RFC 3461: NEVER, or some of SUCCESS, FAILURE, DELAY
    orcpt: str | None = None


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be accepted: one delivery for each recipient."""

    reverse_path: str  # "" is the null reverse-path
    recipients: tuple[Recipient, ...]
    content: bytes  # CRLF line ends only
    stream: Stream
    origin: str  # submission, flow, confirmation, dsn
    expires_at: datetime | None = None
    credential: str = ""
    envid: str | None = None
    ret: str | None = None
    needs_utf8: bool = False
    has_8bit: bool = False
    subject: str = ""
    header_from: str = ""
    message_id: str = ""
    dsn: bool = True  # whether its submitter wants to be told of failures
    campaign: str = ""  # what limits and lists know it by
    by_at: datetime | None = None  # deliver by then (RFC 2852) ...
    returns_late: bool = False  # ... or return it (mode R), else say that it is late (mode N)
    list_id: int = 0  # the mailing list that it is mail of, for the gate; 0 is none
    remarks: tuple[str, ...] = ()  # what of it was not understood


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery in an owner's hands, with what its dialogue needs but the octets."""

    delivery_id: int
    message_id: int
    forward_path: str
    domain: str
    stream: Stream
    attempts: int  # with this one
    created_ms: int
    expires_ms: int
    notify: str
    orcpt: str | None
    reverse_path: str
    header_from: str  # the address in From:
    origin: str
    size: int
    needs_utf8: bool
    has_8bit: bool
    envid: str | None
    ret: str | None
    dsn: bool = True  # whether its submitter wants to be told of failures
    campaign: str = ""
    by_ms: int | None = None  # deliver by then (RFC 2852)
    by_mode: str = ""  # R, N; n when its sender was told that it is late
    list_id: int = 0  # the mailing list that it is mail of


@dataclass(frozen=True, slots=True)
class Settlement:
    """What came of a claimed delivery."""

    delivery_id: int
    state: State  # as its owner knows it: IN_FLIGHT or AT_THE_DOT
    event: Event
    reply: str
    stage: str
    at_ms: int  # when the attempt began
    took_ms: int = 0
    host: str = ""
    address: str = ""
    tls: str = ""
    due_ms: int | None = None  # the delivery's own next time; None leaves it due
    hop_knows_dsn: bool = True  # who took it on will send the DSN that was asked for (RFC 3461 section 5.2.1)
    rule: str = ""  # by which the reply was judged
    dialogue: str = ""  # what was said, with times
    source: str = ""  # by which it left


@dataclass(frozen=True, slots=True)
class Settled:
    """A delivery whose fate (or doubt, or deferral) was just written, for those who follow it in the same commit."""

    delivery_id: int
    message_id: int
    forward_path: str
    stream: Stream
    origin: str
    state: State
    event: Event
    reply: str
    stage: str
    reverse_path: str
    notify: str
    orcpt: str | None
    envid: str | None
    ret: str | None
    created_ms: int
    dsn: bool = True  # whether its submitter wants to be told of failures
    hop_knows_dsn: bool = True
    host: str = ""  # who was tried, where this follows from an attempt


@dataclass(frozen=True, slots=True)
class Enqueued:
    message_id: int
    deliveries: tuple[int, ...]
    claimed: tuple[Claimed, ...] = ()  # of these deliveries, those that the given hand now holds


Gate = Callable[[Tx, Sequence[Claimed]], Mapping[int, str]]
"""Told of what is about to be claimed; answers {delivery_id: reason} for those that must not leave (suppressed)."""


@dataclass(frozen=True, slots=True)
class Hand:
    """An owner that can carry at once what is enqueued for these domains."""

    owner: int
    domains: frozenset[str]
    gate: Gate


Follow = Callable[[Tx, Sequence[Settled]], None]
"""Told of what was settled, inside the same transaction."""


def remark(tx: Tx, message_id: int, text: str) -> None:
    """Note one more line at a message that was taken on."""
    sql = "UPDATE message SET remarks = CASE WHEN remarks = '' THEN ? ELSE remarks || ? END WHERE id = ?"
    tx.execute(sql, (text, f"\n{text}", message_id))


def enqueue(tx: Tx, message: NewMessage, now: datetime, settings: QueueSettings, hand: Hand | None = None) -> Enqueued:
    """Take a message on. After the commit it is ours until each of its deliveries has an end.

    Deliveries for a domain of `hand` are claimed in the same breath, as by `claim`, while it has its lease; one that
    the gate stops stays queued, and ends when it is looked at.
    """
    if hand and not has_lease(tx, hand.owner):
        hand = None
    now_ms = to_ms(now)
    expires_ms = to_ms(message.expires_at or now + settings.expire_after(message.stream))
    message_id = tx.insert(
        "INSERT INTO message (reverse_path, stream, origin, subject, header_from, message_id, size, needs_utf8, has_8bit,"
        " envid, ret, credential, recipients, received_ms, no_dsn, list_id, remarks)"
        " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            message.reverse_path, int(message.stream), message.origin, message.subject, message.header_from,
            message.message_id, len(message.content), int(message.needs_utf8), int(message.has_8bit), message.envid,
            message.ret, message.credential, len(message.recipients), now_ms, int(not message.dsn), message.list_id,
            "\n".join(message.remarks),
        ),
    )  # fmt: skip
    tx.put("INSERT INTO body (message_id, content) VALUES (?,?)", (message_id, message.content))
    fresh = [_insert_delivery(tx, message_id, message, each, now_ms, expires_ms, hand) for each in message.recipients]
    claimed = _let_through(tx, [each for each in fresh if hand and each.domain in hand.domains], hand)
    held = {each.delivery_id for each in claimed}
    for domain in {each.domain for each in fresh if each.delivery_id not in held}:
        hint(tx, domain, now_ms)
    return Enqueued(message_id, tuple(each.delivery_id for each in fresh), claimed)


def _insert_delivery(
    tx: Tx, message_id: int, message: NewMessage, to: Recipient, now_ms: int, expires_ms: int, hand: Hand | None
) -> Claimed:
    """One delivery's row: queued, or already in the hand that carries its domain."""
    forward_path, domain, notify = str(to.forward_path), to.forward_path.domain, ",".join(sorted(to.notify))
    is_claimed = hand is not None and domain in hand.domains
    by_ms, by_mode = (to_ms(message.by_at), "R" if message.returns_late else "N") if message.by_at else (None, "")
    delivery_id = tx.insert(
        "INSERT INTO delivery (message_id, forward_path, domain, stream, state, due_ms, expires_ms, attempts, doubts,"
        " owner, notify, orcpt, last_reply, created_ms, campaign, by_ms, by_mode, claimed_ms)"
        " VALUES (?,?,?,?,?,?,?,?,0,?,?,?,'',?,?,?,?,?)",
        (
            message_id, forward_path, domain, int(message.stream), int(State.IN_FLIGHT if is_claimed else State.QUEUED),
            now_ms, expires_ms, int(is_claimed), hand.owner if hand and is_claimed else None, notify, to.orcpt, now_ms,
            message.campaign, by_ms, by_mode, now_ms if is_claimed else None,
        ),
    )  # fmt: skip
    return Claimed(
        delivery_id, message_id, forward_path, domain, message.stream, 1, now_ms, expires_ms, notify, to.orcpt,
        message.reverse_path, message.header_from, message.origin, len(message.content), message.needs_utf8,
        message.has_8bit, message.envid, message.ret, message.dsn, message.campaign, by_ms, by_mode, message.list_id,
    )  # fmt: skip


def _let_through(tx: Tx, claimed: list[Claimed], hand: Hand | None) -> tuple[Claimed, ...]:
    """Those of `claimed` that the gate lets through; the others are queued again, as if nobody had taken them."""
    stopped = hand.gate(tx, claimed) if hand and claimed else {}
    for delivery_id in stopped:
        tx.execute("UPDATE delivery SET state = 0, owner = NULL, attempts = 0 WHERE id = ?", (delivery_id,))
    return tuple(each for each in claimed if each.delivery_id not in stopped)


def settled(
    each: Claimed, state: State, event: Event, reply: str, stage: str, *, hop_knows_dsn: bool = True, host: str = ""
) -> Settled:
    return Settled(
        each.delivery_id, each.message_id, each.forward_path, each.stream, each.origin, state, event, reply, stage,
        each.reverse_path, each.notify, each.orcpt, each.envid, each.ret, each.created_ms,
        each.dsn, hop_knows_dsn, host,
    )  # fmt: skip


def count_waiting(tx: Tx) -> int:
    """How many deliveries have no end yet."""
    row = tx.one("SELECT count(*) FROM delivery WHERE state < ?", (State.DELIVERED,))
    return int(row[0]) if row else 0

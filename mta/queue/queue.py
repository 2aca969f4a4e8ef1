"""The queue: enqueue, claim, mark the dot, settle, sweep.

Every function works inside one transaction that its caller opened (`Tx`), touches nothing else, and may be run again.
The states and what a crash leaves are in `mta.queue.delivery`; here is the durable order of one delivery:

    enqueue     message, body, deliveries and the destination's hint: one commit, then 250 to whoever handed it over
    claim       QUEUED -> IN_FLIGHT with an owner, committed before the first command of the dialogue; where the
                enqueuing process has a hand free for the domain, in the commit of the enqueue itself
    mark_dot    IN_FLIGHT -> AT_THE_DOT, committed before the body and its dot leave; refused when the lease was lost
    settle      the outcome, its attempt and what follows from it (DSN, suppression, event): one commit
    sweep       a dead owner's deliveries: IN_FLIGHT -> QUEUED, AT_THE_DOT -> IN_DOUBT with a row that says so
    resolve     IN_DOUBT -> what the stream's policy says

An owner is a row of `carrier`; its id is the fence, since every change of a claimed delivery asks for it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from deliverability.address import Address
from deliverability.reply import EnhancedStatus
from deliverability.settings import RetrySettings
from deliverability.shaping.retry import next_attempt
from mta.ports import Tx, to_ms
from mta.queue.delivery import Event, State, Stream, after
from mta.queue.settings import DoubtPolicy, QueueSettings


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


def enqueue(tx: Tx, message: NewMessage, now: datetime, settings: QueueSettings, hand: Hand | None = None) -> Enqueued:
    """Take a message on. After the commit it is ours until each of its deliveries has an end.

    Deliveries for a domain of `hand` are claimed in the same breath, as by `claim`, while it has its lease; one that
    the gate stops stays queued, and ends when it is looked at.
    """
    if hand and not _has_lease(tx, hand.owner):
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


def hint(tx: Tx, domain: str, due_ms: int) -> None:
    """Let nobody look at `domain` later than `due_ms`."""
    soonest = tx.at_commit(_Destinations).soonest
    soonest[domain] = min(due_ms, soonest.get(domain, due_ms))


def note_site(tx: Tx, domain: str, site: str) -> None:
    """Remember which site a domain was folded into."""
    tx.at_commit(_Destinations).sites[domain] = site


class _Destinations:
    """What a transaction has to say about destinations. Everybody writes these rows, so they are written last and in
    the order of their names: each is locked for a moment, and no two transactions wait for each other."""

    def __init__(self) -> None:
        self.soonest: dict[str, int] = {}
        self.drained: set[str] = set()
        self.sites: dict[str, str] = {}

    def __call__(self, tx: Tx) -> None:
        for domain in sorted({*self.soonest, *self.drained, *self.sites}):
            if domain in self.soonest:
                tx.put(_HINT, (domain, self.soonest[domain]))
            if domain in self.drained:
                _set_next(tx, domain)
            if domain in self.sites:
                site = self.sites[domain]
                tx.put("UPDATE destination SET site = ? WHERE domain = ? AND site <> ?", (site, domain, site))


_HINT = (
    "INSERT INTO destination (domain, site, next_ms) VALUES (?,'',?) ON CONFLICT (domain) DO UPDATE"
    " SET next_ms = excluded.next_ms WHERE destination.next_ms IS NULL OR destination.next_ms > excluded.next_ms"
)


def _set_next(tx: Tx, domain: str) -> None:
    """The truth instead of a hint. Locked first, then looked: what is committed later comes with a hint of its own."""
    if lock := tx.for_update():
        tx.one("SELECT 1 FROM destination WHERE domain = ?" + lock, (domain,))
    tx.execute(
        "UPDATE destination SET next_ms = (SELECT min(due_ms) FROM delivery WHERE state = 0 AND domain = ?) WHERE domain = ?",
        (domain, domain),
    )


BUCKETS = 1000
Buckets = tuple[int, int]
"""From here (included) to there (excluded), of BUCKETS."""

EVERYTHING: Mapping[Stream, Buckets] = dict.fromkeys(Stream, (0, BUCKETS))
_BUCKET = "(d.id % 1000 * 619) % 1000"  # neighbours are far apart, so each part gets its share of a burst too


def bucket_of(delivery_id: int) -> int:
    """Which bucket a delivery is in, for ever: how deliveries are told apart that leave by other sources."""
    return delivery_id % BUCKETS * 619 % BUCKETS


_CANDIDATES = (
    "SELECT d.id, d.message_id, d.forward_path, d.domain, d.stream, d.attempts + 1, d.created_ms, d.expires_ms, d.notify,"
    " d.orcpt, m.reverse_path, m.header_from, m.origin, m.size, m.needs_utf8, m.has_8bit, m.envid, m.ret, m.no_dsn,"
    " d.campaign, d.by_ms, d.by_mode, m.list_id"
    " FROM delivery d JOIN message m ON m.id = d.message_id"
    " WHERE d.state = 0 AND d.domain = ? AND d.stream = ? AND d.due_ms <= ? ORDER BY d.due_ms LIMIT ?"
)


_CANDIDATES_OF_BUCKETS = _CANDIDATES.replace(" ORDER BY", f" AND {_BUCKET} >= ? AND {_BUCKET} < ? ORDER BY")


def has_due(buckets: Mapping[Stream, Buckets], now_ms: int) -> str:
    """SQL: that a destination `d` has something due in these buckets; nothing where they are all there are."""
    if buckets == EVERYTHING:
        return ""
    parts = [
        f"(w.stream = {int(stream)} AND {_BUCKET} >= {low} AND {_BUCKET} < {high})".replace("d.id", "w.id")
        for stream, (low, high) in buckets.items()
    ]
    return (
        " AND EXISTS (SELECT 1 FROM delivery w WHERE w.state = 0 AND w.domain = d.domain"
        f" AND w.due_ms <= {int(now_ms)} AND ({' OR '.join(parts)}))"
    )


@dataclass(frozen=True, slots=True)
class Claim:
    """What a claim found: deliveries now in the owner's hands, and those that ended instead."""

    taken: tuple[Claimed, ...] = ()
    ended: tuple[Settled, ...] = ()
    is_drained: bool = True  # nothing more of this domain is due now


def claim(
    tx: Tx, domain: str, limit: int, owner: int, now: datetime, gate: Gate, *, bulk: int | None = None,
    buckets: Mapping[Stream, Buckets] = EVERYTHING, campaigns: Mapping[str, int] = {},
) -> Claim:  # fmt: skip
    """Take due deliveries of a domain: up to `limit` transactional ones, then up to `bulk` others (None: what is left
    of `limit`), of these buckets, and of the `campaigns` that are named at most so many. Expired and suppressed ones end here.

    An owner whose lease was taken away gets nothing: nobody would ever sweep it again.
    """
    if not _has_lease(tx, owner):
        return Claim()
    now_ms = to_ms(now)
    found = _due(tx, domain, Stream.TRANSACTIONAL, now_ms, limit, buckets, campaigns)
    bulk = limit - len(found) if bulk is None else bulk
    others = _due(tx, domain, Stream.MARKETING, now_ms, bulk, buckets, campaigns)
    is_drained = len(found) < limit and len(others) < bulk
    found = _within([*found, *others], campaigns)
    ended = _end_before_claim(tx, found, now_ms, gate)
    gone = {each.delivery_id for each in ended}
    taken = tuple(each for each in found if each.delivery_id not in gone)
    tx.executemany(
        "UPDATE delivery SET state = 1, owner = ?, attempts = attempts + 1, claimed_ms = ? WHERE id = ?",
        [(owner, now_ms, each.delivery_id) for each in taken],
    )
    if is_drained:
        tx.at_commit(_Destinations).drained.add(domain)
    return Claim(taken, tuple(ended), is_drained)


def _due(
    tx: Tx, domain: str, stream: Stream, now_ms: int, limit: int, buckets: Mapping[Stream, Buckets],
    campaigns: Mapping[str, int],
) -> list[Claimed]:  # fmt: skip
    low, high = buckets[stream]
    if not limit or low == high:
        return []
    is_all = (low, high) == (0, BUCKETS)
    shut = [name for name, room in campaigns.items() if room <= 0]
    others = f" AND d.campaign NOT IN ({','.join('?' * len(shut))})" if shut else ""
    sql = (_CANDIDATES if is_all else _CANDIDATES_OF_BUCKETS).replace(
        " ORDER BY", others + " ORDER BY"
    ) + tx.for_update("d", skip_locked=True)
    part = () if is_all else (low, high)
    return [_claimed(row) for row in tx.query(sql, (domain, int(stream), now_ms, *part, *shut, limit))]


def _within(found: list[Claimed], campaigns: Mapping[str, int]) -> list[Claimed]:
    """Those of which there are not more than their campaign may have."""
    if not campaigns:
        return found
    left = dict(campaigns)
    kept = []
    for each in found:
        if left.get(each.campaign, 1) > 0:
            kept.append(each)
            if each.campaign in left:
                left[each.campaign] -= 1
    return kept


def _claimed(row: Sequence[Any]) -> Claimed:
    values = list(row)
    values[4] = Stream(values[4])
    values[14], values[15], values[18] = bool(values[14]), bool(values[15]), not values[18]
    return Claimed(*values)


def _end_before_claim(tx: Tx, found: Sequence[Claimed], now_ms: int, gate: Gate) -> list[Settled]:
    ended: list[Settled] = []
    fresh = []
    for each in found:
        if each.expires_ms <= now_ms:
            ended.append(_end(tx, each, Event.TIME_RAN_OUT, "", now_ms, None))
        else:
            fresh.append(each)
    for delivery_id, reason in (gate(tx, fresh) if fresh else {}).items():
        each = next(one for one in fresh if one.delivery_id == delivery_id)
        # A submission is owed an answer (a DSN); the engine's own mail just does not leave.
        event = Event.REJECTED if each.origin == "submission" else Event.CANCELLED
        reply = f"550 5.7.1 suppressed: {reason}"
        ended.append(_end(tx, each, event, reply, now_ms, f"suppression: {reason}"))
    return ended


def _end(tx: Tx, each: Claimed, event: Event, reply: str, now_ms: int, by: str | None) -> Settled:
    state = after(State.QUEUED, event)
    reply = reply or last_words(tx, each.delivery_id)
    tx.execute(
        "UPDATE delivery SET state = ?, ended_ms = ?, ended_by = ?, last_reply = CASE WHEN ? = '' THEN last_reply ELSE ? END"
        " WHERE id = ?",
        (int(state), now_ms, by, reply, reply, each.delivery_id),
    )
    return _settled(each, state, event, reply, "queue")


def last_words(tx: Tx, delivery_id: int) -> str:
    """The last reply to a delivery; to one that was never tried, what its site said last, and that it is so; or ""."""
    row = tx.one(
        "SELECT d.last_reply, s.last_reply FROM delivery d LEFT JOIN destination t ON t.domain = d.domain"
        " LEFT JOIN site s ON s.name = t.site WHERE d.id = ?",
        (delivery_id,),
    )
    own, of_site = row or ("", "")
    if own or not of_site:
        return str(own)
    code, _, words = of_site.partition(" ")
    status, _, text = words.partition(" ")
    if EnhancedStatus.parse(status) is None:
        return f"{code} never tried itself; its site said last: {words}"
    return f"{code} {status} never tried itself; its site said last: {text}"


def last_attempt(tx: Tx, delivery_id: int) -> tuple[int, str] | None:
    """When a delivery was tried last (ms), and at which host; None where it never was."""
    sql = "SELECT at_ms, host FROM attempt WHERE delivery_id = ? ORDER BY at_ms DESC, id DESC LIMIT 1"
    row = tx.one(sql, (delivery_id,))
    return None if row is None else (row[0], row[1])


def _settled(
    each: Claimed, state: State, event: Event, reply: str, stage: str, *, hop_knows_dsn: bool = True, host: str = ""
) -> Settled:
    return Settled(
        each.delivery_id, each.message_id, each.forward_path, each.stream, each.origin, state, event, reply, stage,
        each.reverse_path, each.notify, each.orcpt, each.envid, each.ret, each.created_ms,
        each.dsn, hop_knows_dsn, host,
    )  # fmt: skip


def mark_dot(tx: Tx, delivery_id: int, owner: int) -> bool:
    """Note that the dot is going out. False when the delivery is no longer this owner's: then nothing may leave."""
    return (
        tx.execute("UPDATE delivery SET state = 2 WHERE id = ? AND owner = ? AND state = 1", (delivery_id, owner)) == 1
    )


class LeaseLost(Exception):
    """A delivery is no longer its owner's."""


def mark_dots(tx: Tx, delivery_ids: Sequence[int], owner: int) -> None:
    """The same for the recipients of one transaction: all of them, or LeaseLost and none."""
    for delivery_id in delivery_ids:
        if not mark_dot(tx, delivery_id, owner):
            raise LeaseLost


def settle(tx: Tx, each: Claimed, came: Settlement, owner: int, now: datetime) -> Settled | None:
    """Write what came of a claimed delivery. None when it had been taken from this owner meanwhile (only the attempt
    is kept)."""
    now_ms = to_ms(now)
    state = after(came.state, came.event)
    if state is State.QUEUED and came.event is Event.DEFERRED and each.expires_ms <= (came.due_ms or now_ms):
        state = after(came.state, Event.TIME_RAN_OUT)
    _keep_attempt(tx, came, state)
    changed = tx.execute(
        "UPDATE delivery SET state = ?, owner = NULL, due_ms = COALESCE(?, due_ms), attempts = attempts - ?,"
        " last_reply = CASE WHEN ? = '' THEN last_reply ELSE ? END, ended_ms = ? WHERE id = ? AND owner = ? AND state = ?",
        (
            int(state), came.due_ms, int(came.event is Event.RELEASED),  # a claim that came to nothing was no attempt
            came.reply, came.reply, now_ms if state.is_end else None, each.delivery_id, owner, int(came.state),
        ),
    )  # fmt: skip
    if changed != 1:
        return None
    if state is State.QUEUED:
        hint(tx, each.domain, came.due_ms or now_ms)
    elif state is State.IN_DOUBT:
        _note_doubt(tx, each.delivery_id, str(came.event), now_ms)
    return _settled(each, state, came.event, came.reply, came.stage, hop_knows_dsn=came.hop_knows_dsn, host=came.host)


class _Attempts:
    """What a transaction has to say about attempts. Nobody asks for them in it, so they are written last."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, Sequence[object]]] = []

    def keep(self, sql: str, row: Sequence[object]) -> None:
        self._rows.append((sql, row))

    def __call__(self, tx: Tx) -> None:
        for sql, row in self._rows:
            tx.put(sql, row)


def _keep_attempt(tx: Tx, came: Settlement, state: State) -> None:
    if came.event is Event.RELEASED:
        return  # nothing was tried
    outcome = {State.DELIVERED: "delivered", State.QUEUED: "deferred", State.IN_DOUBT: "in doubt"}.get(state, "failed")
    tx.at_commit(_Attempts).keep(
        "INSERT INTO attempt (delivery_id, at_ms, took_ms, host, address, stage, outcome, reply, tls, rule,"
        " dialogue, source) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            came.delivery_id, came.at_ms, came.took_ms, came.host, came.address, came.stage, outcome, came.reply, came.tls,
            came.rule, came.dialogue, came.source,
        ),
    )  # fmt: skip


def _note_doubt(tx: Tx, delivery_id: int, why: str, now_ms: int) -> None:
    tx.execute("INSERT INTO doubt (delivery_id, at_ms, why) VALUES (?,?,?)", (delivery_id, now_ms, why))
    tx.execute("UPDATE delivery SET doubts = doubts + 1 WHERE id = ?", (delivery_id,))


# -- owners


@dataclass(frozen=True, slots=True)
class Host:
    """Who counts lease time: one boot of one machine."""

    boot_id: str
    boottime_ms: int = field(default=0)


LEASE = timedelta(seconds=30)


def register(tx: Tx, name: str, pid: int, host: Host, now: datetime, process: str = "") -> int:
    """A new owner with a lease; its id was never used before. `process`: by what its machine can tell whether it still
    runs."""
    return tx.insert(
        "INSERT INTO carrier (name, boot_id, pid, started_ms, lease_until_ms, process) VALUES (?,?,?,?,?,?)",
        (name, host.boot_id, pid, to_ms(now), host.boottime_ms + LEASE // timedelta(milliseconds=1), process),
    )


def renew(tx: Tx, owner: int, host: Host) -> bool:
    """Keep the lease. False when it had been taken away: the owner must stop at once."""
    until = host.boottime_ms + LEASE // timedelta(milliseconds=1)
    return tx.execute("UPDATE carrier SET lease_until_ms = ? WHERE id = ? AND lease_until_ms > 1", (until, owner)) == 1


def _has_lease(tx: Tx, owner: int) -> bool:
    """Whether nobody has taken this owner's lease away; it may have lapsed, but then its sweep is still to come."""
    found = tx.one("SELECT 1 FROM carrier WHERE id = ? AND lease_until_ms > 1" + tx.for_update(), (owner,))
    return found is not None


def take_away(tx: Tx, owner: int) -> None:
    """End a lease early, because its owner is known to be dead."""
    tx.execute("UPDATE carrier SET lease_until_ms = 1 WHERE id = ? AND lease_until_ms > 0", (owner,))


def lapsed(tx: Tx, host: Host) -> list[int]:
    """Owners whose lease ran out, or belongs to another boot, and whose deliveries wait to be swept."""
    rows = tx.query(
        "SELECT id FROM carrier WHERE lease_until_ms > 0 AND (boot_id <> ? OR lease_until_ms < ?) ORDER BY id"
        + tx.for_update(),
        (host.boot_id, host.boottime_ms),
    )
    return [row[0] for row in rows]


def processes(tx: Tx) -> dict[int, str]:
    """Owners with a lease, and by what their machines can tell whether they still run."""
    return dict(tx.query("SELECT id, process FROM carrier WHERE lease_until_ms > 1 AND process <> ''"))


def sweep(tx: Tx, owner: int, now: datetime, limit: int = 200) -> bool:
    """Take up to `limit` deliveries from a lapsed owner. True when none is left; then the owner is done with for
    good."""
    now_ms = to_ms(now)
    tx.execute("UPDATE carrier SET lease_until_ms = 1 WHERE id = ?", (owner,))
    rows = tx.query(
        "SELECT id, state, domain FROM delivery WHERE state < 10 AND state IN (1, 2) AND owner = ? ORDER BY id LIMIT ?"
        + tx.for_update(),
        (owner, limit),
    )
    for delivery_id, state, domain in rows:
        new = after(State(state), Event.ORPHANED)
        tx.execute("UPDATE delivery SET state = ?, owner = NULL WHERE id = ?", (int(new), delivery_id))
        if new is State.IN_DOUBT:
            _note_doubt(tx, delivery_id, str(Event.ORPHANED), now_ms)
        else:
            hint(tx, domain, now_ms)
    if len(rows) == limit:
        return False
    tx.execute("UPDATE carrier SET lease_until_ms = 0 WHERE id = ?", (owner,))
    return True


_BY_POLICY = {
    DoubtPolicy.RESEND: Event.RESENT,
    DoubtPolicy.HOLD: Event.HELD_BACK,
    DoubtPolicy.ASSUME_DELIVERED: Event.ASSUMED,
}


@dataclass(frozen=True, slots=True)
class Resolved:
    """A doubt that was settled."""

    delivery_id: int
    forward_path: str
    why: str
    event: Event


def resolve_doubts(
    tx: Tx, now: datetime, settings: QueueSettings, retry: RetrySettings, *, jitter: float = 0, limit: int = 200
) -> list[Resolved]:
    """Settle up to `limit` deliveries in doubt by their stream's policy.

    What our own crash left is resent at once. A host that takes mail and never answers is given the time of a deferral,
    and after `resend_at_most` doubts the delivery is held: a person decides before yet another copy goes out.
    """
    rows = tx.query(
        "SELECT d.id, d.stream, d.domain, d.doubts, d.forward_path, q.why FROM delivery d JOIN doubt q ON q.delivery_id = d.id"
        " AND q.settled IS NULL WHERE d.state < 10 AND d.state = 3 ORDER BY d.id LIMIT ?" + tx.for_update("d"),
        (limit,),
    )
    now_ms = to_ms(now)
    resolved = []
    for delivery_id, stream, domain, doubts, forward_path, why in rows:
        event = _BY_POLICY[settings.in_doubt(Stream(stream))]
        if event is Event.RESENT and doubts > settings.resend_at_most:
            event = Event.HELD_BACK
        later = None if why == Event.ORPHANED else next_attempt(doubts, retry, now=now, jitter=jitter)
        _settle_doubt(tx, delivery_id, domain, event, now_ms, to_ms(later) if later else now_ms)
        resolved.append(Resolved(delivery_id, forward_path, why, event))
    return resolved


def _settle_doubt(tx: Tx, delivery_id: int, domain: str, event: Event, now_ms: int, due_ms: int) -> None:
    state = after(State.IN_DOUBT, event)
    tx.execute(
        "UPDATE delivery SET state = ?, due_ms = ?, ended_ms = ? WHERE id = ?",
        (int(state), due_ms, now_ms if state.is_end else None, delivery_id),
    )
    tx.execute(
        "UPDATE doubt SET settled = ?, settled_ms = ? WHERE delivery_id = ? AND settled IS NULL",
        (str(event), now_ms, delivery_id),
    )
    if state is State.QUEUED:
        hint(tx, domain, due_ms)


_EXPIRED = _CANDIDATES[: _CANDIDATES.index(" WHERE")] + (
    " WHERE d.state IN (0, 4) AND d.expires_ms <= ? ORDER BY d.expires_ms LIMIT ?"
)


def expire(tx: Tx, now: datetime, limit: int = 200) -> list[Settled]:
    """End what waited (queued or held) for longer than it is worth."""
    now_ms = to_ms(now)
    found = [_claimed(row) for row in tx.query(_EXPIRED + tx.for_update("d", skip_locked=True), (now_ms, limit))]
    return [_end(tx, each, Event.TIME_RAN_OUT, "", now_ms, None) for each in found]


@dataclass(frozen=True, slots=True)
class Late:
    """Deliveries that are still under way after a while, and the id of the last delivery that was looked at."""

    seen: int
    deliveries: tuple[tuple[Settled, int], ...]  # each with the time of its expiry, in ms


def late(tx: Tx, after_id: int, before_ms: int, span: int = 1000) -> Late:
    """Of the `span` deliveries after `after_id` that were created by then, those that have no end yet.

    Ids rise with time, so that whoever goes on from `seen` meets each delivery once, when its time has come.
    """
    youngest = tx.one(
        "SELECT max(w.id) FROM (SELECT id, created_ms FROM delivery WHERE id > ? ORDER BY id LIMIT ?) w"
        " WHERE w.created_ms <= ?",
        (after_id, span, before_ms),
    )
    seen = youngest[0] if youngest and youngest[0] is not None else after_id
    if seen == after_id:
        return Late(after_id, ())
    rows = tx.query(
        _AS_IT_STANDS + " WHERE d.id > ? AND d.id <= ? AND d.state < ? AND d.created_ms <= ? ORDER BY d.id",
        (after_id, seen, int(State.DELIVERED), before_ms),
    )
    return Late(seen, tuple((_standing(row), row[7]) for row in rows))


def late_by(tx: Tx, now: datetime, limit: int = 200) -> Late:
    """Deliveries that were to be delivered by now (RFC 2852, mode N) and whose senders were not told; they are now."""
    rows = tx.query(
        _AS_IT_STANDS + " WHERE d.by_mode = 'N' AND d.state < 10 AND d.by_ms <= ? ORDER BY d.by_ms LIMIT ?"
        + tx.for_update("d"),
        (to_ms(now), limit),
    )  # fmt: skip
    tx.executemany("UPDATE delivery SET by_mode = 'n' WHERE id = ?", [(row[0],) for row in rows])
    return Late(0, tuple((_standing(row), row[7]) for row in rows))


def has_late_by(tx: Tx, now: datetime) -> bool:
    """Whether there is any."""
    sql = "SELECT 1 FROM delivery WHERE by_mode = 'N' AND state < 10 AND by_ms <= ? LIMIT 1"
    return tx.one(sql, (to_ms(now),)) is not None


def contents(tx: Tx, message_ids: Iterable[int]) -> dict[int, bytes]:
    """The octets of messages."""
    found: dict[int, bytes] = {}
    for message_id in message_ids:
        row = tx.one("SELECT content FROM body WHERE message_id = ?", (message_id,))
        if row is not None:
            found[message_id] = row[0]
    return found


def find(tx: Tx, delivery_id: int) -> Settled | None:
    """A delivery as it stands, for a report about it that came later."""
    row = tx.one(_AS_IT_STANDS + " WHERE d.id = ?", (delivery_id,))
    return None if row is None else _standing(row)


_AS_IT_STANDS = _CANDIDATES[: _CANDIDATES.index(" WHERE")].replace(
    " FROM delivery", ", d.state, d.last_reply FROM delivery"
)


def _standing(row: Sequence[Any]) -> Settled:
    return _settled(_claimed(row[:-2]), State(row[-2]), Event.ACCEPTED, row[-1], "")


# -- housekeeping


def has_doubts(tx: Tx) -> bool:
    """Whether any delivery waits for its doubt to be settled."""
    return tx.one("SELECT 1 FROM delivery WHERE state < 10 AND state = 3 LIMIT 1") is not None


def count_waiting(tx: Tx) -> int:
    """How many deliveries have no end yet."""
    row = tx.one("SELECT count(*) FROM delivery WHERE state < ?", (State.DELIVERED,))
    return int(row[0]) if row else 0


def has_expired(tx: Tx, now: datetime) -> bool:
    """Whether anything waited for longer than it is worth."""
    return tx.one("SELECT 1 FROM delivery WHERE state IN (0, 4) AND expires_ms <= ? LIMIT 1", (to_ms(now),)) is not None


def stale_bodies(tx: Tx, after_id: int, before_ms: int, limit: int) -> tuple[int, list[int]]:
    """Of the next `limit` bodies those no delivery will need: (where to go on, their message ids)."""
    rows = tx.query(
        "SELECT b.message_id, EXISTS (SELECT 1 FROM delivery d WHERE d.message_id = b.message_id"
        " AND (d.ended_ms IS NULL OR d.ended_ms > ?)), m.received_ms FROM body b JOIN message m ON m.id = b.message_id"
        " WHERE b.message_id > ? ORDER BY b.message_id LIMIT ?",
        (before_ms, after_id, limit),
    )
    is_done = len(rows) < limit or rows[-1][2] > before_ms  # the younger ones need no look
    next_id = 0 if is_done else rows[-1][0]
    return next_id, [row[0] for row in rows if not row[1] and row[2] <= before_ms]


def drop_dialogues(tx: Tx, before_ms: int, limit: int) -> int:
    """Forget what was said, line by line, in up to `limit` attempts that began before; how many."""
    rows = tx.query(
        "SELECT id FROM attempt WHERE length(dialogue) > 120 AND at_ms < ? ORDER BY at_ms LIMIT ?", (before_ms, limit)
    )
    tx.executemany("UPDATE attempt SET dialogue = '' WHERE id = ?", rows)
    return len(rows)


def has_dialogues(tx: Tx, before_ms: int) -> bool:
    """Whether there is any that began before."""
    sql = "SELECT 1 FROM attempt WHERE length(dialogue) > 120 AND at_ms < ? LIMIT 1"
    return tx.one(sql, (before_ms,)) is not None


def drop_bodies(tx: Tx, message_ids: Iterable[int]) -> None:
    tx.executemany("DELETE FROM body WHERE message_id = ?", [(each,) for each in message_ids])

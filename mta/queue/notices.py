"""Delivery status notifications that we owe (RFC 3461, RFC 3464): written in the commit that ends the delivery, or that
finds it late.

Owed is one for a submission with a non-null reverse-path whose delivery bounced or expired, unless NOTIFY or the
submitter's credential says otherwise; where NOTIFY asks for SUCCESS, one for a delivery whose next hop can't tell of it
(RFC 3461 section 5.2.2); and one for a delivery that is late. Never about a null reverse-path (RFC 5321 section 4.5.5),
and so never about another notice.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from deliverability.address import Address, AddressError
from deliverability.bounces.notice import Action, Fate, Notice, write_delay, write_failure, write_success
from deliverability.headers import make_message_id
from deliverability.reply import EnhancedStatus, Reply
from mta.ports import Chance, Clock, Tx, from_ms
from mta.queue import keeping, queue
from mta.queue.delivery import State, Stream
from mta.queue.queue import NewMessage, Recipient, Settled
from mta.queue.settings import QueueSettings


class Notices:
    """Writes notices from this host."""

    def __init__(self, hostname: str, settings: QueueSettings, clock: Clock, chance: Chance) -> None:
        self._hostname, self._settings, self._clock, self._chance = hostname, settings, clock, chance
        self._sender = Address("postmaster", hostname)

    def write(self, tx: Tx, settled: Sequence[Settled]) -> None:
        """Queue a notice for each of these that is owed one."""
        failed = [each for each in settled if each.state in (State.BOUNCED, State.EXPIRED)]
        relayed = [each for each in settled if each.state is State.DELIVERED and not each.hop_knows_dsn]
        for action, found in ((Action.FAILED, failed), (Action.RELAYED, relayed)):
            self.report_all(tx, found, action)

    def report_all(
        self, tx: Tx, settled: Iterable[Settled], action: Action = Action.FAILED, until: datetime | None = None
    ) -> None:
        """Tell the submitters what became of these: of one message in one notice (RFC 3464 section 2.1). `until`: so long
        late ones are tried."""
        of_message: dict[int, list[Settled]] = {}
        for each in settled:
            of_message.setdefault(each.message_id, []).append(each)
        for group in of_message.values():
            self._report(tx, [(each, each.reply) for each in group], action, until)

    def report(self, tx: Tx, each: Settled, diagnostic: str, action: Action = Action.FAILED) -> None:
        """Tell the submitter what became of this delivery, with `diagnostic` as what was said."""
        self._report(tx, [(each, diagnostic)], action, None)

    def _report(self, tx: Tx, said: Sequence[tuple[Settled, str]], action: Action, until: datetime | None) -> None:
        """One notice about deliveries of one message: those that are owed one."""
        owed = [(each, diagnostic) for each, diagnostic in said if _is_owed(each, action)]
        now = self._clock.now()
        try:
            fates = [self._fate(tx, each, diagnostic, now) for each, diagnostic in owed]
            to = Address.parse(owed[0][0].reverse_path) if owed else None
        except AddressError:
            return  # it was accepted with this reverse-path; there is nobody to tell
        if to is None:
            return
        each = owed[0][0]
        content = keeping.contents(tx, [each.message_id]).get(each.message_id, b"")
        notice = self._notice(each, to, fates, content, now)
        written = _written(notice, action, until)
        queue.enqueue(
            tx,
            NewMessage(
                reverse_path="", recipients=(Recipient(to),), content=written, stream=Stream.TRANSACTIONAL,
                origin="dsn", subject=action.subject,
                needs_utf8=to.needs_smtputf8 or any(fate.recipient.needs_smtputf8 for fate in fates),
                header_from=str(self._sender), message_id=notice.message_id,
            ),
            now,
            self._settings,
        )  # fmt: skip

    def _fate(self, tx: Tx, each: Settled, diagnostic: str, now: datetime) -> Fate:
        tried, host = _last_attempt(tx, each, now)
        return Fate(
            Address.parse(each.forward_path), _reply(diagnostic or keeping.last_words(tx, each.delivery_id)),
            status=_STATUS.get(each.state), orcpt=each.orcpt, last_attempt=tried, remote_mta=host,
        )  # fmt: skip

    def _notice(self, each: Settled, to: Address, fates: Sequence[Fate], content: bytes, now: datetime) -> Notice:
        octets = self._chance.octets(16)
        return Notice(
            reporting_mta=self._hostname, sender=self._sender, to=to, fates=fates, content=content,
            message_id=make_message_id(octets, self._hostname), boundary=f"posthouse-{octets[:8].hex()}", now=now,
            arrived=from_ms(each.created_ms), envid=each.envid, ret=each.ret,
        )  # fmt: skip


_STATUS = {State.EXPIRED: EnhancedStatus(5, 4, 7)}  # whatever was said last: its time ran out
_ASKED_BY = {Action.FAILED: "FAILURE", Action.DELAYED: "DELAY"}


def _written(notice: Notice, action: Action, until: datetime | None) -> bytes:
    match action:
        case Action.FAILED:
            return write_failure(notice)
        case Action.DELAYED:
            return write_delay(notice, until)
    return write_success(notice, action)


def _is_owed(each: Settled, action: Action) -> bool:
    """RFC 3461 section 4.1: without NOTIFY a failure is told, a success is not, and a delay is as we see fit."""
    notify = set(filter(None, each.notify.split(",")))
    unasked = {Action.FAILED: True, Action.DELAYED: each.stream is Stream.TRANSACTIONAL}.get(action, False)
    wanted = _ASKED_BY.get(action, "SUCCESS") in notify if notify else unasked
    return each.origin == "submission" and bool(each.reverse_path) and each.dsn and wanted


def _last_attempt(tx: Tx, each: Settled, now: datetime) -> tuple[datetime | None, str]:
    """When it was tried last, and at which host. An attempt that ends just now is written with the commit, not before."""
    if each.stage not in ("", "queue"):
        return now, each.host
    found = keeping.last_attempt(tx, each.delivery_id)
    return (from_ms(found[0]), found[1]) if found else (None, "")


def _reply(words: str) -> Reply | None:
    try:
        return Reply.parse(words) if words else None
    except ValueError:
        return None

"""Delivery status notifications that we owe (RFC 3461, RFC 3464): written in the commit that ends the delivery, or that
finds it late.

Owed is one for a submission with a non-null reverse-path whose delivery bounced or expired, unless NOTIFY or the
submitter's credential says otherwise; where NOTIFY asks for SUCCESS, one for a delivery whose next hop can't tell of it
(RFC 3461 section 5.2.2); and one for a delivery that is late. Never about a null reverse-path (RFC 5321 section 4.5.5),
and so never about another notice.
"""

from collections.abc import Sequence
from datetime import datetime

from deliverability.address import Address, AddressError
from deliverability.bounces.notice import Action, Fate, Notice, write_delay, write_failure, write_success
from deliverability.headers import make_message_id
from deliverability.reply import EnhancedStatus, Reply
from mta.ports import Chance, Clock, Tx, from_ms
from mta.queue import queue
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
        for each in settled:
            if each.state in (State.BOUNCED, State.EXPIRED):
                self.report(tx, each, each.reply)
            elif each.state is State.DELIVERED and not each.hop_knows_dsn:
                self.report(tx, each, each.reply, Action.RELAYED)

    def report(
        self, tx: Tx, each: Settled, diagnostic: str, action: Action = Action.FAILED, until: datetime | None = None
    ) -> None:
        """Tell the submitter what became of this delivery, if it is owed that, with `diagnostic` as what was said.
        `until`: so long a late one is tried."""
        if not _is_owed(each, action):
            return
        try:
            to, recipient = Address.parse(each.reverse_path), Address.parse(each.forward_path)
        except AddressError:
            return  # it was accepted with this reverse-path; there is nobody to tell
        content = queue.contents(tx, [each.message_id]).get(each.message_id, b"")
        now = self._clock.now()
        tried = _last_attempt(tx, each, now)
        diagnostic = diagnostic or queue.last_words(tx, each.delivery_id)
        notice = self._notice(each, to, recipient, diagnostic, content, now, tried)
        written = _written(notice, action, until)
        queue.enqueue(
            tx,
            NewMessage(
                reverse_path="", recipients=(Recipient(to),), content=written, stream=Stream.TRANSACTIONAL,
                origin="dsn", needs_utf8=to.needs_smtputf8 or recipient.needs_smtputf8, subject=action.subject,
                header_from=str(self._sender), message_id=notice.message_id,
            ),
            now,
            self._settings,
        )  # fmt: skip

    def _notice(
        self, each: Settled, to: Address, recipient: Address, diagnostic: str, content: bytes, now: datetime,
        tried: tuple[datetime | None, str],
    ) -> Notice:  # fmt: skip
        octets = self._chance.octets(16)
        fate = Fate(
            recipient, _reply(diagnostic), status=_STATUS.get(each.state), orcpt=each.orcpt,
            last_attempt=tried[0], remote_mta=tried[1],
        )  # fmt: skip
        return Notice(
            reporting_mta=self._hostname, sender=self._sender, to=to, fates=(fate,), content=content,
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
    found = queue.last_attempt(tx, each.delivery_id)
    return (from_ms(found[0]), found[1]) if found else (None, "")


def _reply(words: str) -> Reply | None:
    try:
        return Reply.parse(words) if words else None
    except ValueError:
        return None

"""The submission door's policy: what is done with a message that an application hands over.

In this order: header fields of ours read and stripped; what the credential allows compared; what the mail
says about events read (in the parser worker where there is something to find); trace fields added; then ONE commit:
allowance, message, deliveries, events. Only after it the 250. A trouble of ours anywhere before the commit leaves nothing
and answers 4xx; an unreadable event never holds the mail up.
"""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from deliverability.address import Address, AddressError
from deliverability.authors import first_author
from deliverability.encoded_words import decode_shown
from deliverability.headers import format_date, header, make_message_id
from deliverability.rawmail import count_fields, first_value, split_message, without
from deliverability.reply import Reply
from engine import credentials
from engine.audience import lists, subscriptions, suppression
from engine.audience.consent import ALL_LISTS
from engine.audience.contacts import among
from engine.audience.list_settings import ListSettings
from engine.credentials import RateExceeded, Revoked
from engine.house import House
from engine.intake.mail import Examined, Intake, examine, with_answer
from engine.intake.permission import refusal
from engine.intake.recording import KNOWN, record_mail
from engine.own_folder import require_room
from engine.parser import TROUBLES, Parser
from engine.running import instead
from engine.running.book import FlowBook
from engine.sending.list_fields import lacking, list_fields
from mta import maillog
from mta.inbound.returns import ALWAYS_THERE
from mta.inbound.transaction import Transaction
from mta.ports import Store, StoreFull, StoreTrouble, Tx, to_ms
from mta.queue import queue
from mta.queue.delivery import Stream
from mta.queue.queue import Enqueued, Hand, NewMessage, Recipient
from mta.relay import Relay

T = TypeVar("T")

SUBJECT_SHOWN: Final = 200  # characters kept for screens
MORE_AUTHORS: Final = Reply.of(
    550, "5.6.0", "The message has more than one From: field; RFC 5322 section 3.6 allows one"
)
HEADLESS: Final = Reply.of(
    550, "5.6.0", "The header begins with a continuation line, or has a field without a name (RFC 5322 section 2.2)"
)
NO_MAILBOX: Final = Reply.of(550, "5.1.1", "Nobody reads that name on this host: use a real mailbox of your own domain")
NO_LIST: Final = Reply.of(550, "5.6.0", "X-Posthouse-List names no list (`posthouse list create` makes one)")
COPIES_MAX: Final = 250  # messages that one commit makes of a mail of a list: others wait for it
COPIED_MAX: Final = 4 << 20  # octets of them, beside the first
TOO_MANY_COPIES: Final = Reply.of(
    552, "5.3.4", "Mail of a list is kept once for each reader, which is too much here: hand it over to fewer at once"
)
NO_WAY_OUT: Final = "no List-Unsubscribe was added: it is one reader's own, and these are too many at once"
OF_NO_LIST: Final = ListSettings()
REVOKED: Final = Reply.of(530, "5.7.0", "This credential was removed")


class Submission:
    """What applications hand over."""

    def __init__(
        self, house: House, parser: Parser, relay: Relay, wake_runner: Callable[[], None], intake: Intake | None = None
    ) -> None:
        self._house, self._parser, self._wake_runner = house, parser, wake_runner
        self._intake, self._book = intake or Intake(), FlowBook()
        self._scheduler, self._signatures = relay.scheduler, relay.signatures
        self._place = house.config.database_place  # asked for once: it may read the file of a password

    async def check_recipient(self, transaction: Transaction, forward_path: Address) -> Reply | None:
        """A hard bounce is answered at once, recorded, and can be lifted; everybody else is taken, but those names of
        this host that nobody reads mail for."""
        house = self._house
        if forward_path.domain == house.config.hostname and forward_path.local.lower() in ALWAYS_THERE:
            return NO_MAILBOX
        key, credential, now = forward_path.key, transaction.credential, house.clock.now()
        found = await house.store.look(lambda tx: suppression.is_suppressed(tx, [key], Stream.TRANSACTIONAL))
        reason = found.get(key)
        if reason is None:
            return None
        await house.store.write(lambda tx: suppression.record_refusal(tx, str(forward_path), reason, credential, now))
        lift = (
            f"posthouse suppression lift {shlex.quote(str(forward_path))} --why REASON"  # people paste it into a shell
        )
        return Reply.of(550, "5.1.1", f"suppressed: {reason}; `{lift}` lifts it")

    async def accept(self, transaction: Transaction) -> Reply:
        house = self._house
        now = house.clock.now()
        _require_room(self._place)
        if is_headless(transaction.content):
            return HEADLESS
        examined = examine(
            transaction.content, [each.forward_path for each in transaction.recipients], now, self._intake
        )
        head, _ = split_message(transaction.content)
        if count_fields(head, "From") > 1:
            return MORE_AUTHORS
        if transaction.grant is not None and (refused := refusal(transaction.grant, head, examined.stream)):
            return refused
        if examined.wants:
            answer = await self._parser.read("mail", examined.wants.request(transaction.content))
            examined = with_answer(examined, answer, now)
        if why := examined.no_event:
            ours = examined.unread in TROUBLES  # of ours: nothing was kept, and the same mail can be read later
            return Reply.of(*((451, "4.3.0") if ours else (550, "5.6.0")), f"No event: {why}")
        people = self._people(transaction) if examined.deliver else ()
        list_id, parts = 0, {b"": people}
        if name := examined.mailing_list:
            mailing_list = await house.store.look(lambda tx: lists.get(tx, name))
            if mailing_list is None:
                return NO_LIST
            list_id, parts = mailing_list.id, await self._parts(people, head, mailing_list)
        elif _stream(transaction, examined) is Stream.MARKETING:
            parts = await self._parts(people, head, None)
        messages = [self._message(transaction, examined, list_id, of, to, now) for of, to in parts.items()]
        if len(messages) > COPIES_MAX or sum(len(each.content) for each in messages[1:]) > COPIED_MAX:
            if examined.mailing_list:
                return TOO_MANY_COPIES
            examined = replace(examined, troubles=(*examined.troubles, NO_WAY_OUT))
            messages = [self._message(transaction, examined, list_id, b"", people, now)]

        message, *others = messages
        domains = [] if others else [each.forward_path.domain for each in message.recipients]
        try:
            with self._scheduler.room_for(domains, message.stream) as hand:
                ahead = self._signatures.ahead(message.header_from, message.content, now) if hand else None
                written, noted = await committed(
                    house.store, lambda tx: self._write(tx, transaction, messages, examined, hand, now)
                )
        except Revoked:
            return REVOKED
        except RateExceeded as exceeded:
            return Reply.of(550, "5.7.1", str(exceeded)) if exceeded.never else Reply.of(450, "4.7.1", str(exceeded))
        if not written:
            return Reply.of(250, "2.0.0", "taken on already")
        queued = written[0]
        for each, one in zip(messages, written, strict=True):
            maillog.accepted(
                one.message_id, origin="submission", reverse_path=each.reverse_path, recipients=len(each.recipients),
                size=len(each.content),
            )  # fmt: skip
        for trouble in examined.troubles:
            maillog.unread(queued.message_id, trouble)
        if noted:
            maillog.noted(queued.message_id, noted)
        if ahead and queued.claimed:
            self._signatures.keep(queued.message_id, ahead)
        for each, one in zip(messages, written, strict=True):
            if each.recipients:
                self._scheduler.take_on(one, each.content, [to.forward_path.domain for to in each.recipients])
        if examined.events:
            self._wake_runner()
        told = f"queued in {len(messages)} messages, the first as" if others else "queued as"
        return Reply.of(250, "2.0.0", f"{told} {queued.message_id}")

    def _write(
        self,
        tx: Tx,
        transaction: Transaction,
        messages: Sequence[NewMessage],
        examined: Examined,
        hand: Hand | None,
        now: datetime,
    ) -> tuple[list[Enqueued], str]:
        """The one commit, and what was noted of who writes. Nothing is written when the message was taken on before.
        Revoked, RateExceeded."""
        if transaction.key and _is_known(tx, transaction.key, now):
            return [], ""
        if transaction.grant is not None:
            credentials.spend(tx, transaction.grant.name, sum(len(each.recipients) for each in messages), now)
        noted = (
            instead.note(tx, self._book, examined.events, is_kept_back=not examined.deliver) if examined.events else ""
        )
        written = []
        for each in messages:
            remarked = replace(each, remarks=(*each.remarks, noted)) if noted else each
            queued = queue.enqueue(tx, remarked, now, self._house.config.queue, hand)
            keys = (to.forward_path.key for to in each.recipients)
            self._house.arbiter.note_shop(tx, keys, queued.message_id, each.stream, each.list_id, now)
            written.append(queued)
        for event in record_mail(tx, examined, now=now, message_id=written[0].message_id):
            queue.remark(tx, written[0].message_id, f"{KNOWN}: {event.name} {event.key}".strip())
        if transaction.key:
            tx.execute("UPDATE spooled SET message_id = ? WHERE key = ?", (written[0].message_id, transaction.key))
        return written, noted

    async def _parts(
        self, people: tuple[Recipient, ...], head: bytes, mailing_list: lists.MailingList | None
    ) -> dict[bytes, tuple[Recipient, ...]]:
        """A mail of a list, or marketing of none: the List-* fields that the application left out, with whom they are for. A
        link to leave is one person's, so whoever asked for the list (of none: whoever is a contact) gets a message of their
        own; for others nothing is added."""
        composer, keys = self._house.composer, [each.forward_path.key for each in people]
        list_id = mailing_list.id if mailing_list else ALL_LISTS
        name, settings = (mailing_list.name, mailing_list.settings) if mailing_list else ("", OF_NO_LIST)
        contacts = await self._house.store.look(
            lambda tx: subscriptions.subscribers(tx, keys, list_id) if mailing_list else among(tx, keys)
        )
        try:
            sender = Address.parse(first_author(first_value(head, "From") or b""))
        except AddressError:
            sender = composer.address
        parts: dict[bytes, tuple[Recipient, ...]] = {} if people else {b"": ()}
        for each in people:
            fields = b""
            if contact_id := contacts.get(each.forward_path.key):
                links = composer.leaving(contact_id, list_id)
                fields = lacking(head, list_fields(links, name, settings, sender))
            parts[fields] = (*parts.get(fields, ()), each)
        return parts

    def _message(
        self, transaction: Transaction, examined: Examined, list_id: int, of_list: bytes, to: tuple[Recipient, ...],
        now: datetime,
    ) -> NewMessage:  # fmt: skip
        content = without(transaction.content, examined.strip) if examined.strip else transaction.content
        head, _ = split_message(content)
        content = self._missing_fields(head, now) + content
        received = _received(transaction, self._house.config.hostname, now)
        return NewMessage(
            reverse_path=transaction.reverse_path,
            recipients=to,
            content=received + of_list + content,
            stream=_stream(transaction, examined),
            origin="submission",
            expires_at=_expiry(transaction, examined, now), by_at=_by_at(transaction, now),
            returns_late=transaction.by is not None and transaction.by.is_return,
            credential=transaction.credential, envid=transaction.envid, ret=transaction.ret,
            needs_utf8=transaction.smtputf8, has_8bit=transaction.body_8bit,
            subject=_shown(head, "Subject"), header_from=first_author(first_value(head, "From") or b""),
            message_id=examined.message_id, dsn=transaction.grant is None or transaction.grant.dsn,
            campaign=examined.campaign, list_id=list_id, remarks=tuple(examined.troubles),
        )  # fmt: skip

    def _people(self, transaction: Transaction) -> tuple[Recipient, ...]:
        """Its recipients, less the address that takes events."""
        return tuple(each for each in transaction.recipients if not self._intake.is_ours(each.forward_path))

    def _missing_fields(self, head: bytes, now: datetime) -> bytes:
        """Date and Message-ID, where the application left them out (RFC 6409 section 8)."""
        added = b""
        if first_value(head, "Message-ID") is None:
            house = self._house
            added += header("Message-ID", make_message_id(house.chance.octets(16), house.config.hostname))
        if first_value(head, "Date") is None:
            added += header("Date", format_date(now))
        return added


def is_headless(content: bytes) -> bool:
    """Whether it begins with a line that continues (RFC 5322 section 2.2.3), which would become part of the field that
    we put before it, or has a field without a name."""
    return content[:1] in (b" ", b"\t", b":") or b"\r\n:" in split_message(content)[0]


def _is_known(tx: Tx, key: str, now: datetime) -> bool:
    """Whether a message with this key was taken on; from now on it is."""
    sql = "INSERT INTO spooled (key, message_id, at_ms) VALUES (?,0,?) ON CONFLICT (key) DO NOTHING"
    return not tx.execute(sql, (key, to_ms(now)))


def _by_at(transaction: Transaction, now: datetime) -> datetime | None:
    return now + timedelta(seconds=transaction.by.seconds) if transaction.by else None


def _expiry(transaction: Transaction, examined: Examined, now: datetime) -> datetime | None:
    """When the message is worth nothing any more; the earlier where both its header and its envelope say so."""
    said = [now + examined.expires_after] if examined.expires_after else []
    if transaction.by is not None and transaction.by.is_return:
        said.append(now + timedelta(seconds=transaction.by.seconds))
    return min(said, default=None)


def _stream(transaction: Transaction, examined: Examined) -> Stream:
    if transaction.grant is not None and transaction.grant.stream is not None:
        return transaction.grant.stream
    return examined.stream if examined.stream is not None else Stream.TRANSACTIONAL


def _shown(head: bytes, name: str) -> str:
    return decode_shown(first_value(head, name) or b"")[:SUBJECT_SHOWN]


def _received(transaction: Transaction, hostname: str, now: datetime) -> bytes:
    """The trace field (RFC 5321 section 4.4). What the client said of itself was checked by the session."""
    peer = transaction.peer
    where = f"[IPv6:{peer.ip}]" if ":" in peer.ip else f"[{peer.ip}]" if peer.ip else f"local user {peer.uid}"
    return (
        f"Received: from {transaction.helo} ({where})\r\n"
        f"\tby {hostname} with {transaction.protocol};\r\n\t{format_date(now)}\r\n"
    ).encode("ascii")


def _require_room(place: Path | str) -> None:
    """StoreFull, and a line in the log, before the disk is full."""
    try:
        require_room(place)
    except StoreFull as err:
        maillog.store_trouble("accept", err)
        raise


async def committed(store: Store, work: Callable[[Tx], T]) -> T:
    """The commit that a 250 waits for. When it can't be had the peer hears 4xx, and the log says why."""
    try:
        return await store.write(work)
    except StoreTrouble as err:
        maillog.store_trouble("accept", err)
        raise

"""The confirmation mail of a double opt-in, and its reminder: composed and queued in the transaction that records it."""

from collections.abc import Callable
from datetime import datetime

from deliverability.address import Address
from engine import houselog
from engine.audience.consent import Shown
from engine.audience.lists import list_facts
from engine.audience.subscriptions import Asking
from engine.audience.tokens import YES, Purpose
from engine.sending.compose import Composer
from engine.sending.render import TemplateFault
from mta.ports import Tx
from mta.queue.delivery import Stream
from mta.queue.queue import NewMessage, Recipient, enqueue
from mta.queue.settings import QueueSettings


class Confirmations:
    """Asks people, for `subscriptions.subscribe`. Made anew for each asking: `octets` are drawn before the transaction."""

    def __init__(self, composer: Composer, queue: QueueSettings, octets: bytes, now: datetime) -> None:
        self.limits = composer.asking
        self._composer = composer
        self._queue = queue
        self._octets = octets
        self._now = now

    def __call__(self, tx: Tx, asking: Asking) -> Shown:
        """Queue the mail; what it says. TemplateFault when it can't be written: then nobody was asked."""
        return self._write(tx, asking, asking.mailing_list.settings.template, self._octets)

    def _write(self, tx: Tx, asking: Asking, template: str, octets: bytes) -> Shown:
        address = Address.parse(asking.contact["address"])
        said = asking.mailing_list.in_language(asking.contact["locale"])
        mail = self._composer.compose(
            template, asking.contact, {"list": list_facts(said), "expires": asking.expires.isoformat()},
            stream=Stream.TRANSACTIONAL, now=self._now, octets=octets, links=self._links(asking), is_nameless=True,
        )  # fmt: skip
        queued = enqueue(
            tx,
            NewMessage(
                reverse_path=str(self._composer.address), recipients=(Recipient(address),), content=mail.content,
                stream=Stream.TRANSACTIONAL, origin="confirmation",
                needs_utf8=mail.needs_utf8, has_8bit=mail.needs_utf8, subject=mail.subject,
                header_from=mail.header_from, message_id=mail.message_id,
            ),
            self._now,
            self._queue,
        )  # fmt: skip
        tx.execute(
            "INSERT INTO sending (message_id, contact_id, enrolment_id, flow, step, occurrence, template)"
            " VALUES (?,?,NULL,'','',1,?)",
            (queued.message_id, asking.contact["id"], template),
        )
        return Shown(queued.message_id, mail.message_id, mail.subject, mail.text)

    def _links(self, asking: Asking) -> dict[str, str]:
        """Two ways to say yes: the page, and an answer to the mail."""
        ids = (asking.contact["id"], asking.mailing_list.id, asking.asked_ms)
        tokens, expires = self._composer.tokens, asking.expires
        links = {"confirm": f"{self._composer.base_url}/confirm/{tokens.make(Purpose.CONFIRM, ids, expires)}"}
        if self._composer.mail_domain:
            token = tokens.make_mailbox(Purpose.CONFIRM, ids, expires)
            links["answer"] = f"{YES}{token}@{self._composer.mail_domain}"
        return links


class Reminders(Confirmations):
    """Reminds people, for `unconfirmed.settle`, and asks those whom somebody entered, for `entered.ask_some`. `draw` gives
    the octets of each mail: several are written at once."""

    def __init__(self, composer: Composer, queue: QueueSettings, draw: Callable[[], bytes], now: datetime) -> None:
        super().__init__(composer, queue, b"", now)
        self._draw = draw

    def remind(self, tx: Tx, asking: Asking) -> Shown | None:
        """Queue the mail; what it says, or None, and a line in the log, when it can't be written."""
        try:
            return self._write(tx, asking, asking.mailing_list.settings.reminder, self._draw())
        except TemplateFault as err:
            houselog.reminder_faulty(asking.mailing_list.name, why=str(err))
            return None

    def ask(self, tx: Tx, asking: Asking) -> Shown | None:
        """Queue the mail that asks; what it says, or None, and a line in the log, when it can't be written."""
        try:
            return self._write(tx, asking, asking.mailing_list.settings.template, self._draw())
        except TemplateFault as err:
            houselog.nobody_asked(asking.mailing_list.name, why=str(err))
            return None

"""The scene of `make run`: one day of a sample shop, played through a real Posthouse in the lab.

An application hands mail over by SMTP, people press buttons on web pages, servers answer as real ones do, and the
lab's clock is moved. Each fact of the report is read back from where it can be seen: the control socket, the
database, the lab's mailboxes.
"""

import asyncio
import smtplib
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import dkim
import dns.resolver

from deliverability.signing.keys import Algorithm
from engine import keys
from engine.catalogue.pools import SECRET_OCTETS, Pool, put
from engine.control.client import AsyncControl
from engine.control.protocol.acts import Done
from engine.control.protocol.house import Overview
from engine.counts import people
from engine.lab.hand_over import hand_over
from engine.lab.keep import Kept, KeptMail
from engine.lab.orders import Order
from engine.lab.people import Person
from engine.lab.shop import SampleShop
from engine.scene.report import Report
from engine.scene.stage import Stage
from engine.sending.resources import packaged_folder
from engine.store.lab_time import read_offset
from engine.store.opening import store_at
from engine.system import SystemChance, SystemClock
from mta.ports import to_ms
from mta.queue.audit import audit

PATIENCE: Final = 60.0  # seconds until something that should happen is said not to have happened
LOOK_EVERY: Final = 0.1
SHOP: Final = "shop.example"
FLOWS: Final = ("abandoned-cart", "order-thanks", "sunset")  # of the recipes, what this day is about


class Scene:
    """One play. `report` fills as it goes."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.report = Report()
        self._control = AsyncControl(stage.control)
        self._clock = SystemClock()
        self._database = store_at(stage.database, self._clock).open()
        now = self._clock.now()
        self._shop = SampleShop(now, domain=SHOP, at=("shop.lab", "gmail.lab"))
        english = self._order("en", lambda order: order.total < 100)
        self._orders = [english, self._order("he", lambda order: order.total >= 20)]

    def _order(self, language: str, fits: Callable[[Order], bool]) -> Order:
        """The first order of a customer who reads this language."""
        orders = (self._shop.order(number) for number in range(1, 500))
        return next(each for each in orders if each.customer.language == language and each.total >= 20 and fits(each))

    async def play(self) -> Report:
        for act in (self._domain, self._past, self._flows, self._opt_in, self._order_mail, self._later, self._cart, self._bounces,
                    self._greylist, self._doubt, self._books):  # fmt: skip
            await act()
        self._database.close()
        return self.report

    # -- tools

    async def _post(self, path: str, body: dict[str, Any]) -> Done:
        from engine.control.client import Control

        return await asyncio.to_thread(Control(self._stage.control).post, f"/v1/{path}", body)

    async def _advance(self, by: str) -> None:
        await self._post("lab/advance", {"by": by})

    async def _see(self, look: Callable[[], Any]) -> Any:
        """What `look` finds, as soon as it finds something; its last answer when patience ends."""
        found = None
        try:
            async with asyncio.timeout(PATIENCE):
                while not (found := await asyncio.to_thread(look)):  # noqa: ASYNC110 - another process's fact
                    await asyncio.sleep(LOOK_EVERY)
        except TimeoutError:
            return found
        return found

    def _rows(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        return self._database.read_now(lambda tx: tx.query(sql, params))

    def _mails(self, to: str = "", subject: str = "") -> list[KeptMail]:
        kept = Kept.read(self._stage.lab)
        return [mail for mail in kept if (not to or to in mail.rcpt_to) and subject in mail.subject]

    async def _submit(self, to: str, subject: str, *, sender: str = f"orders@{SHOP}") -> tuple[int, str]:
        """Hand a plain mail over as an application would; the reply to the recipient or to the message."""
        content = f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nHello.\r\n".encode()

        def talk() -> tuple[int, str]:
            with smtplib.SMTP("127.0.0.1", self._stage.ports.submission, "app.shop.example", timeout=PATIENCE) as smtp:
                smtp.ehlo()
                smtp.mail(sender)
                code, text = smtp.rcpt(to)
                if code == 250:
                    code, text = smtp.data(content)
                return code, text.decode("utf-8", "replace")

        return await asyncio.to_thread(talk)

    # -- acts

    async def _domain(self) -> None:
        act = "A domain that signs"
        made = await asyncio.to_thread(self._database.read_now, lambda tx: keys.kept(tx, SHOP))
        for each in made:
            name = f"{each.selector}._domainkey.{SHOP}"
            self.report.note(act, f"{each.algorithm} key, record published", name, each.is_signing)
        self.report.note(act, "keys of both kinds", len(made), {each.algorithm for each in made} == set(Algorithm))

    async def _past(self) -> None:
        act = "The shop's past (generated)"
        [(known, orders)] = self._rows("SELECT count(*), sum(orders) FROM contact")
        [(goods,)] = self._rows("SELECT count(*) FROM product")
        self.report.note(act, "people, orders, products", f"{known}, {orders}, {goods}", known > 0 and goods > 0)
        self.report.note(act, "consents in its ledger", self._consents(), True)

    async def _flows(self) -> None:
        now, pool = self._clock.now(), Pool("first-order", "FIRST-####-####", "3d", 100, once=True)
        secret = SystemChance().octets(SECRET_OCTETS)
        await asyncio.to_thread(self._database.write_now, lambda tx: put(tx, pool, secret, now))
        for name in FLOWS:
            file = packaged_folder() / "flows" / f"{name}.yaml"
            done = await self._post("flows", {"source": file.read_text(encoding="utf-8"), "file": file.name})
            self.report.note("Flows", f"{file.stem} applied", done.text, True)

    async def _opt_in(self) -> None:
        act = "Double opt-in"
        for order in self._orders:
            who = order.customer
            await self._post(
                "lists/subscribe",
                {"list": "news", "address": who.address, "name": who.name, "locale": who.language, "source": "form"},
            )
            mails = await self._see(partial(self._mails, who.address))
            if not self.report.note(act, f"confirmation mail in {who.language} kept", who.address, bool(mails)):
                continue
            page = await asyncio.to_thread(Person().confirm, mails[0])
            self.report.note(act, "the button on the page was pressed", f"HTTP {page.code}", page.code == 200)
        asked = [order.customer.address for order in self._orders]
        marks = ",".join("?" * len(asked))
        sql = (
            "SELECT s.state FROM subscription s JOIN contact c ON c.id = s.contact_id"
            f" WHERE c.address IN ({marks}) AND s.state = 'confirmed'"
        )
        rows = await self._see(lambda: self._rows(sql, *asked)[len(asked) - 1 :])
        self.report.note(act, "subscriptions confirmed, consent on record", self._consents(), bool(rows))

    def _consents(self) -> str:
        rows = self._rows("SELECT act, count(*) FROM consent_fact GROUP BY act ORDER BY act")
        return ", ".join(f"{act} {count}" for act, count in rows)

    async def _order_mail(self) -> None:
        act = "Orders handed over by SMTP"
        mails = [self._shop.order_mail(order) for order in self._orders]
        taken = await asyncio.to_thread(hand_over, "127.0.0.1", self._stage.ports.submission, mails)
        self.report.note(act, "mails in, each answered 250", taken, taken == len(mails))
        for order in self._orders:
            rows = await self._see(
                partial(self._rows, "SELECT data FROM event WHERE name = 'order.placed' AND key = ?", order.number)
            )
            self.report.note(act, "order.placed read out of the mail", f"{order.number}: {_head(rows)}", bool(rows))
            kept = await self._see(partial(self._mails, order.customer.address, order.number))
            self.report.note(act, "delivered to a receiving server", order.customer.address, bool(kept))
            if kept:
                verdict = await asyncio.to_thread(self._verify, kept[0].raw)
                self.report.note(act, "DKIM: both signatures verified through DNS", verdict, verdict == "pass, pass")

    def _verify(self, content: bytes) -> str:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self._stage.ports.dns

        def txt(name: bytes, timeout: int = 5) -> bytes:
            answer = resolver.resolve(name.decode().rstrip("."), "TXT")
            return b"".join(answer[0].strings)

        verifier = dkim.DKIM(content)
        return ", ".join("pass" if verifier.verify(idx=index, dnsfunc=txt) else "fail" for index in range(2))

    async def _later(self) -> None:
        act = "Two hours later (the lab's clock is moved)"
        await self._see(lambda: self._waiting("order-thanks", 2))
        await self._advance("2h 1m")
        await self._mail_of("order-thanks", act, 2)
        act = "Ten days later"
        await self._see(lambda: self._waiting("order-thanks", 2))
        await self._advance("10d 1h")
        await self._mail_of("review-request", act, 2)

    def _waiting(self, flow: str, count: int) -> bool:
        """Whether so many people wait in a flow for a time that is still to come."""
        rows = self._rows(
            "SELECT e.due_ms FROM enrolment e JOIN flow f ON f.id = e.flow_id WHERE f.name = ?"
            " AND e.state = 'waiting' AND EXISTS (SELECT 1 FROM passage p WHERE p.enrolment_id = e.id AND p.kind = 'wait')"
            " AND e.due_ms > ?",
            flow, to_ms(self._clock.now() + self._database.read_now(read_offset)),
        )  # fmt: skip
        return len(rows) >= count

    async def _mail_of(self, step: str, act: str, count: int) -> None:
        sql = (
            "SELECT d.forward_path, m.subject FROM sending s JOIN message m ON m.id = s.message_id"
            " JOIN delivery d ON d.message_id = m.id WHERE s.template LIKE ? AND d.state = 10"
        )
        rows = await self._see(lambda: self._rows(sql, f"{step}%")[count - 1 :] and self._rows(sql, f"{step}%"))
        for address, subject in rows or []:
            self.report.note(act, f"flow step {step}, mail accepted", f"{address}: {subject}", True)
        self.report.note(act, f"{people(count)} passed the step", len(rows or []), len(rows or []) >= count)

    async def _cart(self) -> None:
        act = "An abandoned cart"
        order = self._orders[0]
        mail = self._shop.cart_mail(order)
        await asyncio.to_thread(hand_over, "127.0.0.1", self._stage.ports.submission, [mail])
        rows = await self._see(
            lambda: self._rows(
                "SELECT 1 FROM enrolment e JOIN flow f ON f.id = e.flow_id WHERE f.name = 'abandoned-cart'"
            )
        )
        self.report.note(act, "cart.updated read, the shop's own mail held back", mail.rcpt_to, bool(rows))
        await self._see(lambda: self._waiting("abandoned-cart", 1))
        await self._advance("1h 1m")
        await self._mail_of("cart-reminder", act, 1)

    async def _bounces(self) -> None:
        act = "Bounces and suppression"
        code, text = await self._submit("unknown@gmail.lab", "to nobody")
        self.report.note(act, "mail to a mailbox that is not there: taken", f"{code} {text}", code == 250)
        await self._suppressed(act, "unknown@gmail.lab", "refused in the session (550 5.1.1): suppressed")
        code, text = await self._submit("unknown@gmail.lab", "again")
        self.report.note(act, "the next mail to it is refused at once", f"{code} {text}", code == 550)
        notices = await self._see(partial(self._mails, f"orders@{SHOP}", "Undelivered"))
        self.report.note(
            act, "the shop was told: a DSN in its mailbox", notices[0].subject if notices else 0, bool(notices)
        )
        code, text = await self._submit("later-bounce@shop.lab", "bounces later")
        self.report.note(act, "mail that is accepted and bounces later: taken", f"{code} {text}", code == 250)
        await self._suppressed(act, "later-bounce@shop.lab", "a DSN came back to its VERP address: suppressed")

    async def _suppressed(self, act: str, address: str, what: str) -> None:
        rows = await self._see(lambda: self._rows("SELECT reason, evidence FROM suppression WHERE key = ?", address))
        self.report.note(act, what, f"{rows[0][0]}: {rows[0][1][:70]}" if rows else "nothing", bool(rows))

    async def _greylist(self) -> None:
        act = "A server that greylists"
        await self._submit("greylist@shop.lab", "patience")
        sql = (
            "SELECT a.outcome, a.reply FROM attempt a JOIN delivery d ON d.id = a.delivery_id"
            " WHERE d.forward_path = 'greylist@shop.lab' ORDER BY a.id"
        )
        rows = await self._see(lambda: self._rows(sql))
        self.report.note(act, "deferred, with the reply kept", rows[0][1][:60] if rows else "nothing", bool(rows))
        await self._advance("30m")
        rows = await self._see(lambda: [row for row in self._rows(sql) if row[0] == "delivered"])
        self.report.note(act, "delivered half an hour later", rows[0][1][:60] if rows else "nothing", bool(rows))

    async def _doubt(self) -> None:
        act = "A connection that breaks after the dot"
        await self._submit("drop-after-dot@shop.lab", "in doubt")
        rows = await self._see(lambda: self._rows("SELECT why FROM doubt"))
        self.report.note(
            act, "in doubt: recorded, counted, settled by policy", rows[0][0] if rows else "nothing", bool(rows)
        )

    async def _books(self) -> None:
        act = "The books"
        overview = await self._control.get(Overview, "/v1/overview")
        self.report.note(
            act, "accepted, delivered, bounced, in the queue",
            f"{overview.accepted_today}+, {self._count(10)}, {self._count(11)}, {overview.queued}", True,
        )  # fmt: skip
        balance = await asyncio.to_thread(
            self._database.read_now, lambda tx: audit(tx, SystemClock(read_offset(tx)).now)
        )
        findings = (
            "; ".join(finding.what for finding in balance.findings) or "every accepted delivery has one end or waits"
        )
        self.report.note(act, "posthouse audit", findings, balance.balances)

    def _count(self, state: int) -> int:
        return int(self._rows("SELECT count(*) FROM delivery WHERE state = ?", state)[0][0])


def _head(rows: Any) -> str:
    return str(rows[0][0])[:60] if rows else "nothing"

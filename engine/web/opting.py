"""Saying yes and leaving: the pages behind the links of a confirmation mail and of every marketing mail.

The token in the address is all the right there is and all that is needed: no cookie, no login, no script. Leaving also
works without a page before it (RFC 8058: a mailbox provider's one click).
"""

from dataclasses import dataclass, replace
from typing import Final

from aiohttp import web

from engine.audience import former, lists, subscriptions
from engine.audience.consent import ALL_LISTS, Answer
from engine.audience.lists import MailingList
from engine.audience.subscriptions import SubscriptionState
from engine.audience.tokens import BadToken, Purpose
from engine.web.desk import Desk, form
from engine.web.pages import shown
from mta.ports import Tx

ONE_CLICK: Final = "List-Unsubscribe=One-Click"  # RFC 8058 section 3.2


def add(app: web.Application, desk: Desk) -> None:
    """The routes of this group."""
    pages = _Opting(desk)
    app.router.add_get("/confirm/{token}", pages.confirm_page)
    app.router.add_post("/confirm/{token}", pages.confirm)
    app.router.add_get("/unsubscribe/{token}", pages.unsubscribe_page)
    app.router.add_post("/unsubscribe/{token}", pages.unsubscribe)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom and which list a token is about, as the store has them."""

    contact_id: int
    locale: str
    mailing_list: MailingList | None  # None: all lists
    state: SubscriptionState | None
    asked_ms: int


class _Opting:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def confirm_page(self, request: web.Request) -> web.Response:
        ids = self._desk.token(request, Purpose.CONFIRM)
        subject = await self._desk.store.read(lambda tx: _asked(tx, *ids))
        name = "confirmed" if subject.state is SubscriptionState.CONFIRMED else "confirm"
        return self._page(request, name, subject)

    async def confirm(self, request: web.Request) -> web.Response:
        await self._desk.body(request)
        contact_id, list_id, asked_ms = self._desk.token(request, Purpose.CONFIRM)
        now, salt = self._desk.clock.now(), self._desk.salt()

        def work(tx: Tx) -> Subject:
            subject = _asked(tx, contact_id, list_id, asked_ms)
            answer = self._answer(request, "confirm", subject, "web", "button", salt)
            if subscriptions.confirm(tx, contact_id, list_id, asked_ms, answer=answer, now=now) is None:
                raise BadToken  # suppressed since
            return subject

        return self._page(request, "confirmed", await self._desk.store.write(work))

    async def unsubscribe_page(self, request: web.Request) -> web.Response:
        ids = self._desk.token(request, Purpose.UNSUBSCRIBE)
        return self._page(request, "unsubscribe", await self._desk.store.read(lambda tx: _known(tx, *ids)))

    async def unsubscribe(self, request: web.Request) -> web.Response:
        body = await self._desk.body(request)
        contact_id, list_id = self._desk.token(request, Purpose.UNSUBSCRIBE)
        now, salt, wants_all = self._desk.clock.now(), self._desk.salt(), "all" in form(body)

        def work(tx: Tx) -> Subject:
            subject = _known(tx, contact_id, list_id)
            source, button = "web", "button_all" if wants_all and subject.mailing_list else "button"
            if _is_one_click(body):
                source, button = "one-click", ""
            answer = self._answer(request, "unsubscribe", subject, source, button, salt)
            left = ALL_LISTS if subject.mailing_list is None or wants_all else subject.mailing_list.id
            subscriptions.unsubscribe(tx, contact_id, left, answer=answer, now=now)
            return replace(subject, mailing_list=None) if left == ALL_LISTS else subject

        return self._page(request, "unsubscribed", await self._desk.store.write(work))

    def _page(self, request: web.Request, name: str, subject: Subject) -> web.Response:
        words = self._desk.words(request, subject.locale, name)
        facts = {"list": shown(subject.mailing_list, words)}
        return self._desk.page(request, name, facts, locale=subject.locale, is_common=True)

    def _answer(
        self, request: web.Request, page: str, subject: Subject, source: str, button: str, salt: bytes
    ) -> Answer:  # fmt: skip
        """Made in the transaction: the words are those of the person and the list as they are then."""
        words = self._desk.words(request, subject.locale, page)
        facts = {"list": shown(subject.mailing_list, words), "pressed": button}
        wording = self._desk.pages.wording(page, words, facts) if button else ONE_CLICK
        return self._desk.evidence(request, wording, words, source, salt=salt)


_LOCALE: Final = "SELECT locale FROM contact WHERE id = ?"


def _asked(tx: Tx, contact_id: int, list_id: int, asked_ms: int) -> Subject:
    """Whom a link to confirm is about. BadToken when there is no such asking any more."""
    subject = _known(tx, contact_id, list_id)
    if subject.mailing_list is None or subject.asked_ms != asked_ms:
        raise BadToken
    if subject.state not in (SubscriptionState.UNCONFIRMED, SubscriptionState.CONFIRMED):
        raise BadToken
    return subject


def _known(tx: Tx, contact_id: int, list_id: int) -> Subject:
    """Whom a link is about. BadToken when the person is gone; who was merged into another has a name there still."""
    row = tx.one(_LOCALE, (contact_id,))
    if row is None and (merged := former.find(tx, contact_id)) is not None:
        row = tx.one(_LOCALE, (merged.into_id,))
    if row is None:
        raise BadToken
    mailing_list = lists.by_id(tx, list_id) if list_id != ALL_LISTS else None
    there = subscriptions.subscription(tx, contact_id, list_id)
    return Subject(contact_id, row[0], mailing_list, there.state if there else None, there.asked_ms if there else 0)


def _is_one_click(body: bytes) -> bool:
    """RFC 8058 section 3.2: the pair comes urlencoded or as multipart/form-data."""
    if form(body).get("List-Unsubscribe") == ["One-Click"]:
        return True
    return b'name="List-Unsubscribe"' in body and b"One-Click" in body

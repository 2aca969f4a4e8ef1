"""The form of a list: a page of ours, and the target of a snippet on the shop's own site.

Whoever types an address into it is answered the same, whether we know the address or not, and at the same time: at the
next whole BEAT after the asking came. The mailbox itself is asked before anything else is written to it. That is what makes
a form harmless that any site may post to. Against list bombing there are a field that people don't see, a time that people
need, and limits by network here and by address in `engine.audience.subscriptions`.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from aiohttp import web

from deliverability.address import Address, AddressError
from deliverability.homographs import is_homograph
from engine.audience import forms, lists, referrals, subscriptions
from engine.audience.contacts import tidy_name
from engine.audience.fields import Field, FieldError, Kind
from engine.audience.lists import MailingList
from engine.audience.tokens import BadToken, Purpose
from engine.sending.confirmations import Confirmations
from engine.sending.texts import Words
from engine.web.desk import Desk, form
from engine.web.limits import Limits
from engine.web.pages import shown
from mta.ports import Tx

TRAP: Final = "website"  # people don't see this field; programs fill it in
FIELD: Final = "field."  # what the names of declared fields begin with
SOONEST: Final = timedelta(seconds=1)  # nobody reads and fills in a form faster
LATEST: Final = timedelta(days=1)  # a page that was left open
BEAT: Final = 0.1  # seconds; what is done for somebody who is asked takes a small part of it
TYPED_MAX: Final = 600  # characters of one value that are shown again

_ERRORS: Final = {
    Kind.TEXT: "wrong_text", Kind.NUMBER: "wrong_number", Kind.DATE: "wrong_date", Kind.FLAG: "wrong_choice",
    Kind.CHOICE: "wrong_choice",
}  # fmt: skip


def add(app: web.Application, desk: Desk) -> None:
    """The routes of this group."""
    pages = Subscribing(desk)
    app.router.add_get("/subscribe/{list}", pages.show)
    app.router.add_post("/subscribe/{list}", pages.subscribe)
    app.router.add_get("/r/{code}", pages.recommended)


@dataclass(frozen=True, slots=True)
class Form:
    """A list's form as it is now."""

    mailing_list: MailingList
    fields: tuple[Field, ...]


@dataclass(slots=True)
class Typed:
    """What somebody typed, and what is wrong with it by the name of the input: the key of its words."""

    values: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    address: Address | None = None
    fields: dict[str, Any] = field(default_factory=dict)


class Subscribing:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._asks = Limits(burst=20, refill=1 / 60)
        self._unseen = Limits(burst=5, refill=1 / 600)  # askings that no page of ours came before

    async def show(self, request: web.Request) -> web.Response:
        return self._page(request, await self._form(request), Typed())

    async def recommended(self, request: web.Request) -> web.Response:
        """What somebody finds behind the link of a person who recommends us."""
        code, name = request.match_info["code"], request.query.get("list", "")
        referrer_id = self._desk.composer.tokens.read_short(Purpose.REFERRAL, code)

        def look(tx: Tx) -> Form | None:
            theirs = referrals.recommended(tx, referrer_id)
            return form_of(tx, name or theirs) if theirs else None

        asked = await self._desk.store.read(look)
        if asked is None:
            raise BadToken
        typed = Typed({"ref": code})
        keep = f"&list={asked.mailing_list.name}" if name else ""
        return self._page(request, asked, typed, action=f"../subscribe/{asked.mailing_list.name}", keep=keep)

    async def subscribe(self, request: web.Request) -> web.Response:
        told = {name: values[0] for name, values in form(await self._desk.body(request)).items()}
        asked = await self._form(request)
        if told.get(TRAP):
            return self._asked(request, asked, told)  # a program: it learns nothing
        typed = read(asked, told)
        if typed.wrong:
            return self._page(request, asked, typed, status=422)
        if not self._is_believed(request, asked, told):
            typed.wrong["form"] = "again"
            return self._page(request, asked, typed)
        if not self._asks.allows(self._desk.peer(request), self._desk.clock.monotonic()):
            raise web.HTTPTooManyRequests
        begun = self._desk.clock.monotonic()
        await self._ask(request, asked, told, typed)
        await asyncio.sleep(to_beat(self._desk.clock.monotonic() - begun))
        return self._asked(request, asked, told)

    async def _form(self, request: web.Request) -> Form:
        name = request.match_info["list"]

        found = await self._desk.store.read(lambda tx: form_of(tx, name))
        if found is None:
            raise web.HTTPNotFound
        return found

    def _is_believed(self, request: web.Request, asked: Form, told: Mapping[str, str]) -> bool:
        """Whether a person had time to fill this in. A snippet can't tell: there are a few of those a network, and
        whoever is over them sees our page first."""
        now = self._desk.clock.now()
        if "seen" not in told:
            return self._unseen.allows(self._desk.peer(request), self._desk.clock.monotonic())
        try:
            list_id, seen_s = self._desk.composer.tokens.read(Purpose.FORM, told["seen"], now)
        except (BadToken, ValueError):
            return False
        return list_id == asked.mailing_list.id and now.timestamp() - seen_s >= SOONEST.total_seconds()

    async def _ask(self, request: web.Request, asked: Form, told: Mapping[str, str], typed: Typed) -> None:
        desk, address, now = self._desk, typed.address, self._desk.clock.now()
        assert address is not None
        words, mailing_list = self._words(request, told), asked.mailing_list
        referrer_id = self._referrer(told.get("ref", ""))
        wording = desk.pages.wording(
            "subscribe", words, facts(asked, Typed({"ref": "yes" if referrer_id else ""}), words)
        )
        answer = desk.evidence(request, wording, words, "form")
        ask = Confirmations(desk.composer, desk.queue, desk.chance.octets(16), now)

        def work(tx: Tx) -> subscriptions.Asked:
            kept = forms.wording(tx, mailing_list.id, told.get("version", "")) or answer.wording
            shown_there = replace(
                answer, wording=kept, evidence=f"form {mailing_list.name}, version {forms.version_of(kept)}"
            )
            done = subscriptions.subscribe(
                tx, mailing_list.name, address, answer=shown_there, ask=ask, name=typed.values["name"], must_ask=True,
                now=now,
            )  # fmt: skip
            if not done.refused and not done.already:
                forms.keep_answer(tx, done.contact_id, mailing_list.id, typed.fields, now)
                if referrer_id:
                    referrals.note(tx, done.contact_id, referrer_id, mailing_list.id, now)
            return done

        if (await desk.store.write(work)).message_id is not None:
            desk.wake([address.domain])

    def _referrer(self, code: str) -> int:
        """Who recommended us; 0 where nobody did."""
        try:
            return self._desk.composer.tokens.read_short(Purpose.REFERRAL, code)
        except BadToken:
            return 0

    def _words(self, request: web.Request, told: Mapping[str, str]) -> Words:
        """A snippet says in which language it was read."""
        return self._desk.words(request, told.get("locale", "")[:35], "subscribe")

    def _page(
        self, request: web.Request, asked: Form, typed: Typed, status: int = 200, **more: str
    ) -> web.Response:  # fmt: skip
        now = self._desk.clock.now()
        words = self._words(request, typed.values)
        seen = self._desk.composer.tokens.make(
            Purpose.FORM, (asked.mailing_list.id, int(now.timestamp())), now + LATEST
        )
        seen_by_all = facts(asked, typed, words) | {"seen": seen, "trap": TRAP, **more}
        return self._desk.page(request, "subscribe", seen_by_all, locale=words.tag, status=status)

    def _asked(self, request: web.Request, asked: Form, told: Mapping[str, str]) -> web.Response:
        words = self._words(request, told)
        return self._desk.page(
            request, "asked", {"list": shown(asked.mailing_list, words)}, locale=words.tag, is_common=True
        )


def to_beat(spent: float) -> float:
    """How long to wait after so many seconds, so that nobody tells from the time of an answer what was done for it."""
    return BEAT - spent % BEAT


def form_of(tx: Tx, name: str) -> Form | None:
    """The form of the list of this name."""
    mailing_list = lists.get(tx, name)
    return None if mailing_list is None else Form(mailing_list, forms.asked(tx, mailing_list.id))


def read(asked: Form, told: Mapping[str, str]) -> Typed:
    """What was typed, parsed; all that is wrong with it, not only the first."""
    typed = Typed({name: value.strip()[:TYPED_MAX] for name, value in told.items()})
    typed.values["name"] = tidy_name(typed.values.get("name", ""))
    text = typed.values.setdefault("address", "")
    try:
        typed.address = Address.parse(text)
        if "." not in typed.address.domain or typed.address.domain.startswith("["):
            typed.wrong["address"] = "wrong_address"  # nobody's mailbox on the Internet
        elif is_homograph(typed.address.local, typed.address.domain):
            typed.wrong["address"] = "odd_address"
    except AddressError:
        typed.wrong["address"] = "wrong_address" if text else "no_address"
    for each in asked.fields:
        try:
            value = each.parse(typed.values.get(FIELD + each.name, ""))
        except FieldError:
            typed.wrong[FIELD + each.name] = _ERRORS[each.kind]
            continue
        if value is not None:
            typed.fields[each.name] = value
    return typed


def facts(asked: Form, typed: Typed, words: Words) -> dict[str, Any]:
    """What the form's templates see."""
    return {
        "list": shown(asked.mailing_list, words),
        "address": typed.values.get("address", ""), "name": typed.values.get("name", ""),
        "version": typed.values.get("version", ""), "ref": typed.values.get("ref", ""), "wrong": typed.wrong,
        "fields": [
            {
                "name": FIELD + each.name, "kind": str(each.kind), "label": label(each, words), "choices": each.choices,
                "value": typed.values.get(FIELD + each.name, ""),
            }
            for each in asked.fields
        ],
    }  # fmt: skip


def label(asked: Field, words: Words) -> str:
    """What people read of a field: the catalogue's words for it, else its title, else its name."""
    return words.text(f"field.{asked.name}") or asked.title or asked.name

"""The page of a person's own choices: lists, how often, language, a pause. The link to it stands in marketing mail."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from aiohttp import web

from engine.audience import former, subscriptions
from engine.audience.consent import ALL_LISTS
from engine.audience.contacts import UnknownContact
from engine.audience.preferences import BREAKS, PACES, Standing, Wishes, choose, standing
from engine.audience.tokens import BadToken, Purpose
from engine.sending.texts import Words
from engine.web.desk import Desk, form
from engine.web.pages import shown
from mta.ports import Tx

KEEP: Final = "keep"  # a pause that is running already


def add(app: web.Application, desk: Desk) -> None:
    """The routes of this group."""
    pages = _Preferring(desk)
    app.router.add_get("/preferences/{token}", pages.show)
    app.router.add_post("/preferences/{token}", pages.save)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A filled-in page: what is wished, and the pause as it was named there."""

    wishes: Wishes
    pause: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A contact that was merged into another. What the other one gets is for a link to choose that went to its mailbox:
    this one's mailbox may be somebody else's by now. It can be left alone, and that is all."""

    contact_id: int
    locale: str


class _Preferring:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, request: web.Request) -> web.Response:
        return await self._show(request)

    async def _show(self, request: web.Request, *, saved: bool = False) -> web.Response:
        found = await self._standing(request)
        if isinstance(found, Moved):
            return self._desk.page(request, "moved", {}, locale=found.locale)
        return self._page(request, found, _as_it_is(found), saved=saved)

    async def save(self, request: web.Request) -> web.Response:
        told = form(await self._desk.body(request))
        found = await self._standing(request)
        if "all" in told:
            return await self._leave_all(request, found)
        if isinstance(found, Moved):
            raise web.HTTPBadRequest
        if found.is_stopped:
            return self._page(request, found, _as_it_is(found))
        chosen = self._read(found, told)
        words = self._desk.words(request, found.locale, "preferences")
        wording = self._desk.pages.wording("preferences", words, self._facts(found, chosen, words), is_common=False)
        answer, now = self._desk.evidence(request, wording, words, "web"), self._desk.clock.now()
        await self._desk.store.write(lambda tx: choose(tx, found.contact_id, chosen.wishes, answer=answer, now=now))
        return await self._show(request, saved=True)

    async def _leave_all(self, request: web.Request, found: Standing | Moved) -> web.Response:
        name = "moved" if isinstance(found, Moved) else "preferences"
        words = self._desk.words(request, found.locale, name)
        facts: dict[str, Any] = {"pressed": "button_all"}
        if not isinstance(found, Moved):
            facts = self._facts(found, _as_it_is(found), words) | facts
        wording = self._desk.pages.wording(name, words, facts, is_common=False)
        answer, now = self._desk.evidence(request, wording, words, "web"), self._desk.clock.now()
        await self._desk.store.write(
            lambda tx: subscriptions.unsubscribe(tx, found.contact_id, ALL_LISTS, answer=answer, now=now)
        )
        return self._desk.page(request, "unsubscribed", {"list": {}}, locale=found.locale, is_common=True)

    async def _standing(self, request: web.Request) -> Standing | Moved:
        """Whose choices they are. BadToken for somebody who is gone."""
        (contact_id,) = self._desk.token(request, Purpose.PREFERENCES)

        def work(tx: Tx) -> Standing | Moved:
            merged = former.find(tx, contact_id)
            if merged is None:
                return standing(tx, contact_id)
            return Moved(contact_id, standing(tx, merged.into_id).locale)

        try:
            return await self._desk.store.read(work)
        except UnknownContact:
            raise BadToken from None

    def _read(self, found: Standing, told: dict[str, list[str]]) -> Chosen:
        """What was chosen. HTTPBadRequest for what the page does not offer."""
        pace, pause, locale = (told.get(name, [""])[0] for name in ("pace", "pause", "locale"))
        offered = {str(each.id) for each, _ in found.lists}
        ticked = told.get("list", [])
        if (
            pace not in ("", *PACES) or pause not in ("", KEEP, *BREAKS) or not offered.issuperset(ticked)
            or (locale and locale not in self._desk.pages.tags)
        ):  # fmt: skip
            raise web.HTTPBadRequest
        length = None if pause == KEEP else BREAKS.get(pause, timedelta(0))
        # A contact may have a region (he-IL); choosing the language that they have does not take it away.
        is_same = self._desk.pages.words("", found.locale, "", "web.preferences").tag == locale
        return Chosen(Wishes(frozenset(map(int, ticked)), pace, None if is_same else locale or None, length), pause)

    def _page(self, request: web.Request, found: Standing, chosen: Chosen, *, saved: bool = False) -> web.Response:
        words = self._desk.words(request, found.locale, "preferences")
        facts = self._facts(found, chosen, words) | {"saved": saved}
        if saved:  # what was chosen just now may be another language
            facts["languages"] = []
        return self._desk.page(request, "preferences", facts, locale=found.locale)

    def _facts(self, found: Standing, chosen: Chosen, words: Words) -> dict[str, Any]:
        """What the page shows, with these choices filled in."""
        wishes = chosen.wishes
        now_in = self._desk.pages.words("", wishes.locale or found.locale, "", "web.preferences").tag
        return {
            "lists": [{**shown(each, words), "id": each.id, "is_on": each.id in wishes.lists} for each, _ in found.lists],
            "paces": list(PACES), "pace": wishes.pace, "breaks": list(BREAKS), "pause": chosen.pause,
            "until": found.paused_until, "stopped": found.is_stopped, "tongues": self._desk.pages.all_languages(),
            "tongue": now_in, "pressed": "button",
        }  # fmt: skip


def _as_it_is(found: Standing) -> Chosen:
    on = frozenset(each.id for each, is_on in found.lists if is_on)
    return Chosen(Wishes(on, found.pace, None, None), KEEP if found.paused_until else "")

"""Surveys: the link in a mail preselects an answer, one press gives it. Looking answers nothing."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from engine.audience import surveys
from engine.audience.surveys import Kind, Survey
from engine.audience.tokens import BadToken, Purpose
from engine.sending.texts import Words
from engine.web.desk import Desk, form
from mta.ports import Tx


def add(app: web.Application, desk: Desk) -> None:
    """The routes of this group."""
    pages = _Surveying(desk)
    app.router.add_get("/survey/{token}", pages.show)
    app.router.add_post("/survey/{token}", pages.answer)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who was asked what, and when."""

    contact_id: int
    locale: str
    survey: Survey
    asked_s: int


class _Surveying:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, request: web.Request) -> web.Response:
        return self._page(request, await self._asked(request), request.query.get("v", ""))

    async def answer(self, request: web.Request) -> web.Response:
        told = form(await self._desk.body(request))
        asked = await self._asked(request)
        value = told.get("v", [""])[0]
        if value not in asked.survey.answers:
            return self._page(request, asked, "", wrong=True)
        now = self._desk.clock.now()
        await self._desk.store.write(
            lambda tx: surveys.answer(tx, asked.survey, asked.contact_id, value, asked.asked_s, now)
        )
        return self._desk.page(request, "answered", {}, locale=asked.locale, is_common=True)

    async def _asked(self, request: web.Request) -> Asked:
        contact_id, code, asked_s = self._desk.token(request, Purpose.SURVEY)

        def look(tx: Tx) -> Asked | None:
            row = tx.one("SELECT locale FROM contact WHERE id = ?", (contact_id,))
            survey = surveys.by_code(tx, code)
            return None if row is None or survey is None else Asked(contact_id, row[0], survey, asked_s)

        found = await self._desk.store.read(look)
        if found is None:
            raise BadToken
        return found

    def _page(self, request: web.Request, asked: Asked, value: str, *, wrong: bool = False) -> web.Response:
        survey, words = asked.survey, self._desk.words(request, asked.locale, "survey")
        chosen = value if value in survey.answers else ""
        facts: dict[str, Any] = {
            "kind": str(survey.kind), "question": _question(survey, words, self._desk.pages.language),
            "answers": [{"value": each, "label": _label(survey, each, words)} for each in survey.answers],
            "chosen": chosen, "wrong": wrong, "keep": f"&v={chosen}" if chosen.isdecimal() else "",
        }  # fmt: skip
        return self._desk.page(request, "survey", facts, locale=asked.locale, status=422 if wrong else 200)


def _question(survey: Survey, words: Words, own: str) -> str:
    """As the shop put it, to those who read its `own` language; to others in theirs, if there are words."""
    translated = words.text(f"survey.{survey.name}.question")
    return survey.question if survey.question and words.tag == own else translated or survey.question


def _label(survey: Survey, answer: str, words: Words) -> str:
    """What people see of an answer: of a choice, the catalogue's words for it, or itself."""
    if survey.kind is Kind.STARS:
        return "★" * int(answer) + "☆" * (len(survey.answers) - int(answer))
    return words.text(f"survey.{survey.name}.{answer}") or answer

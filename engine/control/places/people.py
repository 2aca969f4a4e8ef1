"""Questions about lists, people and segments."""

from collections.abc import Mapping
from typing import Final

from engine.control import (
    imports,
    lists,
    people,
    proofs,
    segments,
    sunset,
)
from engine.control.places.question import Answer, Question

# -- lists and people


async def _lists(question: Question) -> object:
    return await lists.every(question.house, question.office)


async def _list(question: Question) -> object:
    return await lists.one(question.house, question.name)


async def _on_list(question: Question) -> object:
    return await lists.members(question.house, question.name, question.asked)


async def _people(question: Question) -> object:
    return await lists.people(question.house, question.office, question.asked)


async def _person(question: Question) -> object:
    return await people.one(question.house, question.words["address"])


async def _export(question: Question) -> object:
    return await people.export(question.house, question.words["address"])


async def _consent(question: Question) -> object:
    return await proofs.of_person(question.house, question.office, question.words["address"])


async def _proof(question: Question) -> object:
    return await proofs.file(question.house, question.words["address"])


async def _fields(question: Question) -> object:
    return await lists.declared(question.house)


async def _imports(question: Question) -> object:
    return await imports.every(question.house, question.office)


async def _import(question: Question) -> object:
    return await imports.one(question.house, question.office, question.name)


# -- segments


async def _sunset(question: Question) -> object:
    return await sunset.plan(question.house, question.name, question.asked)


async def _segments(question: Question) -> object:
    return await segments.every(question.house, question.office.keeper.book)


async def _segment(question: Question) -> object:
    return await segments.one(question.house, question.office.keeper.book, question.name)


async def _members(question: Question) -> object:
    return await segments.members(question.house, question.office.keeper.book, question.name, question.asked)


async def _why_segment(question: Question) -> object:
    return await segments.why(question.house, question.office.keeper.book, question.name, question.asked)


async def _count(question: Question) -> object:
    return await segments.recount(question.house, question.office.keeper.book, question.name)


async def _cost(question: Question) -> object:
    return await segments.cost(question.house, question.office.keeper.book, question.name)


async def _diff(question: Question) -> object:
    return await segments.diff(question.house, question.office.keeper.book, question.name, question.asked)


PLACES: Final[Mapping[str, Answer]] = {
    "/v1/lists": _lists,
    "/v1/lists/{name}": _list,
    "/v1/lists/{name}/members": _on_list,
    "/v1/lists/{name}/sunset": _sunset,
    "/v1/people": _people,
    "/v1/people/{address}": _person,
    "/v1/people/{address}/export": _export,
    "/v1/people/{address}/consent": _consent,
    "/v1/people/{address}/proof": _proof,
    "/v1/fields": _fields,
    "/v1/imports": _imports,
    "/v1/imports/{name}": _import,
    "/v1/segments": _segments,
    "/v1/segments/{name}": _segment,
    "/v1/segments/{name}/members": _members,
    "/v1/segments/{name}/why": _why_segment,
    "/v1/segments/{name}/count": _count,
    "/v1/segments/{name}/plan": _cost,
    "/v1/segments/{name}/diff": _diff,
}

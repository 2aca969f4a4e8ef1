"""Questions about flows and the mails that they send."""

from collections.abc import Mapping
from typing import Final

from engine.control import (
    flow_drafts,
    flow_people,
    flow_texts,
    flows,
    mail_keeping,
    mails,
    reasons,
)
from engine.control.places.question import Answer, Question
from engine.control.refusal import Refusal

# -- flows


async def _names(question: Question) -> object:
    return await flow_texts.names(question.house)


async def _flows(question: Question) -> object:
    return await question.office.flows.flows(question.house.clock.now())


async def _flow(question: Question) -> object:
    picture = await question.office.flows.picture(question.name, question.house.clock.now())
    if picture is None:
        raise Refusal(f"there is no flow {question.name}", "`posthouse flow list` lists them", 404)
    return picture


async def _flow_people(question: Question) -> object:
    return await flow_people.people(question.house, question.name, question.asked)


async def _drafts(question: Question) -> object:
    return await flow_drafts.every(question.house)


async def _draft(question: Question) -> object:
    return await flow_drafts.one(question.house, question.name)


async def _recipes(question: Question) -> object:
    return await flow_drafts.recipes(question.house)


async def _recipe(question: Question) -> object:
    return await flow_drafts.recipe(question.house, question.name)


async def _trials(question: Question) -> object:
    return question.office.flows.trials.all()


async def _trial(question: Question) -> object:
    return question.office.flows.trials.get(int(question.words["id"]))


async def _flow_history(question: Question) -> object:
    return await flows.changes(question.house, question.name)


async def _flow_text(question: Question) -> object:
    return await flows.text(question.house, question.name, question.asked.text("version"))


async def _why_not(question: Question) -> object:
    return await reasons.why_not(question.house, question.name, question.asked)


# -- mails


async def _mails(question: Question) -> object:
    return await mails.every(question.house, question.office.mails)


async def _mail(question: Question) -> object:
    return await mails.one(question.house, question.office.mails, question.name)


async def _mail_proof(question: Question) -> object:
    return await mails.proof(question.house, question.office.mails, question.name, question.asked)


async def _mail_findings(question: Question) -> object:
    return await mails.findings(question.house, question.office.mails, question.name, question.asked)


async def _mail_file(question: Question) -> object:
    return await mail_keeping.file_text(question.house, question.asked)


PLACES: Final[Mapping[str, Answer]] = {
    "/v1/names": _names,
    "/v1/flows": _flows,
    "/v1/flows/{name}": _flow,
    "/v1/flows/{name}/history": _flow_history,
    "/v1/flows/{name}/text": _flow_text,
    "/v1/flows/{name}/people": _flow_people,
    "/v1/flow-drafts": _drafts,
    "/v1/flow-drafts/{name}": _draft,
    "/v1/flow-trials": _trials,
    "/v1/flow-trials/{id:[0-9]+}": _trial,
    "/v1/recipes": _recipes,
    "/v1/recipes/{name}": _recipe,
    "/v1/why-not/{name}": _why_not,
    "/v1/mails": _mails,
    "/v1/mails/{name}": _mail,
    "/v1/mails/{name}/proof": _mail_proof,
    "/v1/mails/{name}/findings": _mail_findings,
    "/v1/mail-file": _mail_file,
}

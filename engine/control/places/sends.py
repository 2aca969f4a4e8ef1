"""Questions about campaigns and figures."""

from collections.abc import Mapping
from typing import Final

from engine.control import (
    calendar,
    campaign_mails,
    campaign_views,
    reports,
    reputation,
)
from engine.control.places.question import Answer, Question

# -- campaigns, figures


async def _campaigns(question: Question) -> object:
    return await campaign_views.every(question.house, question.office.campaigns.book)


async def _calendar(question: Question) -> object:
    return await calendar.show(question.house, question.office, question.asked)


async def _campaign(question: Question) -> object:
    return await campaign_views.one(question.house, question.office.campaigns.book, question.name)


async def _campaign_text(question: Question) -> object:
    return await campaign_mails.text(question.house, question.name)


async def _campaign_mail(question: Question) -> object:
    return await campaign_mails.mail(question.house, question.name, question.asked)


async def _recipients(question: Question) -> object:
    book = question.office.campaigns.book
    return await campaign_views.recipients(question.house, book, question.name, question.asked)


async def _report(question: Question) -> object:
    return await reports.report(question.house, question.words["kind"], question.name, question.asked)


async def _reputation(question: Question) -> object:
    return await reputation.show(question.house, question.asked)


PLACES: Final[Mapping[str, Answer]] = {
    "/v1/calendar": _calendar,
    "/v1/campaigns": _campaigns,
    "/v1/campaigns/{name}": _campaign,
    "/v1/campaigns/{name}/text": _campaign_text,
    "/v1/campaigns/{name}/mail": _campaign_mail,
    "/v1/campaigns/{name}/recipients": _recipients,
    "/v1/reports/{kind}/{name}": _report,
    "/v1/reputation": _reputation,
}

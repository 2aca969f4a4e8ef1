"""Questions about the house, the queue, what limits it, and what came back."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from engine.control import (
    bounces,
    doctoring,
    domain_views,
    happenings,
    journal,
    reasons,
    shaping,
    suppressed,
    told,
    views,
    waits,
)
from engine.control.counted import BY, ROWS_MAX, SORTS, counted_total, counts_by_group, queue_rows, shape
from engine.control.lately import KEPT
from engine.control.observing import serving
from engine.control.places.question import Answer, Question
from engine.control.refusal import Refusal
from mta.ports import to_ms
from mta.queue import listing

# -- the house


async def _journal(question: Question) -> object:
    return await happenings.show(question.house, question.asked)


async def _acts(question: Question) -> object:
    return await journal.acts_page(question.house, question.asked)


async def _health(question: Question) -> object:
    return await serving.health(question.observer)


async def _metrics(question: Question) -> object:
    return await serving.metrics(question.observer)


# -- the queue


async def _queue(question: Question) -> object:
    asked = question.asked
    by, sort = asked.one_of("by", BY), asked.one_of("sort", SORTS)
    limit, offset = asked.number("limit", 1000, least=1, most=ROWS_MAX), asked.number("offset", 0)
    census, now = await question.census.get(), question.house.clock.now()
    suspended = question.office.conductor.suspensions
    return queue_rows(census, now, suspended, by=by, sort=sort, limit=limit, offset=offset)


async def _shape(question: Question) -> object:
    asked = question.asked
    by, limit = asked.one_of("by", ("domain", "site", "campaign", "stream")), asked.number("limit", 20, most=ROWS_MAX)
    stream = asked.stream()
    return shape(await question.census.get(), question.house.clock.now(), by=by, limit=limit, stream=stream)


async def _replies(question: Question) -> object:
    asked, now = question.asked, question.house.clock.now()
    since, limit = asked.duration("since") or KEPT, asked.number("limit", 50, least=1, most=ROWS_MAX)
    census, known = await question.census.get(), await question.lately.look()
    return told.replies(
        known, census.site, to_ms(now), site=asked.text("site"), since_ms=to_ms(now - min(since, KEPT)), limit=limit,
        state=question.house.config.daemon.state_dir,
    )  # fmt: skip


async def _weather(question: Question) -> object:
    asked = question.asked
    by, limit = asked.one_of("by", ("site", "domain")), asked.number("limit", 20, most=ROWS_MAX)
    census, known = await question.census.get(), await question.lately.look()
    return told.weather(known, census.site, to_ms(question.house.clock.now()), by=by, limit=limit)


async def _messages(question: Question) -> object:
    asked, now = question.asked, question.house.clock.now()
    wanted, sort = asked.wanted(now), asked.one_of("sort", tuple(listing.SORTS))
    limit, offset = asked.number("limit", 100, least=1, most=ROWS_MAX), asked.number("offset", 0)
    after = asked.cursor()
    found = await question.house.store.read(lambda tx: views.message_page(tx, now, wanted, sort, limit, after, offset))
    if found.after and counts_by_group(wanted):
        counted = counted_total(await question.census.get(), wanted)
        found = replace(found, total=max(found.total + 1, counted), exact=True)
    return found


async def _doubts(question: Question) -> object:
    asked, now = question.asked, question.house.clock.now()
    limit, only_open = asked.number("limit", 100, least=1, most=ROWS_MAX), bool(asked.number("open", 0))
    return await question.house.store.read(lambda tx: views.doubts(tx, now, only_open=only_open, limit=limit))


async def _message(question: Question) -> object:
    number, now = int(question.words["id"]), question.house.clock.now()
    state = question.house.config.daemon.state_dir
    life = await question.house.store.read(lambda tx: views.message_life(tx, number, now, state))
    if life is None:
        raise Refusal(f"there is no message {number}", "`posthouse queue messages` lists them", 404)
    return life


async def _why_message(question: Question) -> object:
    number = int(question.words["id"])
    found = await reasons.why_message(question.house, question.office.conductor, number)
    if found is None:
        raise Refusal(f"there is no message {number}", "`posthouse queue messages` lists them", 404)
    return found


# -- what limits it


async def _warm_up(question: Question) -> object:
    return shaping.warm_ups(question.house, question.office.conductor)


async def _shaping(question: Question) -> object:
    name = question.words["site"]
    try:
        return await shaping.show(question.house, question.office.conductor, name)
    except shaping.NoSuchSite:
        raise Refusal(f"nothing was sent to {name} since the start", "`posthouse queue` lists sites", 404) from None


async def _why_site(question: Question) -> object:
    name = question.words["site"]
    found = await waits.of_site(question.house, question.office.conductor, name)
    if found is None:
        raise Refusal(f"nothing is known of {name}", "`posthouse queue` lists sites", 404)
    return found


async def _domains(question: Question) -> object:
    return await domain_views.every(question.house, question.office)


async def _domain(question: Question) -> object:
    return await domain_views.one(question.house, question.office, question.name)


async def _reported(question: Question) -> object:
    return await domain_views.reported(question.house, question.asked)


async def _doctor(question: Question) -> object:
    return await doctoring.look(question.house, question.office, question.asked)


# -- what came back


async def _bounces(question: Question) -> object:
    return await bounces.days(question.house, question.asked)


async def _received(question: Question) -> object:
    return await bounces.received(question.house, question.asked)


async def _received_mail(question: Question) -> object:
    return await bounces.one(question.house, int(question.words["id"]))


async def _unclassified(question: Question) -> object:
    known = await question.lately.look()
    return bounces.unclassified(question.house, known, to_ms(question.house.clock.now()))


async def _suppression(question: Question) -> object:
    return await suppressed.page(question.house, question.asked, (await question.day.get()).suppressed)


PLACES: Final[Mapping[str, Answer]] = {
    "/v1/queue": _queue,
    "/v1/doubts": _doubts,
    "/v1/queue/shape": _shape,
    "/v1/queue/replies": _replies,
    "/v1/queue/weather": _weather,
    "/v1/messages": _messages,
    "/v1/messages/{id:[0-9]+}": _message,
    "/v1/messages/{id:[0-9]+}/why": _why_message,
    "/v1/warm-up": _warm_up,
    "/v1/doctor": _doctor,
    "/v1/domains": _domains,
    "/v1/domains/{name}": _domain,
    "/v1/reported": _reported,
    "/v1/acts": _acts,
    "/v1/health": _health,
    "/v1/metrics": _metrics,
    "/v1/journal": _journal,
    "/v1/shaping/{site}": _shaping,
    "/v1/why/{site}": _why_site,
    "/v1/bounces": _bounces,
    "/v1/bounces/received": _received,
    "/v1/bounces/received/{id:[0-9]+}": _received_mail,
    "/v1/bounces/unclassified": _unclassified,
    "/v1/suppression": _suppression,
}

"""A site that refuses the address of one source: another one of the pool sends what waits, and nobody's mail bounces."""

import asyncio
from datetime import timedelta

import pytest
from house_carrier import PATIENCE, Carrier, running
from mail_shop import Place

from mta.outbound.sources import SourceSettings, StreamSettings, ways
from mta.queue.delivery import State

BLOCK = "554 5.7.1 Service unavailable; Client host [127.0.0.3] blocked using zen.spamhaus.org"
SOURCES = {
    "one": SourceSettings(address=("127.0.0.2",), ehlo="one.shop.example"),
    "two": SourceSettings(address=("127.0.0.3",), ehlo="two.shop.example"),
}
DOMAIN = "a.example"


def refuse(carrier: Carrier, *names: str) -> None:
    carrier.hop.answers["EHLO"] = lambda line: BLOCK if line.split()[-1] in names else "250 hop"
    carrier.hop.answers["HELO"] = carrier.hop.answers["EHLO"]


async def attempts(carrier: Carrier) -> dict[tuple[str, str], int]:
    rows = await carrier.rows("SELECT source, outcome, count(*) FROM attempt GROUP BY source, outcome")
    return {(source, outcome): count for source, outcome, count in rows}


async def until_delivered(carrier: Carrier, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while await carrier.rows("SELECT count(*) FROM delivery WHERE state = 10") != [(count,)]:
            carrier.scheduler.wake((DOMAIN,))  # as the poll does
            await asyncio.sleep(0.001)


async def test_what_one_source_is_refused_with_another_sends_at_once(place: Place) -> None:
    async with running(place, ways=ways(SOURCES, {}, StreamSettings(), "mail.shop.example")) as carrier:
        refuse(carrier, "two.shop.example")
        await carrier.hand_over(*(f"n{number}@{DOMAIN}" for number in range(20)))
        await until_delivered(carrier, 20)
        found = await attempts(carrier)
        assert found == {("one", "delivered"): 20, ("two", "deferred"): 1}, "one bore witness"
        await carrier.hand_over(*(f"m{number}@{DOMAIN}" for number in range(20)))
        await until_delivered(carrier, 40)
        assert (await attempts(carrier))["two", "deferred"] == 1, "while it rests nothing more is tried from there"


async def test_what_comes_due_while_the_site_rests_is_found_by_the_poll(place: Place) -> None:
    async with running(place, ways=ways(SOURCES, {}, StreamSettings(), "mail.shop.example")) as carrier:
        refuse(carrier, "two.shop.example")
        await carrier.hand_over(*(f"n{number}@{DOMAIN}" for number in range(20)))
        await until_delivered(carrier, 20)
        later = await carrier.hand_over(*(f"m{number}@other.example" for number in range(20)))
        async with asyncio.timeout(PATIENCE):
            while await carrier.rows("SELECT count(*) FROM delivery WHERE state = 10") != [(20 + len(later),)]:
                carrier.clock.advance(timedelta(seconds=2))  # no hint any more: only the poll can find them
                carrier.scheduler.wake()
                await asyncio.sleep(0.001)


async def test_where_all_sources_are_refused_mail_waits_and_does_not_bounce(place: Place) -> None:
    async with running(place, ways=ways(SOURCES, {}, StreamSettings(), "mail.shop.example")) as carrier:
        refuse(carrier, "one.shop.example", "two.shop.example")
        await carrier.hand_over(*(f"n{number}@{DOMAIN}" for number in range(20)))
        await carrier.until("SELECT count(*) FROM site WHERE retry_ms > 0", (2,))
        for _ in range(50):
            carrier.scheduler.wake((DOMAIN,))
            await carrier.rows("SELECT 1")
        await carrier.until("SELECT DISTINCT state FROM delivery", (int(State.QUEUED),))
        assert sum((await attempts(carrier)).values()) <= 4


@pytest.mark.parametrize("stage", ["MAIL", "RCPT"])
async def test_a_single_source_waits_and_the_recipient_is_not_to_blame(place: Place, stage: str) -> None:
    async with running(place) as carrier:
        carrier.hop.answers[stage] = lambda _: BLOCK
        await carrier.hand_over(f"ann@{DOMAIN}")
        await carrier.until("SELECT outcome FROM attempt", ("deferred",))
        await carrier.until_states(State.QUEUED)
        [(due_ms,)] = await carrier.rows("SELECT due_ms FROM delivery")
        assert due_ms > carrier.ms_after(minutes=2), "it waits by itself too, so that it is not always the first"

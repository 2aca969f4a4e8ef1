"""Several recipients in one transaction, from the queue to the wire: a scheduler, a real store, a host that answers."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from house_books import message
from house_carrier import SETTINGS, Carrier, running
from mail_shop import Place

from mta.queue import leasing, queue
from mta.queue.delivery import State
from mta.queue.queue import Claimed

TEN = tuple(f"n{number}@a.example" for number in range(10))


@contextlib.asynccontextmanager
async def sharing(place: Place, **settings: Any) -> AsyncIterator[Carrier]:
    """A carrier whose messages have one reverse-path each. One delivery (number 1) has proven the site."""
    async with running(place, may_share=lambda _: True, **{"site_connections": 5, **settings}) as carrier:
        await carrier.hand_over("first@a.example")
        await carrier.until_states(State.DELIVERED)
        carrier.hop.messages = 0
        carrier.hop.kept.clear()
        carrier.hop.counts.clear()
        yield carrier


async def hand_over(carrier: Carrier, *to: str) -> None:
    """One message to all of them."""
    now = carrier.clock.now()
    await carrier.store.write(lambda tx: queue.enqueue(tx, message(*to), now, SETTINGS))
    carrier.scheduler.wake({each.rpartition("@")[2] for each in to})


@pytest.fixture
async def carrier(place: Place) -> AsyncIterator[Carrier]:
    async with sharing(place) as carrier:
        yield carrier


async def test_recipients_of_one_message_go_in_one_transaction(carrier: Carrier) -> None:
    await hand_over(carrier, *TEN)
    await carrier.until_states(State.DELIVERED, *[State.DELIVERED] * 10)
    assert sorted(carrier.hop.kept) == sorted(TEN)
    assert carrier.hop.messages == 1
    assert await carrier.rows("SELECT count(*) FROM attempt WHERE outcome = 'delivered' AND delivery_id > 1") == [(10,)]


async def test_messages_are_not_mixed(carrier: Carrier) -> None:
    await hand_over(carrier, *TEN[:3])
    await hand_over(carrier, *TEN[3:5])
    await carrier.until_states(State.DELIVERED, *[State.DELIVERED] * 5)
    assert carrier.hop.messages == 2


async def test_each_has_the_answer_that_it_got(carrier: Carrier) -> None:
    said = {"n1@": "550 5.1.1 no such user", "n2@": "450 4.2.1 Greylisted, try again later"}
    carrier.hop.answers["RCPT"] = lambda line: next((said[key] for key in said if key in line), "250 2.1.5 ok")
    await hand_over(carrier, *TEN[:4])
    await carrier.until_states(State.DELIVERED, State.DELIVERED, State.BOUNCED, State.QUEUED, State.DELIVERED)
    assert await carrier.rows(
        "SELECT stage, outcome, reply FROM attempt WHERE delivery_id > 1 ORDER BY delivery_id"
    ) == [
        ("dot", "delivered", "250 2.0.0 ok"),
        ("rcpt", "failed", "550 5.1.1 no such user"),
        ("rcpt", "deferred", "450 4.2.1 Greylisted, try again later"),
        ("dot", "delivered", "250 2.0.0 ok"),
    ]


@pytest.mark.parametrize(
    "reply", ["452 4.5.3 Too many recipients", "452 Error: too many recipients", "552 too many recipients"]
)
async def test_too_many_recipients_go_in_the_next_transaction_and_it_is_learnt(carrier: Carrier, reply: str) -> None:
    taken = 0

    def rcpt(_: str) -> str:
        nonlocal taken
        taken += 1
        return "250 2.1.5 ok" if taken <= 4 else reply

    def mail(_: str) -> str:
        nonlocal taken
        taken = 0
        return "250 2.1.0 ok"

    carrier.hop.answers |= {"RCPT": rcpt, "MAIL": mail}
    await hand_over(carrier, *TEN)
    await carrier.until_states(State.DELIVERED, *[State.DELIVERED] * 10)
    assert carrier.hop.messages == 3
    assert await carrier.rows("SELECT outcome, count(*) FROM attempt GROUP BY outcome") == [("delivered", 11)]
    refused = carrier.hop.counts["RCPT"] - 10
    assert refused == 6  # all of the first transaction; the next ones ask for no more than was taken
    assert await carrier.rows("SELECT count(*) FROM delivery WHERE attempts <> 1") == [(0,)]


async def test_a_group_has_no_more_recipients_than_is_set(place: Place) -> None:
    async with sharing(place, recipients=3) as carrier:
        await hand_over(carrier, *TEN)
        await carrier.until_states(State.DELIVERED, *[State.DELIVERED] * 10)
        assert carrier.hop.messages == 4


async def test_a_session_that_had_enough_is_followed_by_another_and_nobody_waits(place: Place) -> None:
    async with running(place, site_connections=1) as carrier:
        said = 0

        def mail(_: str) -> str:
            nonlocal said
            said += 1
            return "452 4.5.3 Too many messages in this session" if said % 3 == 0 else "250 2.1.0 ok"

        carrier.hop.answers["MAIL"] = mail
        await carrier.hand_over(*TEN)
        await carrier.until_states(*[State.DELIVERED] * 10)
        assert carrier.hop.connections >= 5
        assert await carrier.rows("SELECT outcome, count(*) FROM attempt GROUP BY outcome") == [("delivered", 10)]


async def test_a_lease_that_was_lost_lets_none_of_the_group_go(place: Place) -> None:
    async with sharing(place, site_connections=1) as carrier:

        async def lose(each: Claimed) -> None:
            now = carrier.clock.now()
            await carrier.store.write(lambda tx: leasing.sweep(tx, carrier.owner, now))

        carrier.before_prepare = lose
        await hand_over(carrier, *TEN[:3])
        await carrier.hop.until(lambda: carrier.hop.counts["DATA"] > 0 and carrier.hop.open == 0)
        await carrier.until_states(State.DELIVERED, *[State.QUEUED] * 3)
        assert carrier.hop.counts["DATA"] == 1  # it was asked for, and no content followed
        assert carrier.hop.kept == []

"""The scheduler and its courier: one carrier over a real store and real connections, with a clock that stands still.

Nothing polls by itself here: the store's clock moves only when a test moves it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from house_books import message
from house_carrier import PATIENCE, SETTINGS, Carrier, running
from house_hop import Hop
from house_process import free_port
from mail_shop import Place

from deliverability.reply import Reply
from mta.outbound import courier
from mta.outbound.connection import Connection
from mta.outbound.courier import CannotPrepare
from mta.outbound.outcome import Outgoing
from mta.ports import StoreFull, Tx
from mta.queue import leasing, queue, settling
from mta.queue.delivery import State, Stream
from mta.queue.queue import Claimed
from mta.routing.hops import Demand, Level
from mta.routing.routes import Host as Exchanger
from mta.routing.routes import NoRoute


@pytest.fixture
async def carrier(place: Place) -> AsyncIterator[Carrier]:
    async with running(place) as carrier:
        yield carrier


async def test_what_is_handed_over_leaves_and_its_fate_is_written(carrier: Carrier) -> None:
    await carrier.hand_over("ann@a.example", "bob@a.example")
    await carrier.until_states(State.DELIVERED, State.DELIVERED)
    assert sorted(carrier.hop.kept) == ["ann@a.example", "bob@a.example"]
    assert [each.state for each in carrier.followed] == [State.DELIVERED] * 2
    assert (
        await carrier.rows("SELECT outcome, reply, host FROM attempt")
        == [("delivered", "250 2.0.0 ok", "hop.example")] * 2
    )


async def test_connections_are_used_again_and_never_more_than_allowed(carrier: Carrier) -> None:
    await carrier.hand_over(*(f"n{number}@a.example" for number in range(60)))
    await carrier.until_states(*[State.DELIVERED] * 60)
    assert carrier.hop.most_open <= 3
    assert carrier.hop.connections <= 6


async def test_a_worn_connection_is_replaced(place: Place) -> None:
    async with running(place, connection_deliveries=5, site_connections=1) as carrier:
        await carrier.hand_over(*(f"n{number}@a.example" for number in range(12)))
        await carrier.until_states(*[State.DELIVERED] * 12)
        assert carrier.hop.connections == 3


async def test_transactional_mail_overtakes_bulk_that_came_before_it(place: Place) -> None:
    async with running(place, site_connections=1) as carrier:
        carrier.hop.gate.clear()
        await carrier.hand_over(*(f"bulk{number}@a.example" for number in range(40)), stream=Stream.MARKETING)
        await carrier.hop.until(lambda: carrier.hop.waiting == 1)
        await carrier.hand_over("code@a.example")
        carrier.hop.gate.set()
        await carrier.until("SELECT count(*) FROM delivery WHERE state < 10", (0,))
        assert carrier.hop.kept.index("code@a.example") < 10


async def test_a_site_that_cannot_be_reached_is_dialled_once_and_then_left_alone(carrier: Carrier) -> None:
    carrier.hop.answers["GREETING"] = lambda _: ""
    ids = await carrier.hand_over(*(f"n{number}@a.example" for number in range(9)))
    await carrier.until("SELECT count(*), count(*) FILTER (WHERE owner IS NULL) FROM delivery WHERE state = 0", (9, 9))
    await carrier.until("SELECT failures FROM site", (1,))
    carrier.scheduler.wake({"a.example"})
    await carrier.hand_over("later@a.example")
    assert carrier.hop.connections <= 3
    attempts = await carrier.rows("SELECT attempts FROM delivery WHERE id IN (SELECT delivery_id FROM attempt)")
    untouched = await carrier.rows("SELECT attempts FROM delivery WHERE id NOT IN (SELECT delivery_id FROM attempt)")
    assert 1 <= len(attempts) <= 3
    assert set(attempts) == {(1,)}, "only those that bear witness count an attempt"
    assert set(untouched) == {(0,)}
    assert len(ids) == 9

    del carrier.hop.answers["GREETING"]
    carrier.clock.advance(timedelta(minutes=2))
    carrier.scheduler.wake({"a.example"})
    await carrier.until_states(*[State.DELIVERED] * 10)
    await carrier.until("SELECT failures, retry_ms FROM site", (0, 0))


GRANTED = "250-hop\r\n250 PIPELINING"


@pytest.mark.parametrize(
    ("answers", "kept"),
    [
        ({"EHLO": GRANTED + "\r\n421 4.7.0 too many connections"}, "421 4.7.0 too many connections"),
        ({"EHLO": GRANTED + "\r\n250 extra"}, "451 4.5.0 the remote host broke the protocol: a reply to nothing: 250 extra"),
        ({"GREETING": "220 hop\r\n250 one\r\n250 two"},
         "451 4.5.0 the remote host broke the protocol: a reply to nothing: 250 two"),
    ],
)  # fmt: skip
async def test_a_host_that_says_more_than_it_was_asked_is_dialled_once_and_then_left_alone(
    carrier: Carrier, answers: dict[str, str], kept: str
) -> None:
    carrier.hop.answers |= {verb: lambda _, said=said: said for verb, said in answers.items()}
    await carrier.hand_over("ann@a.example")
    await carrier.until("SELECT outcome, reply FROM attempt", ("deferred", kept))
    await carrier.until("SELECT count(*) FROM site WHERE retry_ms > 0", (1,))
    await carrier.until_states(State.QUEUED)
    assert carrier.hop.connections == 1


async def test_a_fault_of_ours_while_opening_a_connection_makes_the_site_wait(
    carrier: Carrier, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[object] = []

    async def fall(*given: object, **_: object) -> None:
        calls.append(given)
        raise RuntimeError("planted")

    monkeypatch.setattr(Connection, "open", fall)
    await carrier.hand_over("ann@a.example")
    await carrier.until("SELECT outcome, reply FROM attempt", ("deferred", "451 4.3.0 a fault of ours: RuntimeError"))
    await carrier.until("SELECT failures FROM site", (1,))
    await carrier.until_states(State.QUEUED)
    assert len(calls) == 1
    assert [each.exc_info is not None for each in caplog.records if each.message == "connection failed"] == [True]

    monkeypatch.undo()
    carrier.clock.advance(timedelta(minutes=2))
    carrier.scheduler.wake({"a.example"})
    await carrier.until_states(State.DELIVERED)


async def test_a_fault_of_ours_over_an_answer_lets_no_delivery_fall_and_makes_the_site_wait(
    carrier: Carrier, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fall(*_: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(courier, "judge", fall)
    carrier.hop.answers["RCPT"] = lambda _: "550 5.1.1 no such user"
    await carrier.hand_over("ann@a.example")
    await carrier.until("SELECT outcome, reply FROM attempt", ("deferred", "451 4.3.0 a fault of ours: RuntimeError"))
    await carrier.until("SELECT failures FROM site", (1,))
    await carrier.until_states(State.QUEUED)
    assert carrier.hop.connections == 1
    assert [each.exc_info is not None for each in caplog.records if each.message == "connection failed"] == [True]


async def test_one_recipients_deferral_moves_that_delivery_alone(carrier: Carrier) -> None:
    carrier.hop.answers["RCPT"] = lambda line: "450 4.2.0 greylisted" if "later@" in line else "250 ok"
    await carrier.hand_over("later@a.example", "ann@a.example")
    await carrier.until_states(State.QUEUED, State.DELIVERED)
    [(due, reply)] = await carrier.rows("SELECT due_ms - created_ms, last_reply FROM delivery WHERE id = 1")
    assert 300_000 <= due <= 600_000
    assert reply == "450 4.2.0 greylisted"
    assert await carrier.rows("SELECT * FROM site") == []


async def test_a_refusal_ends_a_delivery_and_is_told_in_the_same_commit(carrier: Carrier) -> None:
    carrier.hop.answers["RCPT"] = lambda _: "550 5.1.1 no such user"
    await carrier.hand_over("nobody@a.example")
    await carrier.until_states(State.BOUNCED)
    assert [(each.state, each.stage, each.reply) for each in carrier.followed] == [
        (State.BOUNCED, "rcpt", "550 5.1.1 no such user")
    ]


async def test_a_lost_answer_is_in_doubt_and_stays_so_until_somebody_settles_it(carrier: Carrier) -> None:
    carrier.hop.answers["DOT"] = lambda _: ""
    await carrier.hand_over("ann@a.example")
    await carrier.until_states(State.IN_DOUBT)
    assert await carrier.rows("SELECT delivery_id, why, settled FROM doubt") == [(1, "answer lost", None)]


async def test_a_message_that_must_not_leave_unsigned_waits_and_the_next_one_goes(carrier: Carrier) -> None:
    carrier.refuses["ann@a.example"] = CannotPrepare("the key of shop.example can't be read")
    await carrier.hand_over("ann@a.example", "bob@a.example")
    await carrier.until_states(State.QUEUED, State.DELIVERED)
    assert carrier.hop.kept == ["bob@a.example"]
    [(reply,)] = await carrier.rows("SELECT last_reply FROM delivery WHERE id = 1")
    assert reply == "451 4.3.0 the key of shop.example can't be read"


async def test_a_fault_of_ours_defers_its_delivery_and_no_other(carrier: Carrier) -> None:
    carrier.refuses["ann@a.example"] = ZeroDivisionError()
    await carrier.hand_over("ann@a.example", "bob@a.example")
    await carrier.until_states(State.QUEUED, State.DELIVERED)
    [(reply, owner)] = await carrier.rows("SELECT last_reply, owner FROM delivery WHERE id = 1")
    assert (reply, owner) == ("451 4.3.0 a fault of ours: ZeroDivisionError", None)


async def test_no_mark_no_dot(carrier: Carrier, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full when the mark should be written: nothing leaves, and the delivery is given back untouched."""
    real = settling.mark_dot

    def full(tx: Tx, delivery_id: int, owner: int) -> bool:
        raise StoreFull("no room")

    monkeypatch.setattr(settling, "mark_dot", full)
    await carrier.hand_over("ann@a.example")
    await carrier.hop.until(lambda: carrier.hop.connections > 0 and carrier.hop.open == 0)
    await carrier.until("SELECT state, attempts, owner FROM delivery", (0, 0, None))
    assert carrier.hop.kept == []
    monkeypatch.setattr(settling, "mark_dot", real)
    carrier.scheduler.wake({"a.example"})
    await carrier.until_states(State.DELIVERED)


async def test_a_lease_that_was_lost_stops_the_dot(carrier: Carrier) -> None:
    held = asyncio.Event()
    prepare = carrier.prepare

    async def slowly(each: Claimed, content: bytes) -> Outgoing:
        await held.wait()
        return await prepare(each, content)

    carrier.scheduler.courier._prepare = slowly
    await carrier.hand_over("ann@a.example")
    await carrier.until("SELECT state FROM delivery", (1,))
    await carrier.store.write(lambda tx: leasing.sweep(tx, carrier.owner, carrier.clock.now()))
    held.set()
    await carrier.hop.until(lambda: carrier.hop.connections == 1 and carrier.hop.open == 0)
    assert carrier.hop.kept == []
    await carrier.until("SELECT state, owner FROM delivery", (0, None))


async def test_what_was_suppressed_while_it_waited_does_not_leave(carrier: Carrier) -> None:
    carrier.suppressed.add("ann@a.example")
    await carrier.hand_over("ann@a.example", "bob@a.example")
    await carrier.until_states(State.BOUNCED, State.DELIVERED)
    assert carrier.hop.kept == ["bob@a.example"]


async def test_a_domain_that_takes_no_mail_bounces_all_that_waits_for_it(carrier: Carrier) -> None:
    carrier.roads.by_domain["null.example"] = NoRoute(Reply.parse("556 5.1.10 null.example does not accept mail"))
    await carrier.hand_over(*(f"n{number}@null.example" for number in range(3)), "ann@a.example")
    await carrier.until_states(*[State.BOUNCED] * 3, State.DELIVERED)
    assert {each.reply for each in carrier.followed if each.state is State.BOUNCED} == {
        "556 5.1.10 null.example does not accept mail"
    }


async def test_a_domain_that_cannot_be_looked_up_waits_and_nobody_waits_with_it(carrier: Carrier) -> None:
    carrier.roads.by_domain["lost.example"] = NoRoute(Reply.parse("451 4.4.3 DNS says nothing"))
    await carrier.hand_over("ann@lost.example", "ann@a.example")
    await carrier.until_states(State.QUEUED, State.DELIVERED)
    await carrier.until("SELECT site FROM destination WHERE domain = 'lost.example'", ("unresolved:lost.example",))


async def test_a_slow_look_up_holds_up_nobody_but_its_own_domain(carrier: Carrier) -> None:
    carrier.roads.is_open.clear()
    await carrier.hand_over("ann@slow.example", "ann@a.example")
    await carrier.until_states(State.QUEUED, State.DELIVERED)
    carrier.roads.is_open.set()
    await carrier.until_states(State.DELIVERED, State.DELIVERED)


async def test_domains_with_one_exchanger_share_its_connections(carrier: Carrier) -> None:
    await carrier.hand_over(*(f"ann@d{number}.example" for number in range(30)))
    await carrier.until_states(*[State.DELIVERED] * 30)
    assert carrier.hop.most_open <= 3


async def test_many_domains_of_a_site_that_waits_do_not_hide_the_others(
    carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A poll looks at so many domains; those of a site that is backing off must not be all that it ever sees."""
    monkeypatch.setattr("mta.outbound.due.DUE_MAX", 5)
    async with Hop() as dead:
        dead.answers["GREETING"] = lambda _: "421 4.3.2 later"
        for number in range(12):
            carrier.roads.by_domain[f"d{number}.dead.example"] = dead.route("dead")
        now = carrier.clock.now()
        for domain in [*(f"d{number}.dead.example" for number in range(12)), "alive.example"]:
            await carrier.store.write(
                lambda tx, domain=domain: queue.enqueue(tx, message(f"ann@{domain}"), now, SETTINGS)
            )
        for _ in range(12):
            await carrier.poll()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.3):  # for what the poll has found
                    await carrier.hop.until(lambda: bool(carrier.hop.kept))
        await carrier.hop.until(lambda: bool(carrier.hop.kept))  # of what was seen by now, on a slow machine too
        assert carrier.hop.kept == ["ann@alive.example"]


async def test_many_domains_of_a_busy_site_do_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mta.outbound.due.DUE_MAX", 5)
    async with running(tmp_path, site_connections=1) as carrier, Hop() as busy:
        busy.gate.clear()
        for number in range(20):
            carrier.roads.by_domain[f"d{number}.busy.example"] = busy.route("busy")
        now = carrier.clock.now()
        for domain in [*(f"d{number}.busy.example" for number in range(20)), "the-living.example"]:
            await carrier.store.write(
                lambda tx, domain=domain: queue.enqueue(tx, message(f"ann@{domain}"), now, SETTINGS)
            )
        for _ in range(12):
            await carrier.poll()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.3):  # for what the poll has found
                    await carrier.hop.until(lambda: bool(carrier.hop.kept))
        await carrier.hop.until(lambda: bool(carrier.hop.kept))  # of what was seen by now, on a slow machine too
        assert carrier.hop.kept == ["ann@the-living.example"]
        busy.gate.set()
        await carrier.until_states(*[State.DELIVERED] * 21)


async def test_draining_finishes_what_is_open_and_gives_the_rest_back(place: Place) -> None:
    async with running(place, site_connections=1) as carrier:
        carrier.hop.gate.clear()
        await carrier.hand_over("one@a.example", "two@a.example", "three@a.example")
        await carrier.hop.until(lambda: carrier.hop.waiting == 1)
        draining = asyncio.create_task(carrier.scheduler.drain(PATIENCE))
        await carrier.until("SELECT count(*) FROM delivery WHERE state = 0 AND owner IS NULL", (2,))
        carrier.hop.gate.set()
        await draining
        await carrier.until("SELECT count(*) FROM delivery WHERE state = 10", (1,))
        assert len(carrier.hop.kept) == 1


async def test_a_drain_that_takes_too_long_leaves_a_mark_that_says_so(place: Place) -> None:
    async with running(place, site_connections=1) as carrier:
        carrier.hop.gate.clear()
        await carrier.hand_over("one@a.example")
        await carrier.hop.until(lambda: carrier.hop.waiting == 1)
        await carrier.scheduler.drain(0.05)
        await carrier.until_states(State.AT_THE_DOT)
        await carrier.store.write(lambda tx: leasing.sweep(tx, carrier.owner, carrier.clock.now()))
        await carrier.until_states(State.IN_DOUBT)


async def test_one_message_that_breaks_its_connection_waits_alone_and_the_others_arrive(carrier: Carrier) -> None:
    carrier.hop.answers["RCPT"] = lambda line: "250 " + "x" * 5000 if "poison@" in line else "250 ok"
    await carrier.hand_over("poison@a.example", *(f"n{number}@a.example" for number in range(10)))
    await carrier.until("SELECT count(*) FROM delivery WHERE state = 10", (10,))
    await carrier.until("SELECT state FROM delivery WHERE id = 1", (int(State.QUEUED),))
    [(due,)] = await carrier.rows("SELECT due_ms - created_ms FROM delivery WHERE id = 1")
    assert due >= 300_000
    assert await carrier.rows("SELECT * FROM site WHERE failures > 0") == []


async def test_two_messages_that_break_their_connections_are_the_sites_trouble(tmp_path: Path) -> None:
    async with running(tmp_path, site_connections=1) as carrier:
        carrier.hop.answers["RCPT"] = lambda _: "250 " + "x" * 5000
        await carrier.hand_over("ann@a.example", "bob@a.example", "cid@a.example")
        await carrier.until("SELECT failures FROM site", (1,))
        await carrier.until("SELECT count(*) FROM attempt", (2,))


async def test_a_site_that_finds_every_connection_in_use_is_served_when_one_ends(tmp_path: Path) -> None:
    async with running(tmp_path, connections=1) as carrier:
        carrier.roads.by_domain["b.example"] = carrier.hop.route("other")
        await carrier.hand_over("ann@a.example", "bob@b.example", "cid@a.example", "dan@b.example")
        await carrier.until_states(*[State.DELIVERED] * 4)
        assert carrier.hop.most_open == 1


async def test_mail_that_asks_for_more_than_the_site_has_waits_by_itself_and_says_why(carrier: Carrier) -> None:
    strict = replace(carrier.hop.route(), demand=Demand(Level.ENCRYPT, "routing.tls"))
    carrier.roads.by_domain["strict.example"] = strict
    await carrier.hand_over("ann@strict.example", "bob@plain.example", "carl@strict.example", "dan@plain.example")
    await carrier.until(
        "SELECT outcome, stage, count(*) FROM attempt GROUP BY 1, 2 ORDER BY 1",
        ("deferred", "starttls", 2), ("delivered", "dot", 2),
    )  # fmt: skip
    assert sorted(carrier.hop.kept) == ["bob@plain.example", "dan@plain.example"]
    [(reply,), _] = await carrier.rows("SELECT reply FROM attempt WHERE outcome = 'deferred'")
    assert reply.startswith("451 4.7.4 routing.tls demands encrypt, and hop.example is not so: TLS is required")
    assert await carrier.rows("SELECT count(*) FROM delivery WHERE state = 0 AND due_ms > created_ms + 60000") == [(2,)]
    assert await carrier.rows("SELECT count(*) FROM site WHERE retry_ms > 0") == [(0,)]


async def test_the_reason_that_is_kept_is_that_of_the_host_where_we_came_furthest(carrier: Carrier) -> None:
    carrier.hop.answers["GREETING"] = lambda _: "451 4.3.0 not now"
    route = carrier.hop.route()
    carrier.roads.anywhere = replace(route, hosts=(*route.hosts, Exchanger("dead.example", "127.0.0.1", free_port())))
    await carrier.hand_over("ann@a.example")
    await carrier.until("SELECT stage, reply, host FROM attempt", ("greeting", "451 4.3.0 not now", "hop.example"))

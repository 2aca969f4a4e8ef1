"""Flows that run: events, time and mail, on a real store with real templates."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flow_house import ANN, FlowHouse

from engine.audience.contacts import facts_of
from mta.ports import StoreBusy, Tx

THANKS = Path("templates/flows/order-thanks.yaml").read_text(encoding="utf-8")
CART = (
    Path("templates/flows/abandoned-cart.yaml")
    .read_text(encoding="utf-8")
    .replace("stream: marketing", "stream: transactional")
)
LINES = [{"name": "Teapot", "quantity": 1, "price": 42.5}]

Make = Callable[..., FlowHouse]


@pytest.fixture
async def make(tmp_path: Path, places: Callable[[], Path | str]) -> AsyncIterator[Make]:
    houses: list[FlowHouse] = []

    def build(flow: str, **more: object) -> FlowHouse:
        houses.append(FlowHouse(tmp_path / str(len(houses)), flow, place=places(), **more))  # type: ignore[arg-type]
        return houses[-1]

    (tmp_path / "0").mkdir()
    yield build
    for house in houses:
        house.store.close()


def order(number: str = "A-1", total: float = 30) -> dict[str, object]:
    return {"number": number, "total": total, "currency": "EUR", "lines": LINES}


def cart(cart_id: str = "c1", total: float = 30, **more: object) -> dict[str, object]:
    return {"cart_id": cart_id, "total": total, "currency": "EUR", "lines": LINES, **more}


# -- a life


async def test_an_order_is_thanked_for_after_two_hours_and_a_review_is_asked_ten_days_later(make: Make) -> None:
    house = make(THANKS)
    house.tell("order.placed", **order())
    await house.settle()
    assert house.mails == []
    await house.later(hours=1, minutes=59)
    assert house.mails == []
    await house.later(minutes=1)
    assert house.mails == [(ANN, "order-thanks")]
    assert house.woken == ["example.org"]
    await house.later(days=10)
    assert house.mails == [(ANN, "order-thanks"), (ANN, "review-request")]
    assert house.path == [
        "trigger: order.placed", "wait-2h: waits", "is-gold: else", "order-thanks: delivery asked", "wait-10d: waits",
        "review-request: delivery asked",
    ]  # fmt: skip
    assert house.enrolments == [("A-1", "", "ended", "completed")]
    assert house.alarms == []


async def test_a_branch_is_answered_with_evidence(make: Make) -> None:
    house = make(THANKS.replace("contact.orders.count >= 3", "event.total >= 100"))
    house.tell("order.placed", **order(total=150))
    await house.settle()
    await house.later(hours=2)
    assert house.mails == [(ANN, "order-thanks-gold")]
    ((detail,),) = house.rows("SELECT detail FROM passage WHERE step = 'is-gold'")
    assert json.loads(detail)["values"]["event.total"] == 150


async def test_step_and_mail_and_state_tell_of_each_other(make: Make) -> None:
    house = make(THANKS)
    house.tell("order.placed", **order())
    await house.settle()
    await house.later(hours=2)
    ((message_id, contact, enrolment, flow, step, occurrence),) = house.rows(
        "SELECT message_id, contact_id, enrolment_id, flow, step, occurrence FROM sending"
    )
    assert (contact, enrolment, flow, step, occurrence) == (1, 1, "order-thanks", "order-thanks", 1)
    ((origin, reverse_path, subject),) = house.rows(
        "SELECT origin, reverse_path, subject FROM message WHERE id = ?", message_id
    )
    assert (origin, reverse_path) == ("flow", "hello@shop.example") and "A-1" in subject
    ((detail,),) = house.rows("SELECT detail FROM passage WHERE step = 'order-thanks'")
    assert json.loads(detail)["message"] == message_id


# -- who enters


async def test_who_does_not_meet_the_condition_does_not_enter(make: Make) -> None:
    house = make(THANKS)
    house.tell("order.placed", **order(total=19.99))
    house.tell("order.placed", number="A-2")
    house.tell("order.paid", **order())
    house.tell("order.placed", None, **order())
    await house.settle()
    assert house.enrolments == []
    assert house.rows("SELECT count(*) FROM event WHERE matched = 0") == [(0,)]


async def test_what_happened_long_before_it_was_told_begins_nothing_and_renews_nothing(make: Make) -> None:
    house = make(CART)
    house.tell("cart.updated", **cart())
    await house.settle()
    house.tell("cart.updated", at=house.clock.now() - timedelta(days=8), **cart(total=99))
    house.tell("cart.updated", at=house.clock.now() - timedelta(days=8), **cart("c2"))
    house.tell("cart.updated", at=house.clock.now() - timedelta(days=6), **cart("c3"))
    await house.settle()
    runs = house.rows("SELECT run_key, data FROM enrolment ORDER BY run_key")
    assert [(key, json.loads(data)["total"]) for key, data in runs] == [("c1", 30), ("c3", 30)]


async def test_a_cart_s_reminder_of_the_day_before_yesterday_is_left_out_and_the_next_mail_comes_in_its_time(
    make: Make,
) -> None:
    house = make(CART)
    house.tell("cart.updated", **cart())
    await house.settle()
    await house.later(days=2)  # nobody was at work meanwhile
    assert house.mails == [] and any("late" in each for each in house.path)
    await house.later(days=1)
    assert house.mails == [(ANN, "cart-help")]


async def test_each_key_is_a_run_of_its_own_and_never_runs_twice(make: Make) -> None:
    house = make(THANKS)
    for number in ("A-1", "A-2", "A-1"):
        house.tell("order.placed", **order(number))
    await house.settle()
    assert [row[0] for row in house.enrolments] == ["A-1", "A-2"]
    await house.later(days=11)
    await house.later(days=11)
    house.tell("order.placed", **order("A-1"))
    await house.settle()
    assert [row[0] for row in house.enrolments] == ["A-1", "A-2"]


async def test_reentry_after_a_while_is_counted_from_entering(make: Make) -> None:
    house = make(CART)
    house.tell("cart.updated", **cart())
    await house.settle()
    await house.later(hours=1)
    house.tell("order.placed", **order())
    await house.settle()
    house.tell("cart.updated", **cart())
    await house.settle()
    assert len(house.enrolments) == 1
    await house.later(days=6, hours=23)
    house.tell("cart.updated", **cart())
    await house.settle()
    assert [row[3] for row in house.enrolments] == ["goal", None]


async def test_reentry_always_begins_anew_when_the_run_before_has_ended(make: Make) -> None:
    house = make("name: f\nstream: transactional\ntrigger: {event: ping}\nreentry: always\nsteps: [exit]")
    for _ in range(3):
        house.tell("ping")
        await house.settle()
    assert [row[3] for row in house.enrolments] == ["exit"] * 3


async def test_two_flows_may_have_the_same_trigger(make: Make) -> None:
    house = make(THANKS)
    house.apply(THANKS.replace("name: order-thanks", "name: second"))
    house.tell("order.placed", **order())
    await house.settle()
    assert len(house.enrolments) == 2


# -- renewing


async def test_a_newer_event_with_the_same_key_replaces_the_data_and_restarts_no_wait(make: Make) -> None:
    house = make(CART)
    house.tell("cart.updated", **cart(total=30))
    await house.settle()
    await house.later(minutes=50)
    house.tell("cart.updated", **cart(total=99, url="https://shop.example/cart"))
    await house.settle()
    assert [data["total"] for data in house.data()] == [99]
    await house.later(minutes=10)
    assert house.mails == [(ANN, "cart-reminder")]


async def test_an_emptied_cart_is_seen_although_it_would_not_let_anybody_in(make: Make) -> None:
    house = make(CART)
    house.tell("cart.updated", **cart())
    await house.settle()
    house.tell("cart.updated", **cart(total=0) | {"lines": []})
    await house.settle()
    await house.later(hours=1)
    assert house.mails == []
    assert house.path[-2:] == ["still-full: else", "exit-2: the cart is empty"]


# -- goals and exits


async def test_a_goal_ends_the_run(make: Make) -> None:
    house = make(CART)
    house.tell("cart.updated", **cart())
    await house.settle()
    house.tell("order.placed", **order())
    await house.settle()
    await house.later(hours=2)
    assert house.mails == []
    assert house.enrolments == [("c1", "still-full", "ended", "goal")]
    assert house.path[-1] == "goal: order.placed"


async def test_an_order_committed_in_the_due_second_wins(make: Make) -> None:
    house = make(CART)
    house.tell("cart.updated", **cart())
    await house.settle()
    house.clock.advance(timedelta(hours=1))
    house.tell("order.placed", **order())
    assert await house.runners[0].move() == 0  # due, planned, and left: an event of Ann's was not looked at
    await house.settle()
    assert house.mails == [] and house.enrolments[0][3] == "goal"


async def test_a_goal_that_comes_too_late_is_none(make: Make) -> None:
    flow = CART.replace("wait: 1d", "wait: 9d")
    house = make(flow)
    house.tell("cart.updated", **cart())
    await house.settle()
    await house.later(days=5, minutes=1)
    house.tell("order.placed", **order())
    await house.settle()
    assert house.enrolments[0][2] == "waiting"


async def test_an_order_of_before_the_cart_ends_no_run_whenever_it_is_told(make: Make) -> None:
    house = make(CART)
    house.tell("cart.updated", **cart())
    await house.settle()
    house.tell("order.placed", at=house.clock.now() - timedelta(days=1), **order("A-0"))
    house.tell("order.placed", at=house.clock.now() - timedelta(days=2000), **order("A-1"))
    await house.settle()
    assert house.enrolments[0][2] == "waiting"


@pytest.mark.parametrize("text", [CART, CART.replace("  key: event.cart_id", "  key: event.cart_id\n  restart: true")])
async def test_an_older_cart_that_is_told_later_replaces_nothing_and_restarts_nothing(make: Make, text: str) -> None:
    house, asked = make(text), "SELECT data, occurrence, due_ms FROM enrolment"
    house.tell("cart.updated", **cart())
    await house.settle()
    before = house.rows(asked)
    house.clock.advance(timedelta(minutes=5))
    house.tell("cart.updated", at=house.clock.now() - timedelta(hours=2), **cart(total=21))
    await house.settle()
    assert house.rows(asked) == before
    house.tell("cart.updated", at=house.clock.now() - timedelta(minutes=1), **cart(total=22))
    await house.settle()
    data, occurrence, _ = house.rows(asked)[0]
    assert json.loads(data)["total"] == 22 and occurrence == (2 if "restart" in text else 1)


async def test_an_order_that_followed_the_cart_ends_its_run_though_both_were_told_late(make: Make) -> None:
    house = make(CART)
    house.tell("cart.updated", at=house.clock.now() - timedelta(minutes=9), **cart())
    await house.settle()
    house.tell("order.placed", at=house.clock.now() - timedelta(minutes=8), **order())
    await house.settle()
    assert house.enrolments[0][3] == "goal"


async def test_what_happened_before_a_run_began_is_not_what_it_waits_for(make: Make) -> None:
    house = make(
        "name: paid\ntitle: T\nabout: A\nstream: transactional\ntrigger: {event: my.begun}\nsteps:\n"
        "  - wait: {for: {event: my.paid}, timeout: 2d}\n    then: [{tag: paid}]\n"
    )
    house.tell("my.begun")
    await house.settle()
    house.tell("my.paid", at=house.clock.now() - timedelta(days=2000))
    house.tell("my.paid", at=house.clock.now() - timedelta(hours=1))
    await house.settle()
    assert house.enrolments[0][2] == "waiting"
    house.tell("my.paid")
    await house.settle()
    assert house.enrolments[0][2] == "ended" and house.rows("SELECT tag FROM tag") == [("paid",)]


async def test_a_goal_with_a_condition_ends_only_the_runs_it_meets(make: Make) -> None:
    house = make(THANKS)
    house.tell("order.placed", **order("A-1"))
    house.tell("order.placed", **order("A-2"))
    await house.settle()
    house.tell("review.posted", order="A-2")
    await house.settle()
    assert [(row[0], row[2]) for row in house.enrolments] == [("A-1", "waiting"), ("A-2", "ended")]


async def test_a_goal_of_somebody_else_ends_nothing(make: Make) -> None:
    house = make(CART)
    house.tell("cart.updated", **cart())
    house.tell("order.placed", "bob@example.org", **order())
    await house.settle()
    assert house.enrolments[0][2] == "waiting"


async def test_the_exit_condition_is_asked_again_at_every_turn(make: Make) -> None:
    house = make(THANKS)
    house.tell("order.placed", **order())
    await house.settle()
    house.do("INSERT INTO tag (contact_id, tag, at_ms) VALUES (1, 'no-thanks', 0)")
    await house.later(hours=2)
    assert house.mails == [] and house.enrolments == [("A-1", "", "ended", "exit")]
    assert house.path[-1] == "exit: 'no-thanks' in contact.tags holds"


# -- pausing, versions, refusals


async def test_who_triggers_a_paused_flow_enters_and_waits(make: Make) -> None:
    house = make(THANKS)
    house.set_state("order-thanks", "paused")
    house.tell("order.placed", **order())
    await house.settle()
    await house.later(days=1)
    assert house.enrolments == [("A-1", "wait-2h", "waiting", None)] and house.mails == []
    house.set_state("order-thanks", "active")
    await house.settle()
    await house.later(hours=2)
    assert house.mails == [(ANN, "order-thanks")]


async def test_an_archived_flow_takes_nobody(make: Make) -> None:
    house = make(THANKS)
    house.set_state("order-thanks", "archived")
    house.tell("order.placed", **order())
    await house.settle()
    assert house.enrolments == []


async def test_who_is_in_stays_on_the_version_they_entered(make: Make) -> None:
    house = make(THANKS)
    house.tell("order.placed", **order("A-1"))
    await house.settle()
    house.apply(THANKS.replace("- wait: 2h", "- wait: 5h"))
    house.tell("order.placed", **order("A-2"))
    await house.settle()
    await house.later(hours=2)
    assert len(house.mails) == 1
    await house.later(hours=3)
    assert len(house.mails) == 2
    assert house.rows("SELECT count(*) FROM flow_version") == [(2,)]


async def test_a_refused_mail_is_recorded_and_the_run_goes_on(make: Make) -> None:
    house = make(CART.replace("stream: transactional", "stream: marketing"))  # Ann never said yes to marketing
    house.tell("cart.updated", **cart())
    await house.settle()
    await house.later(hours=1)
    assert house.mails == []
    assert "reminder: refused: no confirmed subscription" in house.path
    await house.later(days=1)
    await house.later(hours=12)
    assert "help: refused: no confirmed subscription" in house.path


# -- what goes wrong


async def test_a_template_that_fails_holds_its_run_and_stops_nobody_else(make: Make) -> None:
    house = make(THANKS)
    house.apply(
        THANKS.replace("name: order-thanks", "name: broken").replace("send: order-thanks\n", "send: no-such-mail\n")
    )
    house.tell("order.placed", **order())
    await house.settle()
    await house.later(hours=2)
    assert house.mails == [(ANN, "order-thanks")]
    assert [row[1] for row in house.enrolments] == ["review-request", "no-such-mail"]
    assert len(house.alarms) == 1 and "no-such-mail" in house.alarms[0]
    assert not any(each.startswith("no-such-mail") for each in house.path)
    await house.later(minutes=15)
    assert len(house.alarms) == 2 and len(house.mails) == 1


async def test_an_event_that_nobody_can_look_at_is_set_aside(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def facts(tx: Tx, ids: list[int], list_id: int) -> dict[int, dict[str, Any]]:
        found = facts_of(tx, ids, list_id)
        if any(each["address"] == "eve@example.org" for each in found.values()):
            raise ZeroDivisionError("poison")
        return found

    monkeypatch.setattr("engine.running.facts.facts_of", facts)
    house = make(THANKS)
    bad = house.tell("order.placed", "eve@example.org", **order("E-1"))
    house.tell("order.placed", **order("A-1"))
    await house.settle()
    assert [row[0] for row in house.enrolments] == ["A-1"]
    assert house.rows("SELECT matched FROM event WHERE id = ?", bad) == [(2,)]
    assert "set aside: poison" in house.alarms[0]


async def test_a_run_that_cant_be_committed_is_held_and_the_others_move(make: Make) -> None:
    def gate(tx: Tx, key: str, stream: object, list_id: int) -> str:
        if key.startswith("eve"):
            raise ZeroDivisionError("no answer")
        return ""

    house = make(THANKS, gate=gate)
    house.tell("order.placed", "eve@example.org", **order())
    house.tell("order.placed", **order())
    await house.settle()
    await house.later(hours=2)
    assert house.mails == [(ANN, "order-thanks")]
    assert "is held: no answer" in house.alarms[0]
    assert house.enrolments[0][2] == "waiting"


async def test_a_contact_that_is_gone_ends_the_run(make: Make) -> None:
    house = make(THANKS)
    house.tell("order.placed", **order())
    await house.settle()
    house.do("DELETE FROM contact")
    await house.later(hours=2)
    assert house.enrolments == [("A-1", "is-gold", "ended", "failed")]


async def test_a_version_that_this_program_cant_read_holds_its_runs(make: Make) -> None:
    house = make(THANKS)
    house.tell("order.placed", **order())
    await house.settle()
    house.do("UPDATE flow_version SET source = 'holdout: 10%'")
    newer = house.runner()
    house.clock.advance(timedelta(hours=2))
    await newer.turn()
    assert house.mails == [] and house.enrolments[0][2] == "waiting"
    assert any("can't be read" in alarm for alarm in house.alarms)


# -- many runners


async def test_two_runners_that_race_write_each_mail_once(make: Make) -> None:
    house = make(THANKS, runners=2, greedy=True)
    for number in range(30):
        house.tell("order.placed", f"p{number}@example.org", **order(f"N-{number}"))
    await asyncio.gather(*(runner.turn() for runner in house.runners))
    await house.settle()
    house.clock.advance(timedelta(hours=2))
    for _ in range(4):
        await asyncio.gather(*(runner.turn() for runner in house.runners))
    await house.settle()
    assert sorted(house.mails) == sorted((f"p{number}@example.org", "order-thanks") for number in range(30))
    assert house.alarms == []


async def test_a_share_is_ones_own_until_it_is_overdue(make: Make) -> None:
    house = make(THANKS, runners=2)
    for number in range(4):
        house.tell("order.placed", f"p{number}@example.org", **order(f"N-{number}"))
    await house.settle()
    house.clock.advance(timedelta(hours=2))
    assert await house.runners[0].move() == 2
    house.clock.advance(timedelta(seconds=5))
    assert await house.runners[0].move() == 2


async def test_the_runner_runs_until_it_is_cancelled_and_wakes_when_told(make: Make) -> None:
    house = make("name: f\nstream: transactional\ntrigger: {event: ping}\nsteps: [{send: order-thanks}]")
    running = asyncio.create_task(house.runners[0].run())
    await asyncio.sleep(0)
    house.tell("ping", **order())
    house.runners[0].wake()
    async with asyncio.timeout(60):
        await house.was_woken.wait()
    assert house.mails == [(ANN, "order-thanks")]
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert running.cancelled()


async def test_a_store_in_trouble_is_waited_for(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    house = make(THANKS)
    house.tell("order.placed", **order())
    real, failures = house.store.write, 1

    async def write(work: Callable[[Tx], object]) -> object:
        nonlocal failures
        if failures:
            failures -= 1
            raise StoreBusy("another process holds the database")
        return await real(work)

    monkeypatch.setattr(house.store, "write", write)
    with pytest.raises(StoreBusy):
        await house.runners[0].turn()
    await house.settle()
    assert len(house.enrolments) == 1


async def test_the_next_due_time_is_told(make: Make) -> None:
    house = make(THANKS)
    assert await house.runners[0].next_due() is None
    house.tell("order.placed", **order())
    await house.settle()
    assert await house.runners[0].next_due() == house.clock.now() + timedelta(hours=2)
    house.set_state("order-thanks", "paused")
    assert await house.runners[0].next_due() is None

"""People under way who are moved to another version of their flow: nobody twice, nobody lost, whatever crashes."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from flow_house import ANN, FlowHouse

from engine.flow.definition import Definition, check
from engine.running import history, moving
from engine.running.book import apply_flow, set_flow_state
from mta.ports import Tx

HEAD = "name: f\nstream: transactional\ntrigger: {event: cart.updated, key: event.cart_id}\nreentry: always\n"
OLD = (
    HEAD
    + """\
steps:
  - send: cart-reminder
    id: first
  - wait: 1d
  - send: review-request
    id: second
"""
)
CART = {"total": 30, "currency": "EUR", "lines": [{"name": "Teapot", "quantity": 1, "price": 30}]}
Make = Callable[..., FlowHouse]


@pytest.fixture
async def make(tmp_path: Path, places: Callable[[], Path | str]) -> AsyncIterator[Make]:
    houses: list[FlowHouse] = []

    def build(flow: str = OLD, **more: object) -> FlowHouse:
        folder = tmp_path / str(len(houses))
        folder.mkdir()
        houses.append(FlowHouse(folder, flow, place=places(), **more))  # type: ignore[arg-type]
        return houses[-1]

    yield build
    for house in houses:
        house.store.close()


async def crowd(house: FlowHouse, count: int) -> None:
    """So many carts, each reminded of and waiting for the second mail."""
    for number in range(count):
        house.tell("cart.updated", f"p{number % 7}@example.org", cart_id=f"c{number}", **CART)
    await house.settle()


def begin(house: FlowHouse, flow: str, *, leaves: bool = False, **mapping: str) -> int:
    """Apply this text and begin to move; the errand."""
    definition = check(flow, "f.yaml")
    assert isinstance(definition, Definition), [str(each) for each in definition]
    now = house.clock.now()

    def work(tx: Tx) -> int:
        applied = apply_flow(tx, definition, flow, now, operator="olga")
        return moving.begin(tx, applied.flow_id, applied.version_id, "olga", now, mapping=mapping, leaves=leaves)

    return house.store.write_now(work)


def finish(house: FlowHouse) -> None:
    """As the janitor does it."""
    mover = moving.Mover()
    while house.store.read_now(lambda tx: mover.is_due(tx, house.clock.now())):
        house.store.write_now(lambda tx: mover.move_some(tx, house.clock.now()))


def figures(house: FlowHouse, errand: int) -> tuple[int, int, int]:
    found = house.store.read_now(lambda tx: moving.figures(tx, errand))
    assert found.is_over
    return found.moved, found.stayed, found.gone


async def test_who_waits_goes_on_in_the_new_version_at_the_same_time(make: Make) -> None:
    house = make()
    house.tell("cart.updated", cart_id="c1", **CART)
    await house.settle()
    errand = begin(house, OLD.replace("send: review-request", "send: order-thanks"))
    finish(house)
    assert figures(house, errand) == (1, 0, 0)
    await house.later(hours=23)
    assert house.mails == [(ANN, "cart-reminder")]
    await house.later(hours=1)
    assert house.mails == [(ANN, "cart-reminder"), (ANN, "order-thanks")]
    assert house.alarms == []


async def test_a_mapped_step_is_waited_for_until_the_same_time(make: Make) -> None:
    house = make()
    await crowd(house, 1)
    errand = begin(house, OLD.replace("id: second", "id: later"), second="later")
    finish(house)
    assert figures(house, errand) == (1, 0, 0)
    await house.later(hours=23)
    assert [template for _, template in house.mails] == ["cart-reminder"]
    await house.later(hours=1)
    assert [template for _, template in house.mails] == ["cart-reminder", "review-request"]
    assert house.alarms == []


WAITS = (
    HEAD + "steps:\n  - {wait: {for: {event: my.yes}, timeout: 1d}, id: wish}\n  - {send: review-request, id: mail}\n"
)


async def test_who_waits_for_an_event_goes_on_waiting_for_it_under_another_name(make: Make) -> None:
    house = make(WAITS)
    await crowd(house, 2)
    errand = begin(house, WAITS.replace("id: wish", "id: hope"), wish="hope")
    finish(house)
    assert figures(house, errand) == (2, 0, 0)
    house.tell("my.yes", "p0@example.org")
    await house.settle()
    assert [address for address, _ in house.mails] == ["p0@example.org"]
    await house.later(days=1)
    assert [address for address, _ in house.mails] == ["p0@example.org", "p1@example.org"]


async def test_who_waits_for_an_event_and_is_mapped_to_a_mail_gets_it_at_once(make: Make) -> None:
    house = make(WAITS)
    await crowd(house, 1)
    begin(house, HEAD + "steps:\n  - {send: review-request, id: late-mail}\n", wish="late-mail")
    finish(house)
    await house.settle()
    assert [template for _, template in house.mails] == ["review-request"]


async def test_who_can_t_be_moved_stays_and_ends_on_the_old_version_or_leaves(make: Make) -> None:
    house = make()
    await crowd(house, 1)
    new = HEAD + "steps: [{exit: over}]\n"
    assert figures(house, _moved(house, new)) == (0, 1, 0)
    await house.later(days=1)
    assert [template for _, template in house.mails] == ["cart-reminder", "review-request"]
    await crowd(house, 1)
    house.apply(OLD)
    house.tell("cart.updated", cart_id="c9", **CART)
    await house.settle()
    assert figures(house, _moved(house, new, leaves=True)) == (0, 0, 1)
    assert house.enrolments[-1][2:] == ("ended", "exit")
    assert house.path[-1] == "exit: an operator ended it"


def _moved(house: FlowHouse, flow: str, leaves: bool = False) -> int:
    errand = begin(house, flow, leaves=leaves)
    finish(house)
    return errand


async def test_nobody_comes_to_a_step_again_that_is_behind_them(make: Make) -> None:
    house = make()
    await crowd(house, 1)
    turned = HEAD + "steps: [{send: review-request, id: second}, {send: cart-reminder, id: first}]\n"
    assert figures(house, _moved(house, turned)) == (0, 1, 0)
    await house.later(days=1)
    assert [template for _, template in house.mails] == ["cart-reminder", "review-request"]
    assert house.alarms == []


async def test_to_and_fro_and_the_same_again_changes_nothing(make: Make) -> None:
    house = make()
    await crowd(house, 3)
    new = OLD.replace("wait: 1d", "wait: 2d")
    assert figures(house, _moved(house, new)) == (3, 0, 0)
    assert figures(house, _moved(house, new)) == (0, 0, 0)
    assert figures(house, _moved(house, OLD)) == (3, 0, 0)
    assert figures(house, _moved(house, new)) == (3, 0, 0)
    await house.later(days=1)
    assert len(house.mails) == 6
    assert house.alarms == []


async def test_what_a_carrier_planned_before_the_move_is_void(make: Make) -> None:
    house = make()
    await crowd(house, 1)
    await house.later(hours=23)
    runner = house.runners[0]
    write = house.store.write

    async def moved_meanwhile(work: Callable[[Tx], object]) -> object:
        house.store.write = write  # type: ignore[method-assign]
        _moved(house, OLD.replace("send: review-request", "send: order-thanks"))
        return await write(work)

    house.clock.advance(timedelta(hours=1))
    house.store.write = moved_meanwhile  # type: ignore[method-assign,assignment]
    assert await runner.move() == 0
    await house.settle()
    assert [template for _, template in house.mails] == ["cart-reminder", "order-thanks"]


async def test_a_crash_between_two_batches_leaves_nobody_out_and_moves_nobody_twice(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "BATCH", 4)
    house = make()
    await crowd(house, 18)
    errand = begin(house, OLD.replace("wait: 1d", "wait: 3d"))
    mover = moving.Mover()
    for dies in (False, True, False, True, True, False):

        def work(tx: Tx, dies: bool = dies) -> None:
            mover.move_some(tx, house.clock.now())
            if dies:
                raise KeyError("killed")

        if dies:
            with pytest.raises(KeyError):
                house.store.write_now(work)
        else:
            house.store.write_now(work)
    finish(house)
    assert figures(house, errand) == (18, 0, 0)
    assert house.rows("SELECT count(*) FROM passage WHERE kind = 'moved'") == [(18,)]
    await house.later(days=1)
    assert len(house.mails) == 36
    assert house.alarms == []


async def test_a_newer_version_takes_over_from_a_move_that_is_not_over(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "BATCH", 4)
    house = make()
    await crowd(house, 10)
    begin(house, OLD.replace("wait: 1d", "wait: 3d"))
    house.store.write_now(lambda tx: moving.Mover().move_some(tx, house.clock.now()))
    errand = begin(house, OLD.replace("wait: 1d", "wait: 5d"))
    finish(house)
    assert figures(house, errand) == (10, 0, 0)
    ((versions,),) = house.rows("SELECT count(DISTINCT version_id) FROM enrolment")
    assert versions == 1


async def test_who_waits_for_an_event_goes_on_waiting_for_what_the_new_version_waits_for(make: Make) -> None:
    waits = (
        HEAD
        + """\
steps:
  - wait: {for: {event: order.placed}, timeout: 2d}
    id: bought
    then: [{send: order-thanks}]
    else: [{send: review-request}]
"""
    )
    house = make(waits)
    await crowd(house, 2)
    assert figures(house, _moved(house, waits.replace("order.placed", "order.paid"))) == (2, 0, 0)
    order = {"number": "A-1", "total": 9, "currency": "EUR", "lines": CART["lines"]}
    house.tell("order.placed", "p0@example.org", **order)
    await house.settle()
    assert house.mails == []
    house.tell("order.paid", "p0@example.org", **order)
    await house.settle()
    assert house.mails == [("p0@example.org", "order-thanks")]
    assert house.rows("SELECT awaits, due_ms IS NOT NULL FROM enrolment WHERE state = 'waiting'") == [("order.paid", 1)]


# -- states


async def test_nobody_enters_an_archived_flow_and_whoever_is_inside_goes_on(make: Make) -> None:
    house = make()
    await crowd(house, 1)
    house.set_state("f", "archived")
    house.tell("cart.updated", cart_id="c9", **CART)
    await house.later(days=1)
    assert [template for _, template in house.mails] == ["cart-reminder", "review-request"]
    assert [row[2] for row in house.enrolments] == ["ended"]


async def test_whoever_is_inside_an_archived_flow_may_be_ended(make: Make) -> None:
    house = make()
    await crowd(house, 9)

    def work(tx: Tx) -> int:
        flow_id = set_flow_state(tx, "f", "archived", house.clock.now(), "olga")
        assert flow_id is not None
        return moving.begin(tx, flow_id, None, "olga", house.clock.now())

    errand = house.store.write_now(work)
    finish(house)
    assert figures(house, errand) == (0, 0, 9)
    await house.later(days=1)
    assert len(house.mails) == 9
    told = house.store.read_now(lambda tx: history.changes(tx, 1))
    assert [(each.what, each.operator) for each in told] == [("ended", "olga"), ("archived", "olga"), ("applied", "")]


async def test_people_of_a_paused_flow_are_moved_and_wait(make: Make) -> None:
    house = make()
    await crowd(house, 2)
    house.set_state("f", "paused")
    assert figures(house, _moved(house, OLD.replace("wait: 1d", "wait: 2d"))) == (2, 0, 0)
    await house.later(days=1)
    assert len(house.mails) == 2
    house.set_state("f", "active")
    await house.settle()
    assert len(house.mails) == 4


async def test_the_history_says_what_was_done_by_whom(make: Make) -> None:
    house = make()
    new = OLD.replace("wait: 1d", "wait: 2d")
    _moved(house, new)
    house.set_state("f", "paused")
    house.set_state("f", "paused")
    told = house.store.read_now(lambda tx: history.changes(tx, 1))
    assert [(each.what, each.operator) for each in told] == [
        ("paused", ""), ("moved", "olga"), ("applied", "olga"), ("applied", ""),
    ]  # fmt: skip
    assert told[1].detail == {"moved": 0, "stayed": 0, "left": 0}
    assert told[2].version == check(new, "f").version  # type: ignore[union-attr]

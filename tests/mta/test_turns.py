"""Who opens the next connection, where there may be no more than so many."""

from mta.outbound.lane import Lane
from mta.outbound.turns import Turns
from mta.routing.routes import Route


def lane(name: str, *, is_proven: bool = False, failures: int = 0, is_urgent: bool = False) -> Lane:
    made = Lane(name, Route(name, ()), is_proven=is_proven, failures=failures)
    if is_urgent:
        made.urgent.append(None)  # type: ignore[arg-type]  # only whether there is one counts
    return made


def test_sites_that_are_only_tried_leave_half_of_the_connections_to_those_that_take_mail() -> None:
    turns = Turns(8)
    for number in range(4):
        one = lane(f"new{number}")
        assert turns.has_room(one)
        turns.opening(one)
    assert not turns.has_room(lane("new"))
    assert turns.has_room(lane("known", is_proven=True))
    assert turns.has_room(lane("urgent", is_urgent=True))


def test_a_site_that_failed_gets_a_quarter() -> None:
    turns = Turns(8)
    for number in range(2):
        turns.opening(lane(f"new{number}"))
    assert not turns.has_room(lane("failing", failures=1))
    assert turns.has_room(lane("new"))


def test_a_connection_that_was_granted_is_no_try_any_more() -> None:
    turns = Turns(2)
    first = lane("first")
    turns.opening(first)
    assert not turns.has_room(lane("second"))
    turns.opened(first)
    assert turns.has_room(lane("second"))


def test_whoever_waits_is_called_by_rank_and_then_by_coming() -> None:
    turns = Turns(2)
    busy = [lane("one", is_proven=True), lane("two", is_proven=True)]
    for one in busy:
        turns.opening(one)
    waiting = [lane("failing", failures=1), lane("new"), lane("newer"), lane("known", is_proven=True)]
    for one in waiting:
        turns.wait(one)
    assert turns.is_idle_wanted
    assert turns.call() is None
    called = []
    turns.closed(busy[0])
    while (one := turns.call()) is not None:
        called.append(one.site)
        turns.opening(one)
        turns.closed(one)
    assert called == ["known", "new", "newer", "failing"]


def test_room_is_kept_for_whoever_was_called_until_it_passes() -> None:
    turns = Turns(1)
    first, second = lane("first"), lane("second")
    turns.wait(first)
    turns.wait(second)
    assert turns.call() is first
    assert turns.has_room(first)
    assert turns.call() is None
    turns.passes(first)
    assert turns.call() is second
    turns.pass_all()
    assert turns.has_room(first)


def test_with_one_connection_everybody_has_a_turn() -> None:
    turns = Turns(1)
    assert turns.has_room(lane("failing", failures=3))
    turns.opening(lane("failing", failures=3))
    assert not turns.has_room(lane("known", is_proven=True))
    assert turns.is_crowded

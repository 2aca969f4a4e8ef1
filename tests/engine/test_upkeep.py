"""What the front office does every few seconds, and what it knows by that."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from clock import NOON, FakeChance, FakeClock, SettableClock
from mail_shop import Place, open_store

from engine import fence
from engine.control.observing.health import FAILING, Facts, judge
from engine.fence_watch import FenceWatch
from engine.upkeep import Upkeep
from mta.ports import StoreBusy, Tx, to_ms


def fail() -> None:
    raise AssertionError("no fence went up or down")


async def test_a_database_that_takes_nothing_is_in_the_health_until_it_takes_something(
    place: Place, tmp_path: Path
) -> None:
    store = open_store(place)
    fence.enter(store.write_now, tmp_path, FakeChance().octets, NOON)
    upkeep = Upkeep(store, FakeClock(), lambda: None, tmp_path, FenceWatch(store, fail, fail).look)
    as_ever = store.write

    async def held(work: Callable[[Tx], object], *, can_wait: bool = False) -> object:
        raise StoreBusy("the database stayed locked for 10 s")

    store.write = held  # type: ignore[assignment]
    await upkeep.renew_fence()
    found = judge(Facts(NOON, needs_backup=False, store_trouble=upkeep.trouble), to_ms(NOON))
    assert (found.state, found.reasons[0].says) == (FAILING, "it takes nothing: the database stayed locked for 10 s")
    store.write = as_ever  # type: ignore[method-assign]
    await upkeep.renew_fence()
    assert upkeep.trouble == ""
    store.close()


async def test_a_fence_that_somebody_puts_up_stops_a_running_daemon_once_and_one_that_is_gone_lets_it_go(
    place: Place, tmp_path: Path
) -> None:
    store = open_store(place)
    heard: list[str] = []
    watch = FenceWatch(store, lambda: heard.append("stopped"), lambda: heard.append("freed"))
    watch.begin(store.read_now(fence.standing))
    upkeep = Upkeep(store, FakeClock(), lambda: None, tmp_path, watch.look)
    await upkeep.renew_fence()
    assert (heard, watch.standing) == ([], None)
    store.write_now(lambda tx: fence.put_up(tx, fence.FOREIGN, NOON))
    for _ in range(2):
        await upkeep.renew_fence()
    assert heard == ["stopped"]
    assert watch.standing is not None and watch.standing.why == fence.FOREIGN
    store.write_now(fence.lift)
    for _ in range(2):
        await upkeep.renew_fence()
    assert (heard, watch.standing) == (["stopped", "freed"], None)
    store.close()


def test_only_a_clock_that_was_set_back_is_seen_to(place: Place, tmp_path: Path) -> None:
    store, clock, seen = open_store(place), SettableClock(), list[str]()
    upkeep = Upkeep(
        store, clock, fail, tmp_path, FenceWatch(store, fail, fail).look, set_back=lambda: seen.append("set back")
    )
    for by in (timedelta(hours=1), timedelta(minutes=-1)):
        clock.set(by)
        upkeep.look_at_clock()
    assert seen == []
    clock.set(timedelta(days=-400))
    for _ in range(2):
        upkeep.look_at_clock()
    assert seen == ["set back"]
    store.close()

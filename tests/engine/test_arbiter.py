"""The arbiter at work: flows whose mail is held, released, merged and expired, on a real store."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest
from clock import NOON
from flow_house import ANN, FlowHouse

from deliverability.address import Address
from engine.audience.dossier import erase, merge
from engine.sending.arbiter import Arbiter, Asked, Kind, drop_old, has_old
from engine.sending.judging import Cap, Hold, Policy, Send
from engine.sending.quiet import Quiet
from mta.ports import Tx, to_ms
from mta.queue.delivery import Stream

FLOW = """\
name: {name}
stream: marketing
trigger: {{event: {event}, key: event.key}}
reentry: always
goal: {{event: stop}}
steps: [{{send: review-request, id: mail}}, {{wait: 1h}}]
"""
DAY = timedelta(days=1)

Make = Callable[..., FlowHouse]


@pytest.fixture
async def make(tmp_path: Path, places: Callable[[], Path | str]) -> AsyncIterator[Make]:
    houses: list[FlowHouse] = []

    def build(policy: Policy, *names: str) -> FlowHouse:
        first, *more = names or ("cart",)
        place = tmp_path / str(len(houses))
        place.mkdir()
        house = FlowHouse(
            place, flow(first), place=places(), policy=policy, gate=lambda tx, key, stream, of_list: ""
        )  # fmt: skip
        for name in more:
            house.apply(flow(name))
        houses.append(house)
        return house

    yield build
    for house in houses:
        house.store.close()


def flow(name: str) -> str:
    return FLOW.format(name=name, event=f"my-{name}")


async def ask(house: FlowHouse, name: str = "cart", key: str = "1") -> None:
    house.tell(f"my-{name}", key=key)
    await house.settle()


def held(house: FlowHouse) -> list[tuple[object, ...]]:
    return house.rows("SELECT name, reason, times, ended_how FROM held_mail ORDER BY id")


async def test_over_the_cap_a_run_stands_before_its_send_until_there_is_room(make: Make) -> None:
    house = make(Policy(caps=(Cap(1, DAY),)), "cart", "news")
    await ask(house)
    await house.later(hours=2)
    await ask(house, "news")
    assert len(house.mails) == 1
    assert house.enrolments[1] == ("1", "mail", "waiting", None)
    assert held(house) == [("news", "frequency cap", 1, None)]
    assert house.rows("SELECT due_ms FROM enrolment WHERE id = 2") == [(to_ms(NOON + DAY),)]
    await house.later(hours=21, minutes=59)
    assert len(house.mails) == 1
    await house.later(minutes=1)
    assert len(house.mails) == 2 and held(house) == [("news", "frequency cap", 1, "sent")]
    [(detail,)] = house.rows("SELECT detail FROM passage WHERE enrolment_id = 2 AND step = 'mail'")
    assert json.loads(detail)["held_since"] == (NOON + timedelta(hours=2)).isoformat()
    await house.later(hours=1)
    assert house.enrolments[1] == ("1", "", "ended", "completed")


async def test_a_goal_that_comes_while_a_mail_is_held_ends_the_run_and_frees_its_turn(make: Make) -> None:
    house = make(Policy(caps=(Cap(1, DAY),)), "cart", "news")
    for name in ("cart", "news"):
        await ask(house, name)
    house.tell("stop")
    await house.settle()
    assert [row[3] for row in house.enrolments] == ["goal", "goal"]
    await house.later(days=1)
    await ask(house, "cart", "2")
    assert len(house.mails) == 2, "what is held no more takes nobody's place"


async def test_a_flow_s_own_priority_and_best_before_go_before_those_of_the_house(make: Make) -> None:
    house = make(Policy(caps=(Cap(1, DAY),), priorities={"flows": 60}, best_before=timedelta(days=9)), "first")
    house.apply(flow("low") + "priority: 10\nbest_before: 40h\n")
    house.apply(flow("high") + "priority: 90\nbest_before: 3d\n")
    for name in ("first", "low", "high"):
        await ask(house, name)
        await house.later(minutes=1)
    assert house.rows("SELECT name, priority, best_before_ms FROM held_mail ORDER BY id") == [
        ("low", 10, to_ms(NOON + timedelta(hours=40, minutes=1))),
        ("high", 90, to_ms(NOON + timedelta(days=3, minutes=2))),
    ]
    await house.later(days=1)
    assert [row[3] for row in held(house)] == [None, "sent"], "the later one went first"
    await house.later(hours=17)
    assert [row[3] for row in held(house)] == ["best before is over", "sent"]


async def test_quiet_hours_hold_a_mail_until_the_reader_s_morning(make: Make) -> None:
    house = make(Policy(quiet=Quiet(time(11), time(15))))
    house.tell("my-cart", key="1")
    house.do("UPDATE contact SET zone = 'Asia/Jerusalem'")
    await house.settle()
    assert house.mails == [] and held(house) == [("cart", "quiet hours", 1, None)]
    await house.later(minutes=59)
    assert house.mails == []
    await house.later(minutes=1)
    assert house.mails == [(ANN, "review-request")], "at 15:00 in Haifa"


async def test_of_two_held_mails_of_one_step_the_newer_is_sent(make: Make) -> None:
    house = make(Policy(caps=(Cap(1, DAY),)))
    for key in ("1", "2", "3"):
        await ask(house, key=key)
        await house.later(minutes=1)
    assert [row[3] for row in held(house)] == [None, None]
    await house.later(days=1)
    assert len(house.mails) == 2
    assert [row[3] for row in held(house)] == ["merged into a newer", "sent"]
    [(result,)] = house.rows("SELECT result FROM passage WHERE enrolment_id = 2 AND step = 'mail'")
    assert result == "refused: merged into a newer"


async def test_the_flow_of_the_higher_priority_takes_the_place_and_the_other_waits_on_or_expires(make: Make) -> None:
    policy = Policy(caps=(Cap(1, DAY),), priorities={"flow vip": 9, "flows": 5}, best_before=timedelta(hours=40))
    house = make(policy, "cart", "news", "vip")
    await ask(house)
    await ask(house, "news")
    await house.later(hours=23)
    await ask(house, "vip")
    await house.later(hours=1)
    flows = [name for (name,) in house.rows("SELECT flow FROM sending ORDER BY message_id")]
    assert flows == ["cart", "vip"]
    assert held(house)[0] == ("news", "gives way", 2, None)
    await house.later(hours=16)
    assert held(house)[0] == ("news", "gives way", 2, "best before is over")
    [(result, detail)] = house.rows("SELECT result, detail FROM passage WHERE enrolment_id = 2 AND step = 'mail'")
    assert result == "refused: best before is over" and "frequency cap: 1 in 1d of all" in json.loads(detail)["why"]


async def test_mail_that_nobody_will_ask_about_again_keeps_no_place(make: Make) -> None:
    house = make(Policy(caps=(Cap(1, DAY),)), "cart", "news", "late")
    await ask(house)
    await house.later(hours=1)
    await ask(house, "news")
    house.set_state("news", "paused")
    await house.later(hours=23)
    await ask(house, "late")
    assert [name for (name,) in house.rows("SELECT flow FROM sending ORDER BY message_id")] == ["cart", "late"]


async def test_two_carriers_that_judge_at_once_never_give_one_place_twice(make: Make) -> None:
    names = [f"flow-{number}" for number in range(6)]
    house = make(Policy(caps=(Cap(2, DAY),)), *names)
    house.runners = [house.runner(0, 1) for _ in range(3)]  # greedy: all plan whatever is due
    for name in names:
        for who in (ANN, "bob@example.org"):
            house.tell(f"my-{name}", who, key="1")
    while any(await asyncio.gather(*(runner.turn() for runner in house.runners))):
        pass
    counts = dict(house.rows("SELECT contact_id, count(*) FROM sending GROUP BY contact_id"))
    assert counts == {1: 2, 2: 2}
    assert len(held(house)) == 8


def asked(ref: int = 1, stream: Stream = Stream.MARKETING) -> Asked:
    return Asked(Kind.CAMPAIGN, "spring", ref, 1, ANN, stream)


async def test_what_the_shop_sends_itself_counts_and_transactional_mail_only_where_it_is_said(make: Make) -> None:
    for counts_all in (False, True):
        house = make(Policy(caps=(Cap(1, DAY),), counts_all=counts_all))
        await ask(house, "nobody")
        arbiter, now = house.arbiter, house.clock.now()

        def shop(tx: Tx, stream: Stream, at: datetime, arbiter: Arbiter = arbiter) -> None:
            arbiter.note_shop(tx, [ANN, "stranger@example.org"], 1, stream, 0, at)

        house.store.write_now(lambda tx: shop(tx, Stream.TRANSACTIONAL, now))  # noqa: B023
        verdict = house.store.write_now(lambda tx: arbiter.hear(tx, asked(), now))  # noqa: B023
        assert isinstance(verdict, Hold if counts_all else Send)
        house.store.write_now(lambda tx: shop(tx, Stream.MARKETING, now))  # noqa: B023
        assert isinstance(house.store.write_now(lambda tx: arbiter.hear(tx, asked(), now)), Hold)  # noqa: B023
        assert house.store.write_now(lambda tx: arbiter.hear(tx, asked(2, Stream.TRANSACTIONAL), now)) == Send()  # noqa: B023


async def test_places_older_than_any_window_are_dropped_with_the_next(make: Make) -> None:
    house = make(Policy())
    for _ in range(3):
        await ask(house)
        await house.later(days=20)
    assert house.rows("SELECT count(*) FROM mailed") == [(2,)]


async def test_what_became_of_held_mail_is_kept_for_a_while_and_then_forgotten(make: Make) -> None:
    house = make(Policy(caps=(Cap(1, DAY),)), "cart", "news")
    for name in ("cart", "news"):
        await ask(house, name)
    await house.later(days=2)
    assert not house.store.read_now(lambda tx: has_old(tx, house.clock.now()))
    house.clock.advance(timedelta(days=100))
    assert house.store.read_now(lambda tx: has_old(tx, house.clock.now()))
    house.store.write_now(lambda tx: drop_old(tx, house.clock.now()))
    assert held(house) == []


async def test_places_go_with_who_is_merged_and_are_forgotten_with_who_is_erased(make: Make) -> None:
    house = make(Policy(caps=(Cap(1, DAY),)), "cart", "news")
    for name in ("cart", "news"):
        await ask(house, name)
    house.tell("nothing", "bob@example.org")
    now = house.clock.now()
    house.store.write_now(lambda tx: merge(tx, 1, 2, by="test", now=now))
    assert house.rows("SELECT contact_id FROM mailed") == [(2,)] == house.rows("SELECT contact_id FROM held_mail")
    key = Address.parse("bob@example.org").key
    house.store.write_now(lambda tx: erase(tx, 2, key, salt=b"s" * 16, now=now))
    assert house.rows("SELECT * FROM mailed") == [] == house.rows("SELECT * FROM held_mail")

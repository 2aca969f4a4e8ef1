"""What flows do beside mail, and wait for, as it comes true: on a real store, with a clock that is moved."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flow_house import ANN, FlowHouse
from mail_shop import make_list

from deliverability.address import Address
from engine.audience.contacts import Change, change, contact_facts, find_contact, note_event
from engine.audience.fields import Field, Kind, declare
from engine.catalogue.pools import Code, Pool, figures, load, put
from engine.flow.civil import end_of
from engine.flow.shares import in_holdout
from engine.running import refilled
from engine.running.answers import answer_late, asked
from engine.running.unread import Returner
from engine.running.winners import Judge
from mta.ports import from_ms, to_ms

Make = Callable[..., FlowHouse]
HEAD = "name: f\nstream: transactional\ntrigger: {event: my.start}\nreentry: always\n"


@pytest.fixture
def make(tmp_path: Path, places: Callable[[], Path | str]) -> Iterator[Make]:
    houses: list[FlowHouse] = []

    def build(steps: str, head: str = HEAD) -> FlowHouse:
        houses.append(FlowHouse(tmp_path, f"{head}steps:\n{steps}", place=places()))
        return houses[-1]

    yield build
    for house in houses:
        house.store.close()


def ann(house: FlowHouse) -> dict[str, Any]:
    def look(tx: Any) -> dict[str, Any]:
        contact_id = find_contact(tx, Address.parse(ANN))
        assert contact_id is not None
        return contact_facts(tx, contact_id)

    return house.store.read_now(look)


async def start(house: FlowHouse, **data: Any) -> None:
    house.tell("my.start", **data)
    await house.settle()


def how(house: FlowHouse) -> list[tuple[Any, ...]]:
    return house.rows(
        "SELECT f.name, e.state, e.ended_how FROM enrolment e JOIN flow f ON f.id = e.flow_id ORDER BY e.id"
    )


# -- effects


async def test_a_tag_is_pinned_and_seen_by_the_step_that_follows(make: Make) -> None:
    house = make(
        "  - tag: warm\n  - if: \"'warm' in contact.tags\"\n    id: sees\n    then: [{untag: warm}, {tag: hot}]\n"
    )
    await start(house)
    assert ann(house)["tags"] == ["hot"] and house.alarms == []
    assert house.path == ["trigger: my.start", "tag-warm: warm", "sees: then", "untag-warm: warm", "tag-hot: hot"]
    names = [name for (name,) in house.rows("SELECT name FROM event WHERE name LIKE 'contact.%tagged' ORDER BY id")]
    assert names == ["contact.tagged", "contact.untagged", "contact.tagged"]


async def test_fields_are_set_and_added_to(make: Make) -> None:
    house = make("  - set: {level: gold, city: {from: event.city}}\n  - add: {points: 10}\n  - add: {points: 5}\n")
    for name, kind in (("level", Kind.TEXT), ("city", Kind.TEXT), ("points", Kind.NUMBER)):
        house.store.write_now(lambda tx, name=name, kind=kind: declare(tx, Field(name, kind), house.clock.now()))  # type: ignore[misc]
    await start(house, city="Haifa")
    await start(house)
    assert ann(house)["fields"] == {"level": "gold", "points": 30}, "what is missing empties its field"


async def test_a_field_that_nobody_declared_holds_the_run_until_somebody_does(make: Make) -> None:
    house = make("  - set: {level: gold}\n")
    await start(house)
    assert how(house) == [("f", "waiting", None)] and 'no field "level"' in house.alarms[0]
    house.store.write_now(lambda tx: declare(tx, Field("level", Kind.TEXT), house.clock.now()))
    await house.later(minutes=15)
    assert ann(house)["fields"] == {"level": "gold"} and how(house) == [("f", "ended", "completed")]


async def test_to_join_a_list_asks_the_person_and_to_leave_it_does_not(make: Make) -> None:
    house = make("  - join: tea\n  - wait: 1h\n  - leave: tea\n")
    house.store.write_now(make_list)
    await start(house)
    assert house.rows("SELECT state, source FROM subscription") == [("unconfirmed", "flow f")]
    assert [template for _, template in house.mails] == ["confirm"]
    await house.later(hours=1)
    assert house.rows("SELECT state FROM subscription") == [("unsubscribed",)]
    assert house.path[1] == "join-tea: tea: asked to confirm"


async def test_an_event_that_a_flow_emits_begins_another(make: Make) -> None:
    house = make("  - emit: {event: my.next, data: {number: 7, of: {from: event.of}}}\n")
    where = "event.number == 7 and event.of == 'x'"
    house.apply(f"name: g\nstream: transactional\ntrigger: {{event: my.next, where: {where}}}\nsteps: [exit: done]\n")
    await start(house, of="x")
    assert how(house) == [("f", "ended", "completed"), ("g", "ended", "exit")]


async def test_a_flow_starts_and_stops_another_with_its_own_data(make: Make) -> None:
    house = make("  - start: g\n  - wait: 1h\n  - stop: g\n")
    house.apply("name: g\nstream: transactional\ntrigger: {event: my.other, key: event.cart}\nsteps: [wait: 1d]\n")
    await start(house, cart="c1")
    assert house.rows("SELECT run_key, state FROM enrolment ORDER BY id") == [("", "waiting"), ("c1", "waiting")]
    assert house.data()[1]["cart"] == "c1"
    await house.later(hours=1)
    assert how(house) == [("f", "ended", "completed"), ("g", "ended", "exit")]
    assert "exit: stopped by flow f" in house.path


async def test_a_coupon_is_in_the_run_s_data_from_then_on(make: Make) -> None:
    house = make(
        "  - coupon: {pool: spring, expires: 3d}\n  - if: event.coupon.code == 'AAAA-1'\n    id: has\n    then: [{tag: lucky}]\n"
    )
    house.store.write_now(lambda tx: put(tx, Pool("spring", "", "", 0, False), b"x" * 32, house.clock.now()))
    await start(house)
    assert how(house) == [("f", "waiting", None)] and "is empty" in house.alarms[0], "nobody is passed over"
    house.store.write_now(lambda tx: load(tx, "spring", [Code("AAAA-1", None), Code("BBBB-2", None)]))
    await house.later(minutes=15)
    assert ann(house)["tags"] == ["lucky"] and house.path[1] == "coupon-spring-for-3d: AAAA-1"


@pytest.mark.parametrize(
    ("stream", "steps", "ends"),
    [
        ("marketing", "  - send: cart-coupon\n", {"free": 2, "given": 0}),
        ("marketing", "  - send: cart-coupon\n  - wait: 1h\n  - send: cart-coupon\n", {"free": 2, "given": 0}),
        ("marketing", "  - send: cart-coupon\n  - emit: {event: my.next, data: {code: {from: event.coupon.code}}}\n",
         {"free": 1, "given": 1}),
        ("transactional", "  - send: cart-coupon\n", {"free": 1, "given": 1}),
    ],
)  # fmt: skip
async def test_a_code_is_the_person_s_when_it_goes_out_and_else_back_in_its_pool_when_the_run_is_over(
    make: Make, stream: str, steps: str, ends: dict[str, int]
) -> None:
    house = make(f"  - coupon: spring\n{steps}", HEAD.replace("transactional", stream))

    def fill(tx: Any) -> None:
        put(tx, Pool("spring", "", "", 0, False), b"x" * 32, house.clock.now())
        load(tx, "spring", [Code("AAAA-1"), Code("BBBB-2")])

    def clean() -> None:
        for _ in range(2):  # from where it stands to the end, and from the beginning
            while house.store.read_now(lambda tx: returner.is_due(tx, house.clock.now())):
                house.store.write_now(lambda tx: returner.do(tx, house.clock.now()))

    returner = Returner()
    house.store.write_now(fill)
    await start(house)
    clean()
    if "wait" in steps:
        assert house.rows("SELECT state FROM coupon WHERE code = 'AAAA-1'") == [("reserved",)], "it may still go out"
        await house.later(hours=1)
        clean()
    assert how(house) == [("f", "ended", "completed")] and house.alarms == []
    assert any("refused" in each for each in house.path) == (stream == "marketing")
    (found,) = house.store.read_now(figures)
    assert {name: found[name] for name in ends} == ends and found["reserved"] == 0
    told = "AAAA-1" if ends["given"] else "AAAA-1: back in its pool, nobody was told of it"
    assert f"coupon-spring: {told}" in house.path, "what the journal says"


async def test_a_code_by_a_pattern_that_nobody_was_told_of_is_told_as_withdrawn(make: Make) -> None:
    house = make("  - coupon: spring\n  - send: cart-coupon\n", HEAD.replace("transactional", "marketing"))
    house.store.write_now(lambda tx: put(tx, Pool("spring", "VIP-####-####"), b"x" * 32, house.clock.now()))
    await start(house)
    ((code,),) = house.rows("SELECT code FROM coupon")
    returner = Returner()
    assert house.store.read_now(lambda tx: returner.is_due(tx, house.clock.now()))
    house.store.write_now(lambda tx: returner.do(tx, house.clock.now()))
    assert f"coupon-spring: {code}: withdrawn, nobody was told of it" in house.path


async def test_for_whoever_used_the_one_code_of_a_pool_the_run_is_over_before_a_mail_names_it(make: Make) -> None:
    house = make("  - coupon: spring\n  - send: cart-coupon\n")

    def fill(tx: Any) -> None:
        put(tx, Pool("spring", "", "", 0, True), b"x" * 32, house.clock.now())
        load(tx, "spring", [Code("AAAA-1"), Code("BBBB-2")])

    house.store.write_now(fill)
    await start(house)
    house.tell("order.placed", number="1", coupon="AAAA-1")
    await house.settle()
    assert house.rows("SELECT state FROM coupon ORDER BY id") == [("redeemed",), ("free",)]
    await start(house)
    assert how(house) == [("f", "ended", "completed"), ("f", "ended", "exit")] and house.alarms == []
    assert len(house.mails) == 1 and house.path[-1] == 'coupon-spring: the one code of "spring" was used already'


async def test_a_code_whose_time_went_by_before_anybody_was_told_of_it_begins_anew_with_the_mail(make: Make) -> None:
    house = make(
        "  - coupon: {pool: spring, expires: 1d}\n  - wait: 3d\n  - send: cart-coupon\n  - wait: 3d\n  - send: cart-coupon\n"
    )

    def fill(tx: Any) -> None:
        put(tx, Pool("spring", "", "", 0, False), b"x" * 32, house.clock.now())
        load(tx, "spring", [Code("AAAA-1"), Code("BBBB-2")])

    def stands() -> list[tuple[Any, ...]]:
        return house.rows("SELECT code, state, expires_ms FROM coupon WHERE state <> 'free'")

    house.store.write_now(fill)
    await start(house)
    assert [each[:2] for each in stands()] == [("AAAA-1", "reserved")]
    await house.later(days=3)
    (code, state, ends_ms) = stands()[0]
    assert (code, state) == ("AAAA-1", "given") and len(house.mails) == 1
    assert from_ms(ends_ms) == end_of(house.clock.now().date() + timedelta(days=1), ZoneInfo("UTC"))
    assert from_ms(ends_ms).isoformat() in house.rows("SELECT standing FROM enrolment")[0][0], (
        "what the mail was written with"
    )
    await house.later(days=3)
    assert len(house.mails) == 2 and stands() == [("AAAA-1", "given", ends_ms)], "whoever was told has read the day"


@pytest.mark.parametrize(("wait", "passed"), [("2d", 0), ("23h", 23)])
async def test_a_code_that_waited_a_day_or_more_for_its_mail_lasts_as_long_from_there(
    make: Make, wait: str, passed: int
) -> None:
    house = make(f"  - coupon: {{pool: spring, expires: 7d}}\n  - wait: {wait}\n  - send: cart-coupon\n  - wait: 2d\n")
    house.store.write_now(lambda tx: put(tx, Pool("spring", "VIP-####-####"), b"x" * 32, house.clock.now()))
    await start(house)
    await house.later(hours=48 if wait == "2d" else 23)
    ((ends_ms,),) = house.rows("SELECT expires_ms FROM coupon WHERE state = 'given'")
    begun = house.clock.now() - timedelta(hours=passed)
    assert from_ms(ends_ms) == end_of(begun.date() + timedelta(days=7), ZoneInfo("UTC")) and len(house.mails) == 1
    assert from_ms(ends_ms).isoformat() in house.rows("SELECT standing FROM enrolment")[0][0]


async def test_whoever_waits_for_a_coupon_goes_on_once_the_pool_has_some_and_nobody_else_is_woken(make: Make) -> None:
    house = make("  - coupon: spring\n  - exit: lucky\n")

    def fill(*codes: str) -> None:
        house.store.write_now(lambda tx: load(tx, "spring", [Code(each) for each in codes]))

    async def clean() -> int:
        """As the janitor does; how many runs have no code yet."""
        while house.store.read_now(lambda tx: refilled.has_ready(tx, house.clock.now())):
            house.store.write_now(lambda tx: refilled.let_go_on(tx, house.clock.now()))
        await house.settle()
        return len(house.rows("SELECT 1 FROM enrolment WHERE state = 'waiting'"))

    for who in ("ann", "ben", "cat"):
        house.tell("my.start", f"{who}@example.org")
    await house.settle()
    assert "there is no coupon pool" in house.alarms[0] and await clean() == 3
    house.store.write_now(lambda tx: put(tx, Pool("spring", "", "", 0, False), b"x" * 32, house.clock.now()))
    assert await clean() == 3, "an empty one is no help"
    house.set_state("f", "paused")
    fill("AAAA-1")
    assert await clean() == 3
    house.set_state("f", "active")
    assert await clean() == 2
    assert house.rows("SELECT id FROM enrolment WHERE state = 'ended'") == [(1,)], "who came first"
    fill("AAAA-2", "AAAA-3", "AAAA-4")
    assert await clean() == 0, "without any time going by"


async def test_a_jump_goes_round_and_each_round_s_mail_is_written_once(make: Make) -> None:
    house = make(
        "  - send: order-thanks\n    id: again\n  - wait: 1d\n  - jump: {to: again, times: 2}\n  - exit: enough\n"
    )
    await start(house, number="A-1", total=1, currency="EUR", lines=[])
    for _ in range(4):
        await house.later(days=1)
    assert len(house.mails) == 3 and how(house) == [("f", "ended", "exit")]
    assert house.rows("SELECT occurrence FROM passage WHERE step = 'again' ORDER BY id") == [(1,), (2,), (3,)]


# -- who gets in


async def test_a_tag_lets_people_in(make: Make) -> None:
    house = make("  - exit: seen\n", HEAD.replace("{event: my.start}", "{tag: {added: vip}}"))
    house.tell("my.other")

    def tag(*tags: str) -> None:
        house.store.write_now(lambda tx: change(tx, 1, Change(tags=frozenset(tags)), house.clock.now()))

    tag("gold")
    await house.settle()
    assert how(house) == []
    tag("vip")
    tag("vip")
    await house.settle()
    assert how(house) == [("f", "ended", "exit")]


async def test_who_is_held_out_has_a_run_that_is_over_at_once(make: Make) -> None:
    house = make("  - send: cart-reminder\n", "name: f\nstream: marketing\ntrigger: {event: my.start}\nholdout: 50%\n")
    people = [f"p{each}@example.org" for each in range(20)]
    for each in people:
        house.tell("my.start", each)
    await house.settle()
    ids = house.rows("SELECT contact_id, ended_how FROM enrolment ORDER BY contact_id")
    assert {who for who, ended in ids if ended == "holdout"} == {who for who, _ in ids if in_holdout("f", who, 0.5)}
    assert 0 < len([1 for _, ended in ids if ended == "holdout"]) < 20
    assert "holdout: held out" in house.path


async def test_restart_sends_a_run_back_to_its_first_step(make: Make) -> None:
    house = make(
        "  - wait: 1h\n  - send: order-thanks\n  - wait: 1h\n", HEAD.replace("my.start}", "my.start, restart: true}")
    )
    await start(house, number="A-1", total=1, currency="EUR", lines=[])
    await house.later(minutes=30)
    await start(house, number="A-2", total=1, currency="EUR", lines=[])
    await house.later(minutes=31)
    assert house.mails == []
    await house.later(minutes=30)
    assert len(house.mails) == 1 and house.data()[0]["number"] == "A-2"
    await start(house, number="A-3", total=1, currency="EUR", lines=[])
    await house.later(hours=1)
    assert len(house.mails) == 2, "the second round is another occurrence"


# -- waits

WAIT = """\
  - wait: {for: {event: my.answer, where: event.number == trigger.number}, timeout: 2d}
    id: w
    then: [{tag: good}]
    else: [{tag: late}]
"""


async def test_a_run_goes_on_when_what_it_waits_for_comes(make: Make) -> None:
    house = make(WAIT)
    await start(house, number=1)
    house.tell("my.answer", number=2)
    await house.later(days=1)
    assert ann(house)["tags"] == []
    house.tell("my.answer", number=1)
    await house.settle()
    assert ann(house)["tags"] == ["good"] and house.path == ["trigger: my.start", "w: then", "tag-good: good"]


async def test_a_run_goes_on_when_nothing_came_in_time(make: Make) -> None:
    house = make(WAIT)
    await start(house, number=1)
    await house.later(days=1, hours=23)
    assert ann(house)["tags"] == []
    await house.later(hours=1)
    assert ann(house)["tags"] == ["late"]


async def test_what_came_during_the_wait_before_counts(make: Make) -> None:
    house = make("  - wait: 1d\n" + WAIT)
    await start(house, number=1)
    await house.later(hours=2)
    house.tell("my.answer", number=1)
    await house.later(hours=22)
    assert ann(house)["tags"] == ["good"]


async def test_what_ends_a_wait_does_not_end_the_next_one_too(make: Make) -> None:
    house = make("""
  - wait: {for: {event: my.word}, timeout: 2h}
    id: one
  - wait: {for: {event: my.word}, timeout: 2h}
    id: two
  - tag: twice
""")
    await start(house)
    house.tell("my.word")
    await house.settle()
    assert [row[1] for row in house.enrolments] == ["two"]
    house.tell("my.word")
    await house.settle()
    assert "twice" in ann(house)["tags"]


async def test_what_came_before_the_run_does_not_count(make: Make) -> None:
    house = make(WAIT)
    house.tell("my.answer", number=1)
    await house.later(hours=1)
    await start(house, number=1)
    await house.later(hours=1)
    assert ann(house)["tags"] == []


async def test_what_is_told_together_with_what_lets_in_counts(make: Make) -> None:
    """An application that tells of a parcel's whole way at once."""
    house = make(WAIT)
    house.tell("my.start", number=1)
    house.tell("my.answer", number=1)
    await house.settle()
    assert ann(house)["tags"] == ["good"]


async def test_what_is_told_just_before_what_lets_in_does_not_count(make: Make) -> None:
    house = make(WAIT)
    house.tell("my.answer", number=1)
    house.tell("my.start", number=1)
    await house.settle()
    assert ann(house)["tags"] == []


async def test_what_came_and_was_looked_at_while_the_run_s_first_step_was_decided_counts(make: Make) -> None:
    house = make(WAIT)
    house.tell("my.start", number=1)
    await house.runners[0].match()
    house.clock.advance(timedelta(seconds=1))
    now = house.clock.now()
    house.clock.advance(timedelta(seconds=1))
    house.tell("my.answer", number=1)
    await house.runners[0].match()
    house.clock.advance(now - house.clock.now())
    await house.settle()
    assert ann(house)["tags"] == ["good"]


async def test_an_event_about_a_mail_counts_for_the_run_that_wrote_it(make: Make) -> None:
    house = make(
        "  - send: order-thanks\n    id: mail\n  - wait: {for: {event: mail.bounced, step: mail}, timeout: 2d}\n"
        "    then: [{tag: gone}]\n"
    )
    for address in (ANN, "bob@example.org"):
        house.tell("my.start", address, number="A-1", total=1, currency="EUR", lines=[])
    await house.settle()
    rows = house.rows("SELECT message_id, contact_id, step FROM sending ORDER BY message_id")
    for (message_id, _, step), (_, other, _) in zip(rows, reversed(rows), strict=True):
        note(house, other, {"message": message_id, "step": step, "flow": "f"})
    await house.settle()
    assert house.rows("SELECT count(*) FROM tag") == [(0,)], "the mail of another"
    note(house, rows[0][1], {"message": rows[0][0], "step": "mail", "flow": "f"})
    await house.settle()
    assert ann(house)["tags"] == ["gone"]


def note(house: FlowHouse, contact_id: int, data: dict[str, Any]) -> None:
    house.store.write_now(lambda tx: note_event(tx, "mail.bounced", contact_id, data, house.clock.now()))


async def test_a_wait_by_the_clock_follows_who_moves_to_another_zone(make: Make) -> None:
    house = make('  - wait: {until: "10:00"}\n  - tag: awake\n')
    await start(house)
    house.store.write_now(lambda tx: change(tx, 1, Change(zone="Asia/Tokyo"), house.clock.now()))
    await house.settle()
    ((due,),) = house.rows("SELECT due_ms FROM enrolment")
    assert datetime.fromtimestamp(due / 1000, UTC) == datetime(2026, 3, 3, 1, tzinfo=UTC), "ten in Tokyo"
    await house.later(hours=13)
    assert ann(house)["tags"] == ["awake"]


# -- late mails

LATE = "  - wait: 1h\n    late: {after: 6h, do: DO}\n  - send: order-thanks\n  - tag: done\n"


async def overslept(make: Make, do: str, hours: float) -> FlowHouse:
    """Nobody worked while the time of the mail came and went."""
    house = make(LATE.replace("DO", do))
    await start(house)
    await house.later(hours=hours)
    return house


async def test_a_mail_in_time_goes_and_a_late_one_is_skipped_or_sent_as_the_flow_says(make: Make) -> None:
    for do, hours, mails in (("skip", 6.5, 1), ("skip", 8, 0), ("send", 8, 1), ("ask", 6.5, 1)):
        house = await overslept(make, do, hours)
        assert len(house.mails) == mails
        sent = "order-thanks: delivery asked" if mails else "order-thanks: skipped: more than 6h late"
        assert sent in house.path
        assert how(house) == [("f", "ended", "completed")] and ann(house)["tags"] == ["done"]


@pytest.mark.parametrize(("answer", "mails"), [("send", 1), ("skip", 0)])
async def test_a_late_mail_waits_for_an_operator_where_the_flow_asks(make: Make, answer: str, mails: int) -> None:
    house = await overslept(make, "ask", 8)
    assert house.mails == [] and how(house) == [("f", "waiting", None)]
    assert any("asks whether a late mail goes" in alarm for alarm in house.alarms)
    ((flow_id,),) = house.rows("SELECT id FROM flow")
    assert house.store.read_now(lambda tx: asked(tx, flow_id)) == 1
    await house.later(days=3)
    assert house.mails == []
    now = house.clock.now()
    assert house.store.write_now(lambda tx: answer_late(tx, flow_id, answer, now, 500)) == 1
    await house.settle()
    assert len(house.mails) == mails and how(house) == [("f", "ended", "completed")]
    assert house.store.read_now(lambda tx: asked(tx, flow_id)) == 0


# -- winners of splits

SPLIT = """\
  - split:
      - {weight: 1, name: good, then: [{tag: good}]}
      - {weight: 1, name: bad, then: [{tag: bad}]}
    id: test
    winner: {metric: orders, significance: 95%, min: 10}
"""


async def crowd(house: FlowHouse, first: int, last: int) -> None:
    for number in range(first, last):
        house.tell("my.start", f"p{number}@example.org")
    await house.settle()


def count_winners(house: FlowHouse, judge: Judge) -> None:
    """As the janitor does, until there is nothing left to count for now."""
    while house.store.read_now(lambda tx: judge.is_due(tx, house.clock.now())):
        house.store.write_now(lambda tx: judge.do(tx, house.clock.now()))


async def test_a_split_is_judged_once_each_way_had_people_enough_and_its_winner_takes_all(make: Make) -> None:
    house = make(SPLIT)
    await crowd(house, 0, 50)
    await house.later(hours=1)
    for (address,) in house.rows(
        "SELECT c.address FROM contact c JOIN tag t ON t.contact_id = c.id WHERE t.tag = 'good'"
    ):
        house.tell("order.placed", address, number=address, total=10, currency="EUR", lines=[])
    await house.settle()
    count_winners(house, Judge())
    assert house.rows("SELECT count(*) FROM flow_change WHERE what = 'judged'") == [(0,)]  # nobody's time is over
    await house.later(days=6)
    count_winners(house, Judge())
    count_winners(house, Judge())
    ((detail,),) = house.rows("SELECT detail FROM flow_change WHERE what = 'judged'")
    assert '"winner": "good"' in detail and "Fisher" in detail
    bad = house.rows("SELECT count(*) FROM tag WHERE tag = 'bad'")
    await crowd(house, 50, 80)
    assert house.rows("SELECT count(*) FROM tag WHERE tag = 'bad'") == bad
    assert house.rows("SELECT count(*) FROM tag") == [(80,)]


MAILS = """\
  - send: cart-reminder
    id: first
  - split:
      - {weight: 1, name: good, then: [{send: cart-reminder, id: warm}]}
      - {weight: 1, name: bad, then: [{send: cart-reminder, id: cold}]}
    id: test
    winner: {metric: clicks, significance: 95%, min: 10}
"""


def click(house: FlowHouse, contact_id: int, flow: str, step: str) -> None:
    house.do(
        "INSERT INTO event (name, contact_id, key, data, source, at_ms, matched) VALUES ('mail.clicked',?,'',?,'web',?,1)",
        contact_id,
        json.dumps({"flow": flow, "step": step, "message": 1}),
        to_ms(house.clock.now()),
    )


async def test_only_clicks_of_the_ways_own_mails_count_and_each_person_once(make: Make) -> None:
    house = make(MAILS)
    await crowd(house, 0, 50)
    took = house.rows(
        "SELECT e.contact_id, p.result FROM passage p JOIN enrolment e ON e.id = p.enrolment_id"
        " WHERE p.step = 'test' ORDER BY e.id"
    )
    await house.later(hours=1)
    for contact_id, way in took:
        click(house, contact_id, "f", "first")  # both ways' readers alike
        click(house, contact_id, "other", "cold")
        if way == "good":
            click(house, contact_id, "f", "warm")
    await house.later(days=1)
    await crowd(house, 0, 50)
    await house.later(days=7)
    count_winners(house, Judge())
    ((detail,),) = house.rows("SELECT detail FROM flow_change WHERE what = 'judged'")
    good = sum(way == "good" for _, way in took)
    assert f"good {good} of {good}, bad 0 of {50 - good}" in detail and '"winner": "good"' in detail


async def test_where_the_difference_may_be_chance_the_split_goes_on(make: Make) -> None:
    house = make(SPLIT)
    await crowd(house, 0, 50)
    await house.later(days=6)
    count_winners(house, Judge())
    ((detail,),) = house.rows("SELECT detail FROM flow_change WHERE what = 'judged'")
    assert '"winner": ""' in detail
    await crowd(house, 50, 90)
    assert {way for (way,) in house.rows("SELECT DISTINCT tag FROM tag")} == {"good", "bad"}
    assert house.rows(
        "SELECT count(DISTINCT tag) FROM tag t JOIN contact c ON c.id = t.contact_id WHERE c.id > 50"
    ) == [(2,)]

"""Every step of the language, decided: waits that hear events, ways, effects, loops, mails that are late."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flow_texts import HEAD, checked
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.flow import actions
from engine.flow.decisions import (
    Act,
    Ask,
    Await,
    Branch,
    Decision,
    Ended,
    Jumped,
    Question,
    Skipped,
    Standing,
    WaitUntil,
)  # fmt: skip
from engine.flow.machine import decide, standing_after
from engine.flow.model import END
from engine.flow.shares import in_holdout, share_of, way_of

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def turn(steps: str, standing: Standing | None = None, *, now: datetime = NOW, **facts: Any) -> tuple[Decision, ...]:
    flow = checked(steps)
    contact = {"id": 7, "tags": [], "lists": {}, "fields": {}} | facts.pop("contact", {})
    scope = {"event": facts.pop("event", {}), "contact": contact, **facts}
    return decide(flow, standing or Standing(flow.first), scope, now=now, zone=BERLIN)


# -- waiting for an event

WAIT_FOR = """
  - send: reminder
  - wait: {for: {event: mail.clicked, step: reminder}, timeout: 2d}
    id: hears
    then: [{tag: warm}]
    else: [{tag: cold}]
"""


def test_a_wait_for_an_event_stands_at_its_own_step() -> None:
    asked, awaited = turn(WAIT_FOR)
    assert isinstance(asked, Ask) and isinstance(awaited, Await)
    assert awaited.match == {"flow": "a-flow", "step": "reminder"} and awaited.event == "mail.clicked"
    assert awaited.until == NOW + timedelta(days=2) and (awaited.then, awaited.otherwise) == ("tag-warm", "tag-cold")
    standing = standing_after(Standing("reminder"), (asked, awaited))
    assert standing is not None
    assert (standing.step, standing.waiting_for, standing.due) == ("hears", "hears", awaited.until)
    assert standing.intent == {"local": "2026-03-04T13:00:00", "exact": 0.0, "zone": "Europe/Berlin"}


def test_what_was_heard_says_the_way_and_so_does_the_end_of_its_time() -> None:
    until = NOW + timedelta(days=2)
    heard = Standing("hears", due=until, waiting_for="hears", heard=True)
    assert turn(WAIT_FOR, heard)[0] == Branch("hears", "then", "tag-warm")
    silent = Standing("hears", due=until, waiting_for="hears")
    assert turn(WAIT_FOR, silent, now=until)[0] == Branch("hears", "else", "tag-cold")
    (still,) = turn(WAIT_FOR, silent, now=until - timedelta(seconds=1))
    assert isinstance(still, Await) and still.until == until


def test_who_is_in_the_segment_already_does_not_wait_for_it() -> None:
    steps = "  - wait: {for: {segment: vip}, timeout: 2d}\n    then: [{send: a}]"
    assert turn(steps, contact={"segments": ["vip"]})[0] == Branch("wait-for-segment-entered", "then", "a")
    assert isinstance(turn(steps)[0], Await)


# -- civil waits


def test_a_wait_until_a_clock_time_keeps_what_was_meant() -> None:
    (wait,) = turn('  - wait: {until: "10:00", on: [thu]}\n  - send: a')
    assert isinstance(wait, WaitUntil)
    assert wait.due == datetime(2026, 3, 5, 9, tzinfo=UTC) and wait.then == "a"
    assert wait.intent == {"at": "10:00", "on": [3], "skip": [], "country": "", "zone": "Europe/Berlin"}


def test_a_date_that_is_over_or_none_goes_the_other_way_where_there_is_one() -> None:
    steps = (
        '  - wait: {date: event.renews, offset: -3d, at: "09:00"}\n    id: w\n    else: [{send: late}]\n  - send: soon'
    )
    (wait,) = turn(steps, event={"renews": "2026-05-04"})
    assert isinstance(wait, WaitUntil) and wait.due == datetime(2026, 5, 1, 7, tzinfo=UTC) and wait.then == "soon"
    for over in ("2026-03-04", "never", None):
        branch, *_ = turn(steps, event={"renews": over})
        assert isinstance(branch, Branch) and (branch.taken, branch.then) == ("else", "late")
    without = steps.replace("    else: [{send: late}]\n", "")
    (wait,) = turn(without, event={})
    assert isinstance(wait, WaitUntil) and wait.due == NOW


# -- ways


def test_a_switch_goes_the_way_of_the_first_case_that_holds() -> None:
    steps = """
  - switch:
      - {case: event.total > 100, then: [{send: gold}]}
      - {case: event.total > 50, then: [{send: silver}]}
    else: [{send: plain}]
"""
    for total, way, send in ((200, "case-1", "gold"), (60, "case-2", "silver"), (1, "else", "plain")):
        branch, ask, _ = turn(steps, event={"total": total})
        assert isinstance(branch, Branch) and (branch.taken, branch.then) == (way, send)
        assert isinstance(ask, Ask) and branch.values["event.total > 100"] == (total > 100)


SPLIT = """
  - split: [{weight: 3, name: long, then: [{send: a}]}, {weight: 1}]
    id: test
    winner: {metric: orders, significance: 95%}
"""


def test_a_split_sends_the_same_person_the_same_way_and_its_winner_takes_all() -> None:
    first, *others = (turn(SPLIT, contact={"id": 5})[0] for _ in range(3))
    assert others == [first, first]
    for winner in ("long", "b"):
        branch = turn(SPLIT, winners={"test": winner})[0]
        assert isinstance(branch, Branch) and branch.taken == winner


def test_a_split_follows_its_weights() -> None:
    ways = [way_of("flow", "test", each, (3, 1)) for each in range(4000)]
    assert 0.72 < ways.count(0) / len(ways) < 0.78


@given(st.integers(1, 10**9), st.floats(0, 1), st.floats(0, 1))
def test_who_is_held_out_of_a_little_is_held_out_of_more(contact_id: int, less: float, more: float) -> None:
    less, more = sorted((less, more))
    assert in_holdout("f", contact_id, more) or not in_holdout("f", contact_id, less)
    assert 0 <= share_of("f", contact_id) < 1


# -- effects


def test_what_follows_sees_what_was_done_before_it_in_the_same_turn() -> None:
    steps = """
  - tag: warm
  - add: {points: {from: event.total // 10}}
  - set: {level: gold, note: {from: event.nothing}}
  - if: "'warm' in contact.tags and contact.fields.points == 15 and contact.fields.level == 'gold'"
    id: sees
    then: [{leave: news}, {untag: warm}]
"""
    contact = {"fields": {"points": 5, "note": "x"}, "lists": {"news": "confirmed"}}
    *acts, branch, leave, untag, ended = turn(steps, contact=contact, event={"total": 100})
    assert [each.values for each in acts if isinstance(each, Act)] == [
        {},
        {"points": 10},
        {"level": "gold", "note": None},
    ]
    assert isinstance(branch, Branch) and branch.taken == "then"
    assert isinstance(leave, Act) and leave.action == actions.Leave("news")
    assert isinstance(untag, Act) and ended == Ended("completed")


def test_a_coupon_ends_the_turn_so_that_the_mail_sees_it() -> None:
    decisions = turn("  - coupon: {pool: first, expires: 3d, as: gift}\n  - send: a")
    (act,) = decisions
    assert act == Act("coupon-first-for-3d", actions.TakeCoupon("first", act.action.expires, "gift"), {}, 1, "a", NOW)  # type: ignore[union-attr]
    standing = standing_after(Standing("x"), decisions)
    assert standing is not None and (standing.step, standing.due, standing.waiting_for) == ("a", NOW, "")


def test_a_webhook_that_is_waited_for_has_ways_and_one_that_is_not_goes_on() -> None:
    plain = turn('  - webhook: "https://shop.example/hook"\n  - send: a')
    assert isinstance(plain[0], Act) and plain[0].due is None and isinstance(plain[1], Ask)
    steps = """
  - webhook: {url: "https://shop.example/hook", wait: true, timeout: 20s, data: {n: {from: event.total}}}
    id: hook
    then: [{send: good}]
    else: [{send: ill}]
"""
    (act,) = decisions = turn(steps, event={"total": 3})
    assert isinstance(act, Act) and act.values == {"n": 3} and act.due == NOW + timedelta(seconds=20)
    standing = standing_after(Standing("hook"), decisions)
    assert standing is not None and standing.waiting_for == "hook" == standing.step
    for heard, way in ((True, "good"), (False, "ill")):
        answered = Standing("hook", due=act.due, waiting_for="hook", heard=heard)
        branch = turn(steps, answered)[0]
        assert isinstance(branch, Branch) and branch.then == way
    assert turn(steps, standing, now=NOW + timedelta(seconds=20))[0] == Branch("hook", "else", "ill")


# -- loops


def test_a_jump_goes_back_so_many_times_and_each_round_is_an_occurrence() -> None:
    steps = "  - send: a\n  - wait: 1d\n  - jump: {to: a, times: 2}\n    id: again\n  - send: b"
    flow = checked(steps)
    standing: Standing | None = Standing(flow.first)
    seen, now = [], NOW
    while standing is not None:
        decisions = turn(steps, standing, now=now)
        seen += [(each.template, each.occurrence) for each in decisions if isinstance(each, Ask)]
        standing = standing_after(standing, decisions)
        now += timedelta(days=1)
    assert seen == [("a", 1), ("a", 2), ("a", 3), ("b", 3)]


def test_a_jump_within_a_turn_that_comes_round_ends_the_run() -> None:
    flow = checked("  - send: a\n  - wait: 1d\n  - jump: a")
    decisions = decide(flow, Standing("jump-a"), {}, now=NOW, zone=BERLIN)
    assert [type(each) for each in decisions] == [Jumped, Ask, WaitUntil]


# -- late mails

LATE = """
  - wait: 1h
    late: {after: 6h, do: DO}
  - tag: seen
  - send: a
  - send: b
    late: {after: 30d, do: skip}
"""


def late(do: str, hours: float, **standing: Any) -> list[Decision]:
    # the run stands before the tag since NOW, and its turn comes so many hours later
    where = Standing(standing.pop("step", "tag-seen"), due=NOW, waited="wait-1h", **standing)
    return [
        each
        for each in turn(LATE.replace("DO", do), where, now=NOW + timedelta(hours=hours))
        if not isinstance(each, Act)
    ]


def test_a_mail_in_time_is_written_whatever_is_said_of_late_ones() -> None:
    for do in ("skip", "send", "ask"):
        assert [type(each) for each in late(do, 5)] == [Ask, Ask, Ended]


def test_a_late_mail_is_skipped_written_or_asked_about() -> None:
    skipped, asked, _ = late("skip", 7)
    assert skipped == Skipped("a", "more than 6h late", "b") and isinstance(asked, Ask)
    assert isinstance(late("send", 7)[0], Ask)
    (question,) = late("ask", 7)
    assert question == Question("a", "more than 6h late")
    standing = standing_after(Standing("tag-seen", due=NOW, waited="wait-1h"), (question,))
    assert standing is not None and standing.step == "a" and standing.due is None


def test_an_operator_answers_for_the_mail_that_was_asked_about() -> None:
    assert isinstance(late("ask", 7, step="a", answer="send")[0], Ask)
    assert isinstance(late("ask", 7, step="a", answer="skip")[0], Skipped)


# -- any flow at all

STEPS = st.sampled_from([
    "send: a", "wait: 1h", 'wait: {until: "10:00"}', 'wait: {between: ["22:00", "06:00"]}', "tag: warm", "exit",
    "coupon: p", "jump: {to: first, times: 2}", "wait: {for: {event: order.placed}, timeout: 1d}",
    'webhook: {url: "https://shop.example/h", wait: true}', "if: event.x\n    then: [{send: a}]",
    "split: [{weight: 1, then: [{send: a}]}, {weight: 1}]",
])  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(STEPS, max_size=6),
    st.lists(st.tuples(st.sampled_from([None, True, False]), st.integers(0, 3)), max_size=40),
)
def test_every_run_ends_and_no_step_is_taken_twice_in_an_occurrence(
    steps: list[str], turns: list[tuple[bool | None, int]]
) -> None:
    from engine.flow.definition import Definition, check

    text = HEAD + "steps:\n  - wait: 1d\n    id: first\n" + "".join(f"  - {each}\n" for each in steps)
    flow = check(text, "a.yaml")
    if not isinstance(flow, Definition):
        return  # it can't be reached, or loops
    standing: Standing | None = Standing(flow.first)
    now, taken = NOW, set[tuple[str, int]]()
    for heard, _ in [*turns, *[(None, 0)] * 60]:
        assert standing is not None
        told = Standing(standing.step, standing.occurrence, standing.due, standing.waiting_for, heard, standing.jumps)
        decisions = decide(flow, told, {"event": {"x": 1}, "contact": {"id": 3}}, now=now, zone=BERLIN)
        for each in decisions:
            if isinstance(each, Ask | Act):
                assert (each.step, each.occurrence) not in taken
                taken.add((each.step, each.occurrence))
        assert (
            decisions[-1] == Ended("completed") or not isinstance(decisions[-1], Ended) or decisions[-1].how == "exit"
        )
        standing = standing_after(told, decisions)
        if standing is None:
            return
        assert standing.step == END or standing.step in flow.program
        assert standing.due is not None
        now = max(now, standing.due)
    raise AssertionError("the run finds no end")

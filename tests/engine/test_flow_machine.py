"""The machine: what an enrolment does next."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from engine.flow.decisions import Ask, Branch, Decision, Ended, Standing, WaitUntil
from engine.flow.definition import Definition, check
from engine.flow.machine import decide

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FLOW = """\
name: a-flow
stream: marketing
trigger: {event: cart.updated}
exit: "'stop' in contact.tags"
steps:
  - wait: 1h
  - if: event.total > 100
    id: rich
    then:
      - send: gold
      - wait: 1d
    else:
      - send: plain
  - send: last
"""


def flow(text: str = FLOW) -> Definition:
    found = check(text, "a.yaml")
    assert isinstance(found, Definition)
    return found


def after(step: str, text: str = FLOW, **event: object) -> tuple[Decision, ...]:
    tags = event.pop("tags", [])
    facts = {"event": event, "contact": {"tags": tags}}
    return decide(flow(text), Standing(step), facts, now=NOON, zone=ZoneInfo("Europe/Berlin"))


def test_a_wait_ends_the_turn_before_the_step_that_follows() -> None:
    assert after("wait-1h") == (WaitUntil("wait-1h", NOON + timedelta(hours=1), "rich"),)


def test_a_branch_says_which_way_and_why() -> None:
    branch, *rest = after("rich", total=20)
    assert branch == Branch("rich", "else", "plain", {"event.total > 100": False, "event.total": 20})
    assert rest == [Ask("plain", "plain", 1, "last"), Ask("last", "last", 1, ""), Ended("completed")]


def test_the_other_branch_waits_on_the_contacts_own_clock() -> None:
    intent = {"local": "2026-03-03T13:00:00", "exact": 0.0, "zone": "Europe/Berlin"}
    assert after("rich", total=200)[1:] == (
        Ask("gold", "gold", 1, "wait-1d"),
        WaitUntil("wait-1d", NOON + timedelta(days=1), "last", intent),
    )


def test_the_exit_condition_comes_before_every_turn() -> None:
    (ended,) = after("rich", total=200, tags=["stop"])
    assert isinstance(ended, Ended) and (ended.how, ended.step) == ("exit", "exit")
    assert ended.values["'stop' in contact.tags"] is True


def test_an_exit_step_ends_the_run_with_its_reason() -> None:
    text = FLOW.replace("- send: last", "- exit: enough\n    id: out")
    assert after("plain", text)[-1] == Ended("exit", "out", "enough")


def test_standing_at_the_end_is_being_done() -> None:
    assert after("") == (Ended("completed"),)


def test_a_step_that_the_version_does_not_know_fails_the_run() -> None:
    (ended,) = after("gone")
    assert isinstance(ended, Ended) and ended.how == "failed" and "gone is not in this version" in ended.reason


def test_only_the_last_decision_ends_the_turn() -> None:
    for step in (*flow().program, ""):
        for total in (0, 200):
            *before, last = after(step, total=total)
            assert isinstance(last, WaitUntil | Ended)
            assert all(isinstance(each, Branch | Ask) for each in before)

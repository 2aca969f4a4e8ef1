"""Flow files: what they mean, and that one look finds everything that is wrong with them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.flow.definition import Definition, Fault, check, version_of
from engine.flow.known import Known
from engine.flow.model import Exit, If, Send, Wait
from engine.flow.triggers import EventTrigger
from engine.flow.words import STEP
from mta.queue.delivery import Stream

HEAD = """\
name: a-flow
stream: marketing
trigger: {event: cart.updated, where: event.total >= 20, key: event.cart_id}
"""
FLOW = (
    HEAD
    + """\
reentry: {after: 7d}
goal: {event: order.placed, within: 5d, where: event.cart_id == trigger.cart_id}
exit: "'no-reminders' in contact.tags"
steps:
  - wait: 1h
  - if: contact.orders.count == 0
    id: is-new
    then:
      - send: welcome
      - if: event.total > 100
        then: [{send: gold}, exit]
    else:
      - send: reminder
        id: second
  - send: reminder
  - exit: enough
"""
)


def checked(text: str, templates: set[str] | None = None) -> Definition:
    found = check(text, "flows/a.yaml", Known(templates=templates))
    assert isinstance(found, Definition), [str(fault) for fault in found]
    return found


def faults(text: str, templates: set[str] | None = None) -> list[str]:
    found = check(text, "a.yaml", Known(templates=templates))
    assert isinstance(found, list) and found
    return [str(fault) for fault in found]


def test_a_flow_file_is_read_into_its_parts() -> None:
    flow = checked(FLOW)
    assert (flow.name, flow.title, flow.stream) == ("a-flow", "a-flow", Stream.MARKETING)
    assert isinstance(flow.trigger, EventTrigger) and flow.trigger.event == "cart.updated"
    assert flow.goal is not None and str(flow.goal.within) == "5d"
    assert flow.reentry.rule == "after" and flow.exit is not None
    assert flow.templates == {"welcome", "gold", "reminder"}
    wait, branch, send, leave = flow.steps
    assert isinstance(wait, Wait) and isinstance(branch, If) and isinstance(send, Send) and isinstance(leave, Exit)
    assert leave.reason == "enough"


def test_every_step_has_an_id_of_its_own_from_what_it_does() -> None:
    assert list(checked(FLOW).program) == [
        "wait-1h", "is-new", "welcome", "if-event-total-100", "gold", "exit-2", "second", "reminder", "exit-3",
    ]  # fmt: skip


def test_a_step_put_before_others_leaves_their_ids_alone() -> None:
    changed = FLOW.replace("steps:\n", "steps:\n  - wait: 5m\n")
    assert set(checked(changed).program) == {*checked(FLOW).program, "wait-5m"}


def test_the_program_says_what_follows_each_step() -> None:
    program = checked(FLOW).program
    assert program["wait-1h"].next == "is-new"
    assert (program["is-new"].way("then"), program["is-new"].way("else")) == ("welcome", "second")
    assert (program["if-event-total-100"].way("then"), program["if-event-total-100"].way("else")) == (
        "gold",
        "reminder",
    )
    assert program["second"].next == "reminder" and program["exit-3"].next == ""


def test_the_version_is_the_texts_hash_whatever_its_editor_did() -> None:
    windows = "\ufeff" + FLOW.replace("\n", "  \r\n") + "\r\n"
    assert checked(windows).version == checked(FLOW).version == version_of(FLOW)
    assert checked(FLOW).version != checked(FLOW.replace("1h", "2h")).version
    assert len(checked(FLOW).short_version) == 12


def test_reentry_is_never_unless_said() -> None:
    assert checked(HEAD + "steps: [exit]").reentry.rule == "never"
    assert checked(HEAD + "reentry: always\nsteps: [exit]").reentry.rule == "always"


def test_a_custom_event_may_trigger_and_a_misspelt_one_of_ours_may_not() -> None:
    trigger = checked(FLOW.replace("cart.updated", "loyalty.reached")).trigger
    assert isinstance(trigger, EventTrigger) and trigger.event == "loyalty.reached"
    assert 'no such event (did you mean "cart.updated"?)' in faults(FLOW.replace("cart.updated", "cart.update"))[0]


def test_all_faults_are_found_at_once_each_with_its_place() -> None:
    text = """\
name: A Flow
stream: marketng
holdout: 10
priority: high
best_before: soon
trigger:
  event: cart.update
  whre: event.total >= 20
  key: evnt.cart_id
reentry: {after: 7 dyas}
steps:
  - wait: 1h
  - sned: cart-reminder
  - if: contact.orders.count = 0
    then:
      - coupon: {pol: first-order}
      - send: cart-coupn
  - wait: {until: "10 am", on: [mon, tus]}
  - {}
"""
    assert faults(text, {"cart-coupon"}) == [
        'a.yaml:1:7: name: "A Flow": a name is expected: small letters, digits and hyphens',
        'a.yaml:2:9: stream: "marketng": transactional or marketing is expected (did you mean "marketing"?)',
        'a.yaml:3:10: holdout: "10": a share between 0% and 100% is expected, such as 10%',
        'a.yaml:4:11: priority: "high": a whole number from 0 to 1000 is expected',
        'a.yaml:5:14: best_before: "soon": a duration is expected, such as 1h, 30m, 3d (civil days) or "1d 12h"',
        'a.yaml:7:10: trigger.event: "cart.update": no such event (did you mean "cart.updated"?);'
        " there are cart.updated",
        'a.yaml:8:3: trigger.whre: is not known here (did you mean "where"?)',
        'a.yaml:9:8: trigger.key: "evnt.cart_id": evnt is not known here (did you mean "event"?)',
        'a.yaml:10:18: reentry.after: "7 dyas": a duration is expected, such as 1h, 30m, 3d (civil days) or "1d 12h"',
        'a.yaml:13:5: steps[2].sned: is not known here (did you mean "send"?)',
        'a.yaml:14:30: steps[3].if: "contact.orders.count = 0": one = gives a value; write == to compare',
        'a.yaml:16:18: steps[3].then[1].coupon.pol: is not known here (did you mean "pool"?)',
        'a.yaml:17:15: steps[3].then[2].send: "cart-coupn": there is no mail template of this name'
        ' (did you mean "cart-coupon"?)',
        'a.yaml:18:20: steps[4].wait.until: "10 am": a clock time is expected, such as "09:00"',
        'a.yaml:18:38: steps[4].wait.on[2]: "tus": mon, tue, wed, thu, fri, sat or sun is expected (did you mean "tue"?)',
        f"a.yaml:19:5: steps[5]: does nothing; write one of {', '.join(STEP)}",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("just words", "keys with values are expected"),
        ("a: [", "no YAML"),
        ("a: b: c", "no YAML"),
        ("\x00", "no YAML"),
        ("%YAML 9.9\n---\na: 1", "no YAML"),
        ("[" * 5000, "nested too deeply"),
        ("x" * 70000, "longer than"),
        ("a: 1\n---\nb: 1", "no YAML"),
        (HEAD + "name: b\nsteps: [exit]", "stands here twice"),
        (HEAD + "steps: []", "has no step"),
        (HEAD + "steps: {}", "a list is expected"),
        (HEAD + "steps: [foo]", "is no step"),
        (HEAD + "steps: [{send: a, wait: 1h}]", "is send and wait in one"),
        (HEAD + "steps: [{if: event.a}]", "then: is missing"),
        (HEAD + "steps: [{if: event.a, then: []}]", "has no step"),
        (HEAD + "steps: [{send: a, id: x}, {send: b, id: x}]", "another step is called x"),
        (HEAD + "steps: [{send: a, id: goal}]", "a word of our own"),
        (HEAD + "steps: [{send: a, id: [x]}]", "a text is expected"),
        (HEAD + "steps: [{send: ../../etc/passwd}]", "a mail template's name is expected"),
        (HEAD + "steps: [{wait: }]", "is empty"),
        (HEAD + "steps: [{wait: {}}]", "is empty"),
        (HEAD + "steps: [{wait: 1d, then: [exit]}]", "then: is not known here"),
        (HEAD + "goal: {within: 1d}\nsteps: [exit]", "goal.event: is missing"),
        (HEAD + "reentry: sometimes\nsteps: [exit]", "never, always or {after: 7d}"),
        (HEAD + "reentry: {}\nsteps: [exit]", "never, always or {after: 7d}"),
        (HEAD + "reentry: {after: }\nsteps: [exit]", "is empty"),
        (HEAD + "steps: &s [exit]", "anchors and aliases"),
        (HEAD + "exit: !!python/name:os.system x\nsteps: [exit]", "a text is expected"),
        (HEAD + "exit: contact.tag\nsteps: [exit]", 'did you mean "tags"'),
        (HEAD + "goal: {event: order.placed, where: triger.x}\nsteps: [exit]", 'did you mean "trigger"'),
        (HEAD + "exit: trigger.x\nsteps: [exit]", "trigger is not known here"),
        (HEAD.replace("trigger:", "# trigger:") + "steps: [exit]", "trigger: is missing"),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str) -> None:
    assert any(words in fault for fault in faults(text))


def test_a_fault_has_its_place_as_numbers_too() -> None:
    found = check(HEAD + "steps: [{sned: a}]", "a.yaml")
    assert found == [Fault("a.yaml", 4, 10, "steps[1].sned", 'is not known here (did you mean "send"?)')]


def test_a_flow_without_end_is_bounded() -> None:
    nested = "[exit]"
    for _ in range(20):
        nested = f"[{{if: event.a, then: {nested}}}]"
    assert any("nested deeper than 12" in fault for fault in faults(HEAD + f"steps: {nested}"))
    assert any("more than 300 steps" in fault for fault in faults(HEAD + "steps: [" + "exit, " * 400 + "exit]"))


SHIPPED = [each for each in sorted(Path("templates/flows").glob("*.yaml")) if not each.stem.endswith(".test")]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_flows_that_we_ship_are_right_and_their_mails_are_there(path: Path) -> None:
    templates = {each.name.removesuffix(".txt.j2") for each in Path("templates/mail").glob("*.txt.j2")}
    assert checked(path.read_text(encoding="utf-8"), templates).name == path.stem


LINES = FLOW.splitlines(keepends=True)
MUTATIONS = st.lists(
    st.tuples(st.integers(0, len(LINES) - 1), st.sampled_from(["drop", "twice", "indent", "cut", "junk"])), max_size=4
)


def mutated(mutations: list[tuple[int, str]]) -> str:
    lines = list(LINES)
    for at, how in mutations:
        line = lines[at]
        lines[at] = {
            "drop": "", "twice": line + line, "indent": "  " + line, "cut": line[: len(line) // 2] + "\n",
            "junk": line.replace(":", ": }", 1),
        }[how]  # fmt: skip
    return "".join(lines)


@given(MUTATIONS.map(mutated) | st.text(max_size=100))
def test_any_text_is_a_flow_or_a_list_of_faults(text: str) -> None:
    found = check(text, "a.yaml", Known(templates={"welcome"}))
    assert isinstance(found, Definition) or (found and all(fault.line >= 1 and fault.column >= 1 for fault in found))

"""From one version of a flow to another: the difference in words, and where each person goes."""

from engine.flow.definition import Definition, check
from engine.flow.differences import difference
from engine.flow.model import Send, WaitFor
from engine.flow.versions import GONE, Fate, Route

HEAD = "name: f\nstream: transactional\ntrigger: {event: cart.updated, where: event.total > 0}\n"
OLD = """\
steps:
  - wait: 1h
  - send: cart-reminder
    id: first
  - if: event.total > 100
    id: rich
    then: [{send: order-thanks-gold, id: gold}]
  - wait: 1d
  - send: review-request
    id: last
"""


def flow(steps: str, head: str = HEAD) -> Definition:
    found = check(head + steps, "f.yaml")
    assert isinstance(found, Definition), [str(each) for each in found]
    return found


def lines(old: str, new: str) -> list[str]:
    return [str(each) for each in difference(flow(old), flow(new)).steps]


def test_the_same_flow_in_other_words_differs_in_nothing() -> None:
    assert difference(flow(OLD), flow(OLD.replace("- wait: 1h", "- wait: 60m   # an hour"))).is_nothing
    assert not difference(flow(OLD), flow(OLD.replace("- wait: 1h", "- wait: 2h"))).is_nothing


def test_steps_are_told_of_one_by_one() -> None:
    new = OLD.replace("event.total > 100", "event.total > 200").replace("  - wait: 1h\n", "")
    new += "  - exit: done\n    id: end\n"
    assert lines(OLD, new) == [
        "- wait-1h: wait 1h",
        "  first: send cart-reminder",
        "~ rich: if event.total > 100  becomes  if event.total > 200",
        "    gold: send order-thanks-gold",
        "  wait-1d: wait 1d",
        "  last: send review-request",
        "+ end: exit done",
    ]


def test_another_priority_and_best_before_are_told_of() -> None:
    head = HEAD.replace("transactional", "marketing")
    old, new = flow(OLD, head + "best_before: 2d\n"), flow(OLD, head + "best_before: 36h\npriority: 80\n")
    assert list(difference(old, new).head) == ["priority: nothing  becomes  80", "best_before: 2d  becomes  36h"]


def test_a_step_that_is_elsewhere_is_no_other_step() -> None:
    new = "steps:\n  - send: review-request\n    id: last\n  - wait: 1h\n  - send: cart-reminder\n    id: first\n"
    marks = {each.id: each.mark for each in difference(flow(OLD), flow(new)).steps}
    assert marks == {"last": ">", "wait-1h": " ", "first": " ", "rich": "-", "gold": "-", "wait-1d": "-"}


def test_a_step_that_comes_below_another_is_elsewhere() -> None:
    new = "steps:\n  - if: event.total > 1\n    id: rich\n    then: [{wait: 1h}]\n"
    old = "steps:\n  - if: event.total > 1\n    id: rich\n    then: [{exit: x, id: x}]\n  - wait: 1h\n"
    assert lines(old, new) == ["  rich: if event.total > 1", "-   x: exit x", ">   wait-1h: wait 1h"]


def test_what_is_above_the_steps_is_told_of_by_its_key() -> None:
    head = HEAD.replace("> 0", "> 20").replace("transactional", "marketing") + "goal: {event: order.placed}\n"
    assert difference(flow(OLD), flow(OLD, head)).head == (
        "stream: transactional  becomes  marketing",
        "trigger: cart.updated, where event.total > 0  becomes  cart.updated, where event.total > 20",
        "goal: nothing  becomes  order.placed",
    )


# -- where people go


def test_who_stands_before_a_step_goes_to_the_step_of_the_same_id_and_keeps_the_time() -> None:
    to = Route(flow(OLD), {}).of("last")
    assert (to.fate, to.step, to.keeps_wait) == (Fate.MOVES, "last", True)
    assert Route(flow(OLD), {}).of("").fate is Fate.MOVES  # a wait at the end


def test_who_stands_before_a_step_that_is_gone_stays_or_leaves_or_is_mapped() -> None:
    new = flow(OLD.replace("id: last", "id: ask"))
    assert Route(new, {}).of("last").fate is Fate.STAYS
    assert Route(new, {}).of("last").why == GONE
    assert Route(new, {}, leaves=True).of("last").fate is Fate.LEAVES
    to = Route(new, {"last": "ask"}).of("last")
    assert (to.fate, to.step, to.keeps_wait) == (Fate.MOVES, "ask", True)
    assert Route(new, {"last": "ask"}).of("last", needs=Send).keeps_wait
    assert not Route(new, {"last": "ask"}).of("last", needs=WaitFor).keeps_wait, "no event comes there"


def test_only_steps_that_did_not_lie_ahead_may_have_been_passed() -> None:
    old, new = (
        flow(OLD),
        flow("steps:\n  - send: review-request\n    id: last\n  - send: cart-reminder\n    id: first\n"),
    )
    route = Route(new, {})
    assert route.at_risk("last", old) == {"first"}
    assert route.at_risk("first", old) == frozenset()
    assert route.at_risk("first", None) == {"first"}
    assert route.of("last", {"first"}).fate is Fate.STAYS
    assert route.of("last", {"first"}).why == "would come again to first"


def test_what_a_jump_leads_to_may_come_again_and_what_lay_behind_a_jump_was_passed() -> None:
    old = flow(
        "steps:\n  - {tag: a, id: a}\n  - wait: 1d\n  - {tag: b, id: b}\n  - jump: {to: a, times: 3}\n    id: again\n"
    )
    new = flow("steps:\n  - {tag: b, id: b}\n  - wait: 1d\n  - {tag: a, id: a}\n")
    assert Route(new, {}).at_risk("b", old) == {"wait-1d", "a"}
    assert Route(old, {}).at_risk("b", old) == frozenset()


def test_what_is_not_told_of_a_step_in_a_few_words_is_compared_too() -> None:
    old = "steps:\n  - send: cart-reminder\n"
    assert lines(old, old + "    tracking: off\n") == [
        "~ cart-reminder: send cart-reminder  becomes  send cart-reminder, tracking clicks off, opens off, view off"
    ]

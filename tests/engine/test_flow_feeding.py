"""Flows that feed each other: which rounds are sure to go on for ever."""

from engine.flow.definition import Definition, check
from engine.flow.feeding import round_through


def flow(name: str, trigger: str, *steps: str, reentry: str = "always") -> Definition:
    text = f"name: {name}\nstream: marketing\ntrigger: {trigger}\nreentry: {reentry}\nsteps: [{', '.join(steps)}]\n"
    found = check(text, f"{name}.yaml")
    assert isinstance(found, Definition), [str(fault) for fault in found]
    return found


X, Y = "{event: my.x}", "{event: my.y}"


def test_a_round_of_events_starts_and_tags_is_found_with_its_way() -> None:
    a, b = flow("a", X, "{emit: my.y}"), flow("b", Y, "{emit: my.x}")
    assert round_through(a, [b]) == ("a", "b", "a") and round_through(b, [a]) == ("b", "a", "b")
    c, d = flow("c", "{tag: {added: t}}", "{start: d}"), flow("d", "{manual: true}", "{untag: t}", "{tag: t}")
    assert round_through(c, [a, b, d]) == ("c", "d", "c")


def test_what_a_wait_a_condition_or_re_entry_ends_is_none() -> None:
    a = flow("a", X, "{emit: my.y}")
    assert round_through(a, [flow("b", Y, "{wait: 1d}", "{emit: my.x}")]) == ()
    assert round_through(a, [flow("b", "{event: my.y, where: event.n > 1}", "{emit: my.x}")]) == ()
    assert round_through(a, [flow("b", Y, "{emit: my.x}", reentry="never")]) == ()
    assert round_through(a, [flow("b", Y, "{emit: my.z}")]) == ()
    assert round_through(a, [flow("b", Y, "{start: c}"), flow("c", Y, "{emit: my.y}", reentry="never")]) == ()

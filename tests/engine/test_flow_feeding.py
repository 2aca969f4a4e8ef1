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


UPDATED = "{event: contact.updated}"


def test_a_round_of_fields_that_are_set_back_lists_that_are_left_and_numbers_that_grow_is_found() -> None:
    gold, silver = flow("a", UPDATED, "{set: {level: gold}}"), flow("b", UPDATED, "{set: {level: silver}}")
    assert round_through(gold, [silver]) == ("a", "b", "a")
    assert round_through(gold, []) == (), "it is gold after the first time"
    for steps in ("{set: {level: gold}}, {set: {level: silver}}", "{add: {points: 1}}"):
        found = check(f"name: c\nstream: marketing\ntrigger: {UPDATED}\nreentry: always\nsteps: [{steps}]\n", "c.yaml")
        assert isinstance(found, list) and "lets the contact into this very flow again" in str(found[0])
    left, joined = (
        flow("a", "{list: {left: news}}", "{join: news}"),
        flow("b", "{list: {joined: news}}", "{leave: news}"),
    )
    assert round_through(left, [joined]) == ("a", "b", "a")
    off, on = flow("a", "{tag: {removed: t}}", "{emit: my.x}"), flow("b", X, "{untag: t}")
    assert round_through(off, [on]) == (), "there is nothing to take away"
    assert round_through(off, [flow("b", X, "{tag: t}", "{untag: t}")]) == ("a", "b", "a")


def test_a_round_through_a_segment_that_hangs_on_one_thing_is_found() -> None:
    into = flow("a", "{segment: {entered: vip}}", "{set: {level: silver}}")
    out = flow("b", "{segment: {left: vip}}", "{set: {level: gold}}")
    gold = {"vip": "contact.fields.level == 'gold'"}
    assert round_through(into, [out], gold) == ("a", "b", "a")
    assert round_through(into, [out], {"vip": "contact.fields.level in ['gold', 'silver']"}) == ()
    assert round_through(into, [out], {"vip": gold["vip"] + " and contact.orders.count > 1"}) == ()
    assert round_through(into, [out]) == () == round_through(into, [out], {"vip": "((("})
    tagged, bare = (
        flow("a", "{segment: {entered: warm}}", "{untag: t}"),
        flow("b", "{segment: {left: warm}}", "{tag: t}"),
    )
    assert round_through(tagged, [bare], {"warm": "'t' in contact.tags"}) == ("a", "b", "a")
    assert round_through(tagged, [bare], {"warm": "'u' in contact.tags"}) == ()
    assert round_through(tagged, [bare], {"warm": "'t' in contact.tags or 'u' in contact.tags"}) == ()


def test_many_flows_that_feed_each_other_are_looked_through_in_no_time() -> None:
    all_of_them = [
        flow(f"f{n}", f"{{event: my.e{n}}}", *(f"{{emit: my.e{m}}}" for m in range(1, 20) if m != n)) for n in range(20)
    ]
    assert round_through(all_of_them[0], all_of_them[1:]) == (), "nobody feeds the first"
    assert round_through(all_of_them[1], all_of_them)[0] == "f1"
    same = [flow(f"f{n}", UPDATED, "{set: {level: gold}}") for n in range(30)]
    assert round_through(same[0], same[1:]) == (), "it is gold after the first time"

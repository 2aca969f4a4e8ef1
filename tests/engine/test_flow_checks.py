"""What is wrong with a flow as a whole: found by `check`, each with its place and what to do."""

import pytest
from flow_texts import checked, faults

from engine.flow.definition import Definition, check, recall
from engine.flow.known import NOTHING_KNOWN, Known

NEWS = "name: a\nstream: marketing\nlist: news\n"


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        # loops
        (
            "  - send: a\n  - jump: {to: a, times: 5}",
            "a.yaml:6:11: steps[2].jump: goes back to a with no wait on the way; put a wait such as wait: 1d between",
        ),
        (
            '  - send: a\n  - wait: {between: ["08:00", "20:00"]}\n  - jump: a',
            "a.yaml:7:11: steps[3].jump: goes back to a with no wait on the way; put a wait such as wait: 1d between",
        ),
        # what does not exist
        (
            "  - send: a\n  - wait: 1d\n  - jump: {to: b, times: 2}",
            'a.yaml:7:16: steps[3].jump.to: "b": there is no step of this id',
        ),
        (
            "  - send: reminder\n  - wait: {for: {event: mail.clicked, step: remindr}, timeout: 1d}",
            'a.yaml:6:45: steps[2].wait.for.step: "remindr": no send has this id (did you mean "reminder"?);'
            " give the send an id",
        ),
        (
            "  - send: a\n  - wait: {for: {event: order.placed, step: a}, timeout: 1d}",
            "a.yaml:6:45: steps[2].wait.for.step: is for events of mail, such as mail.clicked; leave it out",
        ),
        # what nobody comes to
        (
            "  - exit\n  - send: a\n  - send: b",
            "a.yaml:6:5: steps[2]: nobody ever comes to this step; take it out, or what ends the flow before it",
        ),
        (
            "  - if: event.a\n    then: [exit]\n    else: [{exit: no}]\n  - send: a",
            "a.yaml:8:5: steps[2]: nobody ever comes to this step; take it out, or what ends the flow before it",
        ),
        # dividing by nothing
        (
            "  - if: event.total / 0 > 1\n    then: [exit]",
            'a.yaml:5:23: steps[1].if: "event.total / 0 > 1": divides by nothing: the result is always missing',
        ),
        (
            "  - set: {a: {from: event.x % (2 - 2)}}",
            'a.yaml:5:32: steps[1].set.a.from: "event.x % (2 - 2)": divides by nothing: the result is always missing',
        ),
        # itself
        (
            "  - start: a-flow",
            "a.yaml:5:12: steps[1].start: a flow can't start itself; write jump to go on at a step of it",
        ),
        ("  - stop: a-flow", "a.yaml:5:11: steps[1].stop: a flow can't stop itself; write exit"),
        (
            "  - split: [{weight: 1, name: x}, {weight: 1, name: x}]",
            "a.yaml:5:12: steps[1].split: two ways have the same name; choose another name",
        ),
    ],
)
def test_what_is_wrong_with_the_steps_is_said_where_it_is(steps: str, fault: str) -> None:
    assert faults(steps) == [fault]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            NEWS + "trigger: {list: {left: news}}\nsteps: [{send: a}]",
            "a.yaml:4:24: trigger.list.left: who left news gets none of its mail; name another list, or write confirmed",
        ),
        (
            NEWS + "trigger: {list: {joined: news}}\nsteps: [{send: a}]",
            "a.yaml:4:26: trigger.list.joined: who has just joined news has not confirmed it; write confirmed,"
            " or wait for: {event: list.confirmed} before the first mail",
        ),
        (
            NEWS + "trigger: {event: order.placed}\nsteps: [{leave: news}, {send: a}]",
            "a.yaml:5:17: steps[1].leave: the mails after this are of news, which the contact left; write exit after it",
        ),
        (
            'name: a\nstream: transactional\ntrigger: {calendar: {on: 12-24, at: "10:00"}}\nsteps: [{send: a}]',
            "a.yaml:3:10: trigger: is nothing that the person did;"
            " transactional mail answers what the person did; write stream: marketing",
        ),
        (
            "name: a\nstream: transactional\ntrigger: {segment: {entered: vip}}\nsteps: [{send: a}]",
            "a.yaml:3:10: trigger: segment.entered is nothing that the person did;"
            " transactional mail answers what the person did; write stream: marketing",
        ),
        (
            "name: a\nstream: transactional\nholdout: 10%\ntrigger: {event: order.placed}\nsteps: [{send: a}]",
            "a.yaml:3:10: holdout: is for marketing; nobody may be kept from mail about their own doing",
        ),
        (
            "name: a\nstream: transactional\npriority: 80\ntrigger: {event: order.placed}\nsteps: [{send: a}]",
            "a.yaml:3:11: priority: is for marketing; leave it out: mail about the person's own doing is never held",
        ),
        (
            "name: a\nstream: transactional\nbest_before: 1d\ntrigger: {event: order.placed}\nsteps: [{send: a}]",
            "a.yaml:3:14: best_before: is for marketing; leave it out: mail about the person's own doing is never held",
        ),
        (
            "name: a\nstream: transactional\nlist: news\ntrigger: {event: order.placed}\nsteps: [{send: a}]",
            "a.yaml:3:7: list: is for marketing; leave it out: nobody can leave their own orders",
        ),
        (
            "name: a\nstream: marketing\nreentry: always\ntrigger: {event: loyal.now}\nsteps: [{send: a}, {emit: loyal.now}]",
            "a.yaml:5:20: steps[2]: lets the contact into this very flow again, with no wait on the way; add a wait",
        ),
        (
            "name: a\nstream: marketing\ntrigger: {event: my.x, restart: true}\nsteps: [{emit: my.x}, {wait: 1d}]",
            "a.yaml:4:9: steps[1]: lets the contact into this very flow again, with no wait on the way; add a wait",
        ),
        (
            'name: a\nstream: marketing\ntrigger: {schedule: {rrule: FREQ=WEEKLY;INTERVAL=2, at: "10:00"}}\nsteps: [{send: a}]',
            "a.yaml:3:21: trigger.schedule: start: is missing: this rule counts from a first day; such as start: 2026-01-05",
        ),
        (
            'name: a\nstream: marketing\ntrigger: {schedule: {rrule: FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30, at: "10:00"}}\n'
            "steps: [{send: a}]",
            'a.yaml:3:29: trigger.schedule.rrule: "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30": names no day at all;'
            " such as FREQ=WEEKLY;BYDAY=MO",
        ),
    ],
)
def test_what_consent_would_refuse_and_days_that_never_come_are_said(text: str, fault: str) -> None:
    assert faults(text) == [fault]


def test_who_confirms_first_may_be_written_to() -> None:
    checked(
        NEWS
        + "trigger: {list: {joined: news}}\nsteps: [{wait: {for: {event: list.confirmed}, timeout: 7d}, then: [{send: a}]}]"
    )
    checked(NEWS + "trigger: {list: {confirmed: news}}\nsteps: [{send: a}]")


def test_names_that_are_known_not_to_be_there_are_refused() -> None:
    known = Known(
        templates=["hello"],
        lists=["news"],
        segments=["vip"],
        flows=["a-flow", "other"],
        pools=["first"],
        fields=["points"],
        staff=["sales@shop.example"],
    )
    steps = """\
  - send: helo
  - join: newz
  - wait: {for: {segment: vips}, timeout: 1d}
  - start: others
  - coupon: firsst
  - add: {point: 1}
  - notify: {to: Sales@shop.example, text: x}
  - notify: {to: sale@shop.example, text: x}
"""
    assert [fault.partition(": ")[2] for fault in faults(steps, known)] == [
        'steps[1].send: "helo": there is no mail template of this name (did you mean "hello"?)',
        'steps[2].join: "newz": there is no list of this name (did you mean "news"?)',
        'steps[3].wait.for.segment: "vips": there is no segment of this name (did you mean "vip"?)',
        'steps[4].start: "others": there is no flow of this name (did you mean "other"?)',
        'steps[5].coupon: "firsst": there is no pool of coupons of this name (did you mean "first"?)',
        'steps[6].add.point: "point": there is no field of contacts of this name (did you mean "points"?)',
        'steps[8].notify.to: "sale@shop.example": there is no address in mail.staff of this name'
        ' (did you mean "sales@shop.example"?)',
    ]


@pytest.mark.parametrize(
    "url",
    ["http://localhost/x", "http://127.0.0.1/", "http://[::1]/", "http://10.1.2.3/", "https://a:b@shop.example/", "ftp://a.example/",
     "https://", "http://169.254.169.254/latest", "http://x.internal/", "https://2130706433/", "https://0x7f000001/",
     "https://127.1/", "https://0177.0.0.1/", "https://127.0.0.1./", "https://１２７.0.0.1/", "https://10.0.0.1.0x1/",
     "https://[::ffff:10.0.0.1]/", "https://localhost./"],
)  # fmt: skip
def test_an_address_that_may_not_be_called_is_refused(url: str) -> None:
    (fault,) = faults(f'  - webhook: "{url}"')
    assert "address" in fault


@pytest.mark.parametrize(
    "url", ["https://shop.example/", "https://3.shop.example/hook", "https://0x.shop.example:8443/"]
)
def test_an_address_with_a_name_may_be_called(url: str) -> None:
    assert checked(f'  - webhook: "{url}"', Known(permits=()))


def test_an_address_without_tls_is_for_who_permits_a_network() -> None:
    step = '  - webhook: "http://shop.example/"'
    (fault,) = faults(step, Known(permits=()))
    assert "http: is for networks of hooks.permit alone, and it names none: use https:" in fault
    assert checked(step, Known(permits=["10.0.0.0/8"]))


def test_a_step_that_is_wrong_hides_no_other_fault_and_is_not_missed_by_what_names_it() -> None:
    steps = """\
  - send: reminder
    id: first
    late: {after: 6h, do: skp}
  - wait: {for: {event: mail.clicked, step: first}, timeout: 1d}
  - wait: soon
    id: pause
  - jump: pause
  - jump: nowhere
"""
    first, second, third = faults(steps)
    assert '"skp"' in first and '"soon"' in second and '"nowhere": there is no step of this id' in third


def test_a_version_that_was_applied_reads_whatever_check_has_learnt_since() -> None:
    text = "name: a\nstream: marketing\ntrigger: {event: order.placed}\nsteps: [exit, {send: a}]\n"
    assert faults(text)
    assert isinstance(recall(text, "a.yaml"), Definition)


def test_a_condition_that_speaks_of_what_is_not_there_is_refused_with_its_column() -> None:
    known = Known(lists=["news"], segments=["vip"], fields=["points"])
    for condition, column, words in (
        ("contact.fields.point > 1", 19, 'point: there is no field of contacts of this name (did you mean "points"?)'),
        ("contact.lists.newz == 'confirmed'", 18, 'newz: there is no list of this name (did you mean "news"?)'),
        ("'vipp' in contact.segments", 11, 'vipp: there is no segment of this name (did you mean "vip"?)'),
    ):
        (fault,) = faults(f'  - if: "{condition}"\n    then: [exit]', known)
        assert fault.endswith(words) and int(fault.split(":")[2]) >= column - 10
        checked(f'  - if: "{condition}"\n    then: [exit]')


def test_a_country_that_there_is_not_is_refused() -> None:
    (fault,) = faults('  - wait: {until: "10:00", skip: [holidays], country: UK}')
    assert "a country by its two letters, such as IL (ISO 3166), is expected" in fault
    checked('  - wait: {until: "10:00", skip: [holidays], country: GB}')


def test_what_stands_within_a_step_that_is_wrong_is_looked_at_too() -> None:
    steps = """\
  - if: event.total >
    then: [{jump: nowhere}]
  - switch:
      - {case: evnt.a, then: [{wait: soon}]}
  - split:
      - {weight: lots, then: [{tag: [a]}]}
      - {weight: 1}
"""
    places = [fault.partition(": ")[2].partition(":")[0] for fault in faults(steps)]
    assert places == [
        "steps[1].if", "steps[1].then[1].jump.to", "steps[2].switch[1].case", "steps[2].switch[1].then[1].wait",
        "steps[3].split[1].weight", "steps[3].split[1].then[1].tag",
    ]  # fmt: skip


def test_the_words_of_our_own_are_no_steps_to_jump_to() -> None:
    (fault,) = faults("  - wait: 1d\n  - jump: exit")
    assert '"exit": there is no step of this id' in fault


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (  # no name, and an event that is none
            "stream: transactional\ntrigger: {event: order.plcaed}\nsteps:\n  - jump: nowhere\n"
            "  - wait: {for: {event: order.placed, step: x}, timeout: 1d}\n",
            ["1:1", "2:18", "4:11", "5:45"],
        ),
        (  # no trigger, no such stream: loops and dead ends are found all the same
            "name: a\nstream: marketng\nsteps:\n  - send: a\n  - jump: a\n  - exit\n  - sned: b\n",
            ["1:1", "2:9", "5:11", "7:5", "7:5"],
        ),
        (  # a step that is none, with steps below it
            "name: a\nstream: transactional\ntrigger: {event: order.placed}\nsteps:\n  - iff: event.a\n    then:\n"
            "      - sned: x\n      - wait: 1x\n  - send: a\n    wait: 1x\n    then: [{tag: }]\n",
            ["5:5", "7:9", "8:15", "9:5", "10:11", "11:17"],
        ),
        (  # a webhook and a wait that are wrong, with steps below them
            "name: a\nstream: transactional\ntrigger: {event: order.placed}\nsteps:\n"
            "  - webhook: {url: ftp://x, wait: true}\n    then: [{sned: x}]\n    else: [{jump: no}]\n"
            "  - wait: {for: {evnt: order.placed}, timeout: 2d}\n    then: [{sned: x}]\n",
            ["5:20", "6:13", "7:19", "8:18", "9:13"],
        ),
        (  # two triggers, each wrong
            "name: a\nstream: transactional\ntrigger: {event: order.plced, list: {joind: news}, where: event.total >}\n"
            "steps: [{sned: a}]\n",
            ["3:1", "3:18", "3:38", "3:72", "4:10"],
        ),
        (  # what the whole lacks beside a step that can't be read
            "name: a\nstream: transactional\nlist: news\ntrigger: {event: my.x}\nreentry: always\n"
            "steps: [{start: a}, {emit: my.x}, {wat: 1d}]\n",
            ["3:7", "6:17", "6:21", "6:36"],
        ),
    ],
)  # fmt: skip
def test_all_faults_are_told_in_one_round_whatever_else_is_wrong(text: str, places: list[str]) -> None:
    found = check(text, "a.yaml", NOTHING_KNOWN)
    assert isinstance(found, list) and [f"{each.line}:{each.column}" for each in found] == places


def test_a_step_that_may_have_been_a_jump_may_lead_anywhere() -> None:
    rest = "trigger: {event: order.placed}\nsteps:\n  - jump: {to: b, times: 0}\n  - exit\n  - send: a\n    id: b\n"
    [fault] = faults(f"name: a\nstream: transactional\n{rest}")
    assert "a whole number from 1 to 1000" in fault


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("''.__class__", "'' is one value: there is no __class__ in it"),
        ("contact.name.__class__", "contact.name is one value: there is no __class__ in it"),
        ("contact.orders.cnt > 2", 'contact.orders has no cnt (did you mean "count"?)'),
        ("contact.tags.gold", "contact.tags is a list; ask 'gold' in contact.tags"),
        ("now.year > 2", "now has no year"),
        ("'abc' > 3", "compares a text with a number"),
        ("contact.orders.count == 'none'", "compares a text with a number"),
        ("3 < contact.name", "compares a text with a number"),
        ("event.total => 3", "write >= for greater or equal"),
        ("event.total >", "ends too soon; a value is expected at its end"),
    ],
)
def test_a_condition_that_looks_where_nothing_can_be_is_refused(condition: str, words: str) -> None:
    [fault] = faults(
        f'{NEWS}trigger: {{event: order.placed}}\nsteps: [{{if: "{condition}", then: [exit]}}, {{send: a}}]'
    )
    assert words in fault

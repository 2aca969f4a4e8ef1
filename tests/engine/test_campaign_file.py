"""Campaign files: what one says, and everything that is wrong with one, at once, each with its place."""

import pytest

from engine.campaigns.model import Campaign, IfPassed, Late, Metric, in_language
from engine.campaigns.reading import check
from engine.flow.document import Fault

GOOD = """\
name: spring
title: Spring news
goal: {event: order.placed, within: 7d}
audience: {lists: [news, tea], segments: [buyers], minus: {tags: [staff]}}
template: newsletter
sender: Anna of Blue Teapot
subject: {en: "Spring, {{ contact.name }}", zh-Hant: 春天}
content: {en: {heading: Spring, goods: [{name: Pot, price: "4"}]}}
variants:
  - {name: plain, subject: Spring}
  - {name: warm, subject: The first harvest}
test: {sample: 20%, metric: clicks, after: 4h, otherwise: split}
when: {at: 2026-12-01T10:00, zone: contact, if_passed: skip}
throttle: 600/hour
window: 10m
late: {after: 6h, do: skip}
best_before: 1d
tracking: {opens: off}
"""


def faults(text: str) -> list[str]:
    found = check(text, "c.yaml", {"newsletter", "cart-reminder"})
    assert isinstance(found, list), found
    return [str(each) for each in found]


def campaign(text: str) -> Campaign:
    found = check(text, "c.yaml", {"newsletter"})
    assert isinstance(found, Campaign), [str(each) for each in found]
    return found


def test_a_whole_file_is_read() -> None:
    found = campaign(GOOD)
    assert (found.name, found.title, found.goal.event) == ("spring", "Spring news", "order.placed")
    assert (found.audience.of.lists, found.audience.minus.tags) == (("news", "tea"), ("staff",))
    assert found.test is not None
    assert (found.test.metric, found.test.significance, found.test.otherwise) == (Metric.CLICKS, 0.95, "")
    assert found.variant("warm").subject == {"": "The first harvest"}
    assert found.variant("warm").template == "newsletter"
    assert found.variant("?") == found.mail
    assert (found.when.own_zone, found.when.if_passed) == (True, IfPassed.SKIP)
    assert found.every is not None
    assert found.every.total_seconds() == 6
    assert (found.misfire.do, found.window.total_seconds()) == (Late.SKIP, 600)
    assert found.tracking.opens is False
    assert len(found.version) == 64


def test_holdout_and_hours_are_read() -> None:
    found = campaign(GOOD + 'holdout: 12.5%\nhours: {between: ["22:00", "06:00"], on: [fri]}\n')
    assert found.holdout == 0.125 and str(found.hours) == "between 22:00 and 06:00 on fri"
    assert campaign(GOOD).hours is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("holdout: 60%", "at most 50%"), ("holdout: some", "a percentage"), ("hours: 9-18", "keys with values"),
        ('hours: {between: ["09:00"]}', "2"), ('hours: {betwen: ["09:00", "18:00"]}', "between"),
        ('hours: {between: ["9", "18:00"]}', "between"), ("hours: {on: [mon]}", "is missing"),
    ],
)  # fmt: skip
def test_a_holdout_and_hours_that_make_no_sense_are_refused(line: str, expected: str) -> None:
    (told,) = faults(f"{GOOD}{line}\n")
    assert expected in told


def test_line_ends_and_their_blanks_make_no_other_version() -> None:
    assert campaign(GOOD).version == campaign(GOOD.replace("\n", "  \r\n")).version
    assert campaign(GOOD).version != campaign(GOOD.replace("7d", "8d")).version


def test_everything_that_is_wrong_is_said_at_once_with_line_and_column() -> None:
    told = faults(
        GOOD.replace("order.placed", "order.plced")
        .replace("template: newsletter", "template: newslettr")
        .replace("20%", "120%")
        .replace("600/hour", "often")
        .replace("window", "windov")
    )
    assert [each.split(": ")[0] for each in told] == [
        "c.yaml:3:15", "c.yaml:5:11", "c.yaml:12:16", "c.yaml:14:11", "c.yaml:15:1",
    ]  # fmt: skip
    assert "did you mean" in told[0]
    assert 'there is no mail newslettr (did you mean "newsletter"?)' in told[1]
    assert "such as 600/hour" in told[3]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("name: spring\n", ""), "name: is missing"),
        (("goal: {event: order.placed, within: 7d}\n", ""), "goal: is missing; say which event counts"),
        (("{lists: [news, tea], segments: [buyers], minus", "{minus"), "audience: nobody is in it"),
        (("lists: [news, tea]", "lists: [news, news]"), "audience.lists[1]: stands here twice"),
        (("{name: warm, subject: The first harvest}", "{name: warm, sender: Bo}"), "differs in sender, the first one in"),
        (("subject: The first harvest}", "subject: Hi, sender: Bo}"), "variants differ in exactly one thing"),
        (("  - {name: warm, subject: The first harvest}\n", ""), "one variant is none"),
        (("name: warm", "name: plain"), "another variant has this name"),
        (("otherwise: split", "otherwise: best"), "split, or one of plain, warm"),
        (("after: 4h, ", ""), "test.after: is missing; such as after: 4h"),
        (("otherwise: split", "significance: 50%, otherwise: split"), "at least 80% is expected"),
        (("2026-12-01T10:00", "2026-12-01"), "a day and a time without an offset"),
        (("2026-12-01T10:00", "2026-12-01T10:00+01:00"), "a day and a time without an offset"),
        (("zone: contact", "zone: Mars/Olympus"), "contact (each reader's own) or a time zone"),
        (("zone: contact", "zone: Europe/Berlin"), "when.if_passed: is for zone: contact"),
        (("{{ contact.name }}", "{{ contact.name"), "subject.en:"),
        (("{{ contact.name }}", "{{ person.name }}"), "person is nothing that a mail is given"),
        (("{{ contact.name }}", "{{ contact.nam }}"), "contact.nam is nothing that is known of a contact (did you mean name?)"),
        (("{{ contact.name }}", "{{ contact['lists'] }}"), "contact.lists is nothing that is known of a contact"),
        (("{{ contact.name }}", "{{ 1/0 }}"), "1 / 0: division by zero"),
        (("{{ contact.name }}", "{% if contact.name ~ (2 - 'a') %}x{% endif %}"), "- is for numbers"),
        (("{{ contact.name }}", "{{ ''.__class__ }}"), "subject.en:"),
        (("{{ contact.name }}", "{{ " + "(" * 2000 + ")" * 2000 + " }}"), "it is nested too deeply"),
        (("{{ contact.name }}", "{{ contact.fields['__class__'] }}"), "__class__ is a name of Python's, not of data"),
        (("heading: Spring", "heading: '{% include \"x\" %}'"), "it includes and extends nothing"),
        (("Anna of Blue Teapot", "anna@shop.example"), "the address is that of mail.from"),
        (("content: {en: {heading: Spring, goods: [{name: Pot, price: \"4\"}]}}", "content: {en: Spring}"), "keys with texts"),
        (("content: {en:", "content: {4:"), "is no language tag"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_a_remedy(change: tuple[str, str], expected: str) -> None:
    assert change[0] in GOOD
    assert expected in "\n".join(faults(GOOD.replace(*change)))


def test_all_that_is_wrong_with_one_text_is_said_at_once() -> None:
    told = "\n".join(faults(GOOD.replace("{{ contact.name }}", "{{ 1/0 }} {{ contact.nam }} {{ prson.x }}")))
    assert all(each in told for each in ("division by zero", "contact.nam is nothing", "prson is nothing"))


def test_a_name_of_a_loop_is_known_in_the_loop_alone() -> None:
    loop = "{% for tag in contact.tags %}{{ tag }}{% endfor %}"
    assert isinstance(check(GOOD.replace("{{ contact.name }}", loop), "c.yaml", {"newsletter"}), Campaign)
    assert "tag is nothing that a mail is given" in "\n".join(
        faults(GOOD.replace("{{ contact.name }}", loop + "{{ tag }}"))
    )


def test_the_priority_and_the_end_of_what_it_tells_of_are_read() -> None:
    found = campaign(GOOD + "priority: 70\nover: 2026-12-05T00:00\n")
    assert (found.priority, str(found.over)) == (70, "2026-12-05 00:00:00")
    assert "a whole number from 0 to 1000" in "\n".join(faults(GOOD + "priority: high\n"))


def test_expressions_that_may_come_out_are_left_to_the_facts() -> None:
    for text in (
        "{{ 6 / 4 }}",
        "{% for n in [1, 2] %}{{ n }}{% endfor %}",
        "{{ 2 | number }}",
        "{{ contact.fields.size }}",
    ):
        assert isinstance(check(GOOD.replace("{{ contact.name }}", text), "c.yaml", {"newsletter"}), Campaign), text


def test_hours_can_be_compared_on_a_day_that_is_named() -> None:
    text = GOOD.replace("subject: Spring}", 'at: "09:00"}').replace("subject: The first harvest}", 'at: "18:00"}')
    assert campaign(text).tests_time
    now = text.replace("when: {at: 2026-12-01T10:00, zone: contact, if_passed: skip}", "when: now")
    assert "hours can be compared on a day that is named" in "\n".join(faults(now))


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ('{rrule: "FREQ=HOURLY", at: "10:00", from: 2026-12-01}', "a recurrence rule of days is expected"),
        ('{rrule: "FREQ=WEEKLY;BYDAY=MO", at: "10:00"}', "when.from: is missing"),
        ('{rrule: "FREQ=WEEKLY;BYDAY=MO", at: 2026-12-01T10:00, from: 2026-12-01}', "a time of day is expected"),
        ('{rrule: "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", at: "10:00", from: 2026-12-01}', "names no day at all"),
        ("{zone: contact}", "when.at: is missing"),
        ("soon", "or now"),
    ],
)
def test_a_time_that_never_is_is_refused(when: str, expected: str) -> None:
    plain = GOOD.replace("{at: 2026-12-01T10:00, zone: contact, if_passed: skip}", when)
    assert expected in "\n".join(faults(plain))


@pytest.mark.parametrize("text", ["", "[", "name: &a x\ntitle: *a", "- 1", "name: !!python/object x", "\0", "a: " * 9])
def test_a_file_that_is_none_is_a_fault_and_no_error(text: str) -> None:
    found = check(text, "c.yaml")
    assert isinstance(found, list)
    assert all(isinstance(each, Fault) for each in found)


def test_a_reader_gets_the_closest_language() -> None:
    of = {"en": 1, "zh-Hant": 2, "ru": 3}
    assert in_language(of, "zh-hant-TW", "en") == ("zh-Hant", 2)
    assert in_language(of, "ru-RU", "en") == ("ru", 3)
    assert in_language(of, "fr", "ru") == ("ru", 3)
    assert in_language(of, "fr", "de") == ("en", 1)
    assert in_language({}, "fr", "de") == ("", None)

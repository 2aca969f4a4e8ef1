"""Why, and why not: every path has an answer, in words of a closed list."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flow_house import ANN, FlowHouse
from mail_shop import make_composer, make_list

from deliverability.address import Address
from engine.audience.contacts import Change, change
from engine.audience.dossier import erase, merge
from engine.audience.suppression import Reason as Stop
from engine.audience.suppression import suppress
from engine.catalogue.pools import Code, Pool, load, put
from engine.reasons.origin import Origin, origin_of
from engine.reasons.why_not import NoFlow, WhyNot
from engine.reasons.words import WORDS, Reason
from engine.running.book import FlowBook
from engine.sending.judging import Cap, Policy
from mta.ports import Tx
from mta.queue.delivery import Stream

DAY = timedelta(days=1)
FLOW = """\
name: cart
title: Cart
about: Remind.
stream: marketing
trigger: {event: cart.updated, where: event.total >= 20, key: event.cart_id}
reentry: {after: 7d}
goal: {event: order.placed}
exit: "'no-reminders' in contact.tags"
steps:
  - wait: 1h
  - if: contact.orders.count == 0
    id: is-new
    then: [{send: review-request, id: mail}]
"""

Make = Callable[..., FlowHouse]


@pytest.fixture
async def make(tmp_path: Path, places: Callable[[], Path | str]) -> AsyncIterator[Make]:
    houses: list[FlowHouse] = []

    def build(flow: str = FLOW, gate: Callable[..., str] | None = lambda *asked: "", **more: object) -> FlowHouse:
        houses.append(FlowHouse(tmp_path / str(len(houses)), flow, place=places(), gate=gate, **more))  # type: ignore[arg-type]
        return houses[-1]

    (tmp_path / "0").mkdir()
    yield build
    for house in houses:
        house.store.close()


def ask(house: FlowHouse, name: str = "cart", address: str = ANN) -> tuple[Reason, ...]:
    question = WhyNot(FlowBook(), house.arbiter, ZoneInfo("UTC"))
    found = house.store.read_now(lambda tx: question.reasons(tx, Address.parse(address), name, house.clock.now()))
    assert found and {each.word for each in found} <= WORDS
    return found


def kind(house: FlowHouse, name: str) -> str:
    return house.store.read_now(lambda tx: WhyNot(FlowBook(), house.arbiter, ZoneInfo("UTC")).kind_of(tx, name))


def words(house: FlowHouse, name: str = "cart") -> list[str]:
    return [each.word for each in ask(house, name)]


def cart(total: float = 30, cart_id: str = "c1") -> dict[str, object]:
    return {"cart_id": cart_id, "total": total, "lines": []}


def known(house: FlowHouse) -> None:
    house.tell("product.viewed", sku="t")


async def test_who_is_not_known_and_who_is_another_now(make: Make) -> None:
    house = make()
    assert words(house) == ["unknown address"]
    house.tell("ping", "bob@example.org")
    known(house)
    now = house.clock.now()
    house.store.write_now(lambda tx: merge(tx, 1, 2, by="test", now=now))
    [reason] = ask(house, address="bob@example.org")
    assert reason.word == "another contact now" and ANN in reason.text
    house.store.write_now(lambda tx: erase(tx, 2, ANN, salt=b"s" * 16, now=now))
    assert words(house) == ["erased"]


async def test_a_flow_that_is_not_there_is_named_with_the_nearest(make: Make) -> None:
    house = make()
    with pytest.raises(NoFlow, match="no flow and no campaign cat") as caught:
        kind(house, "cat")
    assert kind(house, "cart") == "flow"
    assert 'did you mean "cart"' in caught.value.hint


async def test_no_event_ever_came(make: Make) -> None:
    house = make()
    known(house)
    await house.settle()
    [reason] = ask(house)
    assert reason.word == "no such event came" and "cart.updated" in reason.text


async def test_an_event_that_did_not_meet_the_condition_shows_its_values(make: Make) -> None:
    house = make()
    house.tell("cart.updated", **cart(total=9))
    assert words(house) == ["not looked at yet"]
    await house.settle()
    [reason] = ask(house)
    assert reason.word == "condition does not hold" and reason.values["event.total"] == 9


async def test_a_field_that_is_missing_is_named(make: Make) -> None:
    house = make()
    house.tell("cart.updated", cart_id="c1")
    await house.settle()
    [reason] = ask(house)
    assert reason.text.endswith("missing: event.total")


async def test_a_run_that_waits_says_where_and_until_when(make: Make) -> None:
    house = make()
    house.tell("cart.updated", **cart())
    await house.settle()
    [reason] = ask(house)
    assert reason.word == "waits" and "is-new" in reason.text and reason.until == house.clock.now() + timedelta(hours=1)
    house.clock.advance(timedelta(hours=2))
    assert words(house) == ["due now"]
    house.set_state("cart", "paused")
    assert words(house) == ["flow paused"]


async def test_a_goal_an_exit_and_another_way_are_told_of(make: Make) -> None:
    house = make()
    house.tell("cart.updated", **cart())
    await house.settle()
    house.tell("order.placed", number="1", total=5, lines=[])
    await house.settle()
    assert words(house)[0] == "goal reached"
    await house.later(days=8)
    house.tell("cart.updated", **cart())
    await house.settle()
    await house.later(hours=1)
    reason = ask(house)[0]
    assert reason.word == "went another way" and reason.values["contact.orders.count"] == 1
    await house.later(days=8)
    house.tell("cart.updated", **cart())
    house.do("INSERT INTO tag (contact_id, tag, at_ms) VALUES (1, 'no-reminders', 0)")
    await house.settle()
    reason = ask(house)[0]
    assert reason.word == "left the flow" and "'no-reminders' in contact.tags" in reason.text


async def test_the_rule_of_re_entry_says_until_when(make: Make) -> None:
    house = make()
    house.tell("cart.updated", **cart())
    await house.settle()
    await house.later(hours=1)
    house.tell("cart.updated", **cart())
    await house.settle()
    found = {each.word: each for each in ask(house)}
    assert found["too soon after the last run"].until == house.clock.now() + timedelta(days=7, hours=-1)
    assert "written" in found and "message 1" in found["written"].text


async def test_what_came_before_the_flow_was_there(make: Make) -> None:
    house = make("name: other\nstream: transactional\ntrigger: {event: ping}\nsteps: [{wait: 1d}]")
    house.tell("cart.updated", **cart())
    await house.later(days=1)
    house.apply(FLOW)
    assert words(house) == ["came before the flow"]
    assert words(house, "other") == ["no such event came", "sends no mail"]


async def test_an_archived_flow_says_so_and_a_paused_one_before_anybody_enters(make: Make) -> None:
    house = make()
    known(house)
    await house.settle()
    house.set_state("cart", "paused")
    assert words(house)[0] == "flow paused"
    house.set_state("cart", "archived")
    assert words(house)[0] == "flow archived"
    assert "would enter now" not in words(house)


async def test_the_arbiter_s_word_comes_with_the_cap_or_the_suppression(make: Make) -> None:
    house = make(gate=None)
    house.tell("cart.updated", **cart())
    await house.settle()
    await house.later(hours=1)
    assert [each.word for each in ask(house) if "arbiter refused" in each.text] == ["no confirmed subscription"]
    now = house.clock.now()
    house.store.write_now(lambda tx: suppress(tx, ANN, Stop.UNSUBSCRIBE, now=now))
    assert words(house)[-1] == "unsubscribe"


async def test_a_held_mail_says_what_holds_it_and_until_when(make: Make) -> None:
    house = make(policy=Policy(caps=(Cap(1, DAY),)))
    for cart_id in ("c1", "c2"):
        house.tell("cart.updated", **cart(cart_id=cart_id))
        await house.settle()
    await house.later(hours=1)
    reason = ask(house)[0]
    assert reason.word == "frequency cap" and "1 in 1d of all: 1 already" in reason.text
    assert reason.until == house.clock.now() + DAY


async def test_a_mail_that_can_t_be_written_is_told_apart_from_a_wait(make: Make) -> None:
    house = make(FLOW.replace("review-request", "no-such-mail"))
    house.tell("cart.updated", **cart())
    await house.settle()
    await house.later(hours=1)
    assert words(house) == ["mail can't be written"]


async def test_a_template_s_fault_names_whom_where_and_what_is_missing_in_the_alarm_and_to_who_asks(
    make: Make, tmp_path: Path
) -> None:
    mails = tmp_path / "0" / "templates" / "mail"
    mails.mkdir(parents=True)
    (mails / "shares.toml").write_text('[en]\nheading = "Shares"\n')
    (mails / "shares.txt.j2").write_text("{% block subject %}Shares{% endblock %}\n{{ event.total / event.parts }}\n")
    (mails / "shares.html.j2").write_text("<p>Each\n{{ event.total / event.parts }}</p>\n")
    house = make(
        FLOW.replace(
            "  - if: contact.orders.count == 0\n    id: is-new\n    then: [{send: review-request, id: mail}]",
            "  - send: shares",
        )
    )
    house.tell("cart.updated", **cart())
    await house.settle()
    await house.later(hours=1)
    fault = "mail/shares.html.j2, line 2 (en): parts is not among the facts, in {{ event.total / event.parts }}"
    assert house.alarms == [f"the enrolment 1 of contact 1 {ANN} is held or failed: cart, step shares: {fault}"]
    [reason] = ask(house)
    assert reason.word == "mail can't be written" and f"cart, step shares: {fault}" in reason.text
    (mails / "shares.html.j2").write_text("<p>Each</p>\n")
    (mails / "shares.txt.j2").write_text("{% block subject %}Shares{% endblock %}\nEach\n")
    house.composer = make_composer(mails.parent)
    house.runners = [house.runner()]
    await house.later(minutes=15)
    assert words(house) == ["written"], "what was the matter is forgotten"


async def test_an_empty_pool_is_named_with_since_when_and_what_fills_it(make: Make) -> None:
    house = make(FLOW.replace("  - if: contact", "  - coupon: {pool: spring}\n    id: gift\n  - if: contact"))
    house.tell("cart.updated", **cart())
    await house.settle()
    await house.later(hours=1)
    since = house.clock.now()
    [reason] = ask(house)
    assert reason.word == "no coupon left" and reason.at == since
    assert 'there is no coupon pool "spring"; `posthouse coupon pool add spring` makes one' in reason.text
    house.store.write_now(lambda tx: put(tx, Pool("spring", low=0), b"x" * 32, since))
    await house.later(minutes=20)
    [reason] = ask(house)
    assert (reason.word, reason.at) == ("no coupon left", since)
    assert reason.text == (
        f'it stands before the step gift, key c1, since {since:%Y-%m-%d %H:%M} UTC: the coupon pool "spring" is empty;'
        " `posthouse coupon pool load spring FILE` fills it, and it goes on within seconds"
    )
    house.store.write_now(lambda tx: load(tx, "spring", [Code("AAAA-1")]))
    [reason] = ask(house)
    assert reason.word == "due now" and "has coupons by now" in reason.text


async def test_a_late_mail_says_that_it_asks_or_that_it_was_skipped(make: Make) -> None:
    house = make(FLOW.replace("id: mail}]", "id: mail, late: {after: 2h, do: ask}}]"))
    skips = FLOW.replace("name: cart", "name: skips")
    house.apply(skips.replace("id: mail}]", "id: mail, late: {after: 2h, do: skip}}]"))
    house.tell("cart.updated", **cart())
    await house.settle()
    meant = house.clock.now() + timedelta(hours=1)
    await house.later(hours=5)
    [reason] = ask(house)
    assert (reason.word, reason.at) == ("late, and asks", meant)
    assert f"should have gone at {meant:%Y-%m-%d %H:%M} UTC" in reason.text
    assert "`posthouse flow late cart send`" in reason.text and "`posthouse flow late cart skip`" in reason.text
    [reason] = [each for each in ask(house, "skips") if "late" in each.word]
    assert reason.word == "skipped as late" and reason.text == "at the step mail it was not written: more than 2h late"


async def test_a_wait_says_what_is_meant_and_one_end_also_after_the_clock_changed(make: Make) -> None:
    house = make(FLOW.replace("wait: 1h", 'wait: {until: "10:00"}\n    id: morning'))
    house.tell("cart.updated", **cart())
    await house.settle()
    [reason] = ask(house)
    assert reason.text == "it stands before the step is-new, key c1 (morning: until 10:00)"
    house.store.write_now(lambda tx: change(tx, 1, Change(zone="America/New_York"), house.clock.now()))
    await house.settle()
    [reason] = ask(house)
    assert reason.text == "it stands before the step is-new, key c1 (morning: until 10:00)"
    assert reason.until is not None and reason.until.astimezone(ZoneInfo("America/New_York")).hour == 10


async def test_a_wait_for_an_event_and_a_step_that_fails_say_what_is_the_matter(make: Make) -> None:
    house = make(FLOW.replace("wait: 1h", "wait: {for: {event: my.pay}, timeout: 2d}\n    id: paid"))
    house.tell("cart.updated", **cart())
    await house.settle()
    [reason] = ask(house)
    assert (
        reason.text == "it waits at the step paid, key c1, for my.pay, 2d at most"
        and reason.until == house.clock.now() + 2 * DAY
    )
    house.apply(
        FLOW.replace("name: cart", "name: tells").replace("wait: 1h", "notify: {to: nobody@shop.example, text: hi}")
    )
    house.tell("cart.updated", **cart(cart_id="c2"))
    await house.settle()
    reason = ask(house, "tells")[0]
    assert reason.word == "step can't be done" and "is not named in mail.staff" in reason.text and reason.until


async def test_who_is_held_out_is_told_so(make: Make) -> None:
    house = make(FLOW.replace("reentry:", "holdout: 50%\nreentry:"))
    found = []
    for number in range(12):
        who = f"p{number}@example.org"
        house.tell("cart.updated", who, **cart())
        await house.settle()
        found.append(ask(house, address=who)[0].word)
    assert set(found) == {"held out", "waits"}


async def test_flows_that_begin_by_time_or_by_hand_say_what_they_wait_for(make: Make) -> None:
    rest = "steps: [{send: review-request}]"
    house = make(f"name: silent\nstream: transactional\ntrigger: {{manual: true}}\n{rest}")
    known(house)
    await house.settle()
    assert words(house, "silent") == ["begun by hand"]
    trigger = "trigger: {date: {field: birthday, at: '10:00', yearly: true}, audience: {list: tea}}"
    house.apply(f"name: birthday\nstream: transactional\n{trigger}\n{rest}")
    assert words(house, "birthday") == ["not in its audience", "date is not known"]
    house.do("UPDATE contact SET birthday = '1990-12-31'")
    assert words(house, "birthday") == ["not in its audience", "its time has not come"]


# -- why


def origin(house: FlowHouse, message_id: int = 1) -> Origin:
    found = house.store.read_now(lambda tx: origin_of(tx, message_id))
    assert found is not None
    return found


async def test_a_message_tells_its_event_version_conditions_and_what_the_arbiter_said(make: Make) -> None:
    house = make(policy=Policy(caps=(Cap(1, DAY),)))

    def subscribe(tx: Tx) -> None:
        make_list(tx, "tea")
        tx.execute(
            "INSERT INTO subscription (contact_id, list_id, state, source, asked_ms, confirmed_ms)"
            " VALUES (1, 1, 'confirmed', 'checkout', 1, 1)"
        )

    house.store.write_now(subscribe)
    house.tell("cart.updated", **cart())
    await house.settle()
    await house.later(hours=1)
    found = origin(house)
    assert (found.kind, found.by, found.step, found.template) == ("flow", "cart", "mail", "review-request")
    assert found.stream is Stream.MARKETING and len(found.version) == 64 and found.run_key == "c1"
    assert found.event is not None and (found.event.name, found.event.key) == ("cart.updated", "c1")
    assert [each.step for each in found.passed] == ["trigger", "wait-1h", "is-new", "mail"]
    assert found.passed[0].values["event.total"] == 30 and found.passed[2].values["contact.orders.count"] == 0
    assert found.consent is not None and (found.consent.mailing_list, found.consent.source) == ("tea", "checkout")
    assert found.arbiter == "let through at once"
    house.tell("cart.updated", **cart(cart_id="c2"))
    await house.settle()
    await house.later(hours=1)
    await house.later(days=1)
    assert "held once since 2026" in origin(house, 2).arbiter and "frequency cap" in origin(house, 2).arbiter


async def test_a_message_that_is_not_there_has_no_origin(make: Make) -> None:
    house = make()
    assert house.store.read_now(lambda tx: origin_of(tx, 7)) is None


async def test_an_event_that_was_told_of_long_after_it_happened_is_said_to_be(make: Make) -> None:
    house = make()
    house.tell("cart.updated", cart_id="c1", total=30, at=house.clock.now() - 8 * DAY)
    await house.settle()
    await house.later(days=30)
    (reason,) = ask(house)
    assert reason.word == "told too late" and "more than 7 days before it was told of" in reason.text

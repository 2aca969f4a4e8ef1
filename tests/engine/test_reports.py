"""Reports: mails, what people did with them, orders and lift, counted from a store with a little of everything."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from clock import NOON
from mail_shop import make_list, open_store

from engine.reports.counting import TOTAL, Tally
from engine.reports.gathering import HAPPENED_SQL, START, Cursor, Gatherer, Part
from engine.reports.growth import Growth
from engine.reports.lift import Lift
from engine.reports.scope import NoScope, scope_of
from engine.sending.judgements import What, count, drop_old, has_old
from engine.store.groups import GroupStore
from mta.ports import Tx, to_ms
from mta.queue.delivery import State, Stream

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SINCE = NOON - 10 * DAY


@dataclass
class Shop:
    """A store that rows are written into, and read from in parts."""

    store: GroupStore
    messages: int = 0

    def mail(
        self, contact_id: int, step: str = "first", *, flow: str = "cart", at: float = 0, state: State = State.DELIVERED,
        list_id: int = 0, domain: str = "example.org",
    ) -> int:  # fmt: skip
        """A mail of a flow, so many hours after the first day; its number."""
        self.messages += 1
        number, at_ms = self.messages, to_ms(SINCE + at * HOUR)

        def work(tx: Tx) -> None:
            tx.execute(
                "INSERT INTO message (id, reverse_path, stream, origin, subject, header_from, message_id, size, recipients,"
                " received_ms, needs_utf8, has_8bit, credential, list_id)"
                " VALUES (?,'',?,'flow','','','',1,1,?,0,0,'',?)",
                (number, int(Stream.MARKETING), at_ms, list_id),
            )
            tx.execute(
                "INSERT INTO delivery (message_id, forward_path, domain, stream, state, due_ms, expires_ms, created_ms,"
                " attempts, doubts, notify, last_reply) VALUES (?,'x',?,1,?,0,0,?,1,0,'','')",
                (number, domain, int(state), at_ms),
            )
            if flow:
                tx.execute(
                    "INSERT INTO sending (message_id, contact_id, enrolment_id, flow, step, occurrence, template)"
                    " VALUES (?,?,?,?,?,1,'')",
                    (number, contact_id, number, flow, step),
                )

        self.store.write_now(work)
        return number

    def event(self, name: str, contact_id: int, at: float, **data: Any) -> None:
        def work(tx: Tx) -> None:
            tx.execute(
                "INSERT INTO event (name, contact_id, key, data, source, at_ms, matched) VALUES (?,?,'',?,'web',?,1)",
                (name, contact_id, json.dumps(data), to_ms(SINCE + at * HOUR)),
            )

        self.store.write_now(work)

    def read(self, part: Part) -> int:
        """Read all parts; how many there were."""
        cursor: Cursor | None = START
        count = 0
        while cursor is not None:
            at = cursor
            cursor, count = self.store.read_now(lambda tx, at=at: part(tx, at, 1.0)), count + 1  # type: ignore[misc]
        return count

    def tally(self, kind: str = "flow", name: str = "cart", window: timedelta = 2 * DAY) -> Tally:
        tally = Tally()
        scope = self.store.read_now(lambda tx: scope_of(tx, kind, name))
        for part in Gatherer(scope, tally, SINCE, window).parts:
            self.read(part)
        return tally


@pytest.fixture
def shop(tmp_path: Path, places: Callable[[], Path | str]) -> Iterator[Shop]:
    store = open_store(places() or tmp_path)
    store.write_now(
        lambda tx: [
            tx.execute("INSERT INTO flow (name, state) VALUES (?, 'active')", (name,)) for name in ("cart", "vip")
        ]
    )
    yield Shop(store)
    store.close()


def some(tally: Tally, group: str = TOTAL) -> dict[str, int]:
    return {what: count for what, count in tally.groups[group].counts.items() if count}


def test_mails_are_counted_by_step_and_by_their_fates(shop: Shop) -> None:
    shop.mail(1, at=-1)
    for state in (State.DELIVERED, State.DELIVERED, State.BOUNCED, State.EXPIRED, State.QUEUED, State.CANCELLED):
        shop.mail(1, state=state)
    shop.mail(1, "second")
    shop.mail(1, flow="vip")
    found = shop.tally()
    assert some(found) == {"sent": 7, "delivered": 3, "bounced": 1, "expired": 1, "waiting": 1, "cancelled": 1}
    assert some(found, "second") == {"sent": 1, "delivered": 1}


def test_each_mail_counts_once_and_machines_apart_from_people(shop: Shop) -> None:
    first, second = shop.mail(1), shop.mail(2)
    other = shop.mail(3, flow="vip")
    for number in (first, first, second, other):
        shop.event("mail.opened", 1, 1, message=number)
    shop.event("mail.fetched", 1, 1, message=second)
    shop.event("mail.clicked", 1, 2, message=first)
    shop.event("mail.opened", 1, 2, message=True)
    assert some(shop.tally()) == {"sent": 2, "delivered": 2, "opened": 2, "machines": 1, "clicked": 1}


def test_what_names_no_mail_is_credited_to_the_last_one_within_the_window(shop: Shop) -> None:
    shop.mail(1, at=1)
    shop.mail(2, at=1)
    shop.mail(2, flow="vip", at=2)
    shop.event("list.left", 1, 3, list="tea")
    shop.event("mail.unsubscribed", 1, 3)
    shop.event("mail.complained", 2, 3)  # the other flow's was the last
    shop.event("mail.replied", 1, 1 + 49)
    assert some(shop.tally())["unsubscribed"] == 1
    assert "complained" not in some(shop.tally()) and "replied" not in some(shop.tally())
    assert some(shop.tally(name="vip"))["complained"] == 1


def test_orders_and_revenue_come_from_within_the_window_by_currency(shop: Shop) -> None:
    shop.mail(1, at=1)
    shop.mail(1, "second", at=3)
    shop.event("order.placed", 1, 2, total=10.5, currency="EUR")
    shop.event("order.placed", 1, 4, total="19.50", currency="EUR")
    shop.event("order.placed", 1, 5, total=7, currency="ILS")
    shop.event("order.placed", 1, 6, total="much", currency="ILS")
    shop.event("order.placed", 1, 60, total=100, currency="EUR")
    shop.event("order.placed", 9, 4, total=100, currency="EUR")
    found = shop.tally()
    assert found.groups["first"].revenue == {"EUR": Decimal("10.5")} and some(found, "first")["orders"] == 1
    assert found.groups["second"].revenue == {"EUR": Decimal("19.50"), "ILS": Decimal("7")}
    assert found.groups[TOTAL].counts["orders"] == 4


def test_revenue_and_what_a_contact_spent_agree_on_what_is_no_amount(shop: Shop) -> None:
    shop.mail(1, at=1)
    for total in (9007199254740993, 1e300, "1e12", -1e12, True, None, "9" * 500, 999_999_999_999.25, "0.5"):
        shop.event("order.placed", 1, 2, total=total, currency="EUR")
    found = shop.tally().groups[TOTAL]
    assert found.counts["orders"] == 9
    assert found.revenue == {"EUR": Decimal("999999999999.75")}


def test_a_list_and_a_domain_are_grouped_by_who_wrote(shop: Shop) -> None:
    list_id = shop.store.write_now(lambda tx: make_list(tx, "tea").id)
    shop.mail(1, list_id=list_id)
    shop.mail(1, list_id=list_id, flow="")
    shop.mail(1, domain="example.net")
    found = shop.tally("list", "tea")
    assert some(found, "flow cart")["sent"] == some(found, "the shop")["sent"] == 1
    assert some(shop.tally("domain", "Example.NET"))["sent"] == 1


def test_a_name_that_is_none_is_said(shop: Shop) -> None:
    for kind in ("flow", "list"):
        with pytest.raises(NoScope, match=f"no {kind} nothing"):
            shop.store.read_now(lambda tx, kind=kind: scope_of(tx, kind, "nothing"))  # type: ignore[misc]


def test_all_is_read_in_parts_and_none_of_it_twice(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.reports.gathering.MAILS", 2)
    monkeypatch.setattr("engine.reports.gathering.HAPPENED", 2)
    numbers = [shop.mail(1) for _ in range(5)]
    for number in numbers:
        shop.event("mail.opened", 1, 1, message=number)  # all in one moment
    assert some(shop.tally()) == {"sent": 5, "delivered": 5, "opened": 5}


def enrol(shop: Shop, contact_id: int, how: str, at: float = 0) -> None:
    def work(tx: Tx) -> None:
        tx.execute(
            "INSERT INTO enrolment (flow_id, version_id, contact_id, run_key, step, state, data, occurrence, entered_ms,"
            " revision, ended_how) VALUES (1, 1, ?, '', '', 'ended', '{}', 1, ?, 0, ?)",
            (contact_id, to_ms(SINCE + at * HOUR), how),
        )

    shop.store.write_now(work)


def test_lift_compares_people_who_entered_with_those_who_were_held_out(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.reports.lift.RUNS", 3)
    for contact_id in range(1, 9):
        enrol(shop, contact_id, "completed" if contact_id <= 5 else "holdout", at=1)
    enrol(shop, 1, "completed", at=50)
    for contact_id, at in ((1, 2), (1, 51), (2, 47), (3, 60), (6, 3), (7, 0)):
        shop.event("order.placed", contact_id, at)
    lift = Lift(1, "order.placed", SINCE, 2 * DAY)
    shop.read(lift.of_flow)
    assert (lift.entered.people, lift.entered.reached, lift.runs) == (5, 2, 6)
    assert (lift.held_out.people, lift.held_out.reached) == (3, 1)
    assert lift.difference is not None and lift.difference.low < lift.difference.value < lift.difference.high
    assert Lift(2, "order.placed", SINCE, DAY).difference is None


def test_lift_of_a_campaign_compares_who_was_written_to_with_those_whose_mail_was_ready(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.reports.lift.RUNS", 2)
    rows = [
        (1, 1, "delivered", "", 1), (1, 2, "delivered", "", 1), (1, 3, "bounced", "", 1), (1, 4, "excluded", "held out", 1),
        (1, 5, "excluded", "held out", 1), (1, 6, "excluded", "unsubscribe", 1), (1, 7, "waiting", "", 1),
        (2, 1, "delivered", "", 50), (2, 8, "queued", "", 50), (3, 1, "delivered", "", 50),
    ]  # fmt: skip

    def work(tx: Tx) -> None:
        for run_id, parent in ((1, None), (2, None), (3, 1)):
            tx.execute(
                "INSERT INTO campaign_run (id, campaign_id, version_id, occasion, parent_id, subject, state, why, by, civil,"
                " due_ms, began_ms, cursor, verdict, paced_ms, awake_ms, goal, goal_ms, counts_until_ms, created_ms)"
                " VALUES (?,1,1,?,?,'{}','done','','','',0,?,-1,'',0,0,'order.placed',0,0,0)",
                (run_id, str(run_id), parent, to_ms(SINCE + HOUR)),
            )
        for run_id, contact_id, state, reason, at in rows:
            tx.execute(
                "INSERT INTO campaign_recipient (run_id, contact_id, state, variant, list_id, due_ms, try_number, reason, at_ms)"
                " VALUES (?,?,?,'',0,0,1,?,?)",
                (run_id, contact_id, state, reason, to_ms(SINCE + at * HOUR)),
            )

    shop.store.write_now(work)
    for contact_id, at in ((1, 2), (2, 0), (3, 3), (5, 4), (6, 2), (7, 2), (8, 51)):
        shop.event("order.placed", contact_id, at)
    lift = Lift(1, "order.placed", SINCE, DAY)
    shop.read(lift.of_campaign)
    assert (lift.entered.people, lift.entered.reached, lift.runs) == (4, 3, 5)
    assert (lift.held_out.people, lift.held_out.reached) == (2, 1)
    assert lift.difference is not None
    none = Lift(9, "order.placed", SINCE, DAY)
    shop.read(none.of_campaign)
    assert none.difference is None


def test_what_was_held_and_refused_is_counted_by_reason_of_flows_campaigns_and_lists(shop: Shop) -> None:
    list_id = shop.store.write_now(lambda tx: make_list(tx, "tea").id)

    def work(tx: Tx) -> None:
        campaign_id = tx.insert(
            "INSERT INTO campaign (name, title, created_ms, next_occasion) VALUES ('news','',0,'')", ()
        )
        assert campaign_id
        for hours, kind, name, part, of_list, what, reason, mails in (
            (-2, "flow", "cart", "first", 0, What.HELD, "frequency cap", 9),
            (1, "flow", "cart", "first", 0, What.HELD, "frequency cap", 3),
            (30, "flow", "cart", "first", 0, What.HELD, "frequency cap", 1),
            (30 * 24, "flow", "cart", "second", list_id, What.REFUSED, "unsubscribe", 2),
            (1, "campaign", "news", "warm", list_id, What.LEFT_OUT, "held out", 4),
        ):
            for _ in range(mails):
                count(tx, kind, name, part, of_list, what, reason, SINCE + hours * HOUR)

    shop.store.write_now(work)
    cart = shop.tally()
    assert cart.reasons == {("first", "held", "frequency cap"): 4, ("second", "refused", "unsubscribe"): 2}
    assert some(cart) == {"held": 4, "refused": 2} and some(cart, "first") == {"held": 4}
    assert shop.tally("campaign", "news").reasons == {("warm", "left out", "held out"): 4}
    assert shop.tally("list", "tea").reasons == {
        ("flow cart", "refused", "unsubscribe"): 2, ("campaign news", "left out", "held out"): 4,
    }  # fmt: skip
    assert not shop.tally("domain", "example.org").reasons


def test_figures_of_judgements_are_forgotten_after_two_years(shop: Shop) -> None:
    shop.store.write_now(lambda tx: count(tx, "flow", "cart", "first", 0, What.HELD, "frequency cap", SINCE))
    assert not shop.store.read_now(lambda tx: has_old(tx, SINCE + 700 * DAY))
    assert shop.store.read_now(lambda tx: has_old(tx, SINCE + 900 * DAY))
    shop.store.write_now(lambda tx: drop_old(tx, SINCE + 900 * DAY))
    assert not shop.tally().reasons


def test_a_list_grows_by_source_and_shrinks_by_reason(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.reports.growth.PEOPLE", 2)
    list_id = shop.store.write_now(lambda tx: make_list(tx, "tea").id)
    before, after = to_ms(SINCE - DAY), to_ms(SINCE + DAY)
    rows = [
        ("confirmed", "web", "", before, before, None), ("confirmed", "web", "", after, after, None),
        ("unconfirmed", "web", "", after, None, None), ("unsubscribed", "fair", "left", before, before, after),
        ("unsubscribed", "", "", before, before, before),
    ]  # fmt: skip

    def work(tx: Tx) -> None:
        for contact_id, row in enumerate(rows, 1):
            tx.execute(
                "INSERT INTO subscription (contact_id, list_id, state, source, why, asked_ms, confirmed_ms, ended_ms)"
                " VALUES (?,?,?,?,?,?,?,?)",
                (contact_id, list_id, *row),
            )

    shop.store.write_now(work)
    growth = Growth(list_id, SINCE)
    assert shop.read(growth.part) == 3
    assert (+growth.asked, +growth.confirmed, growth.ended) == ({"web": 2}, {"web": 1}, {"left": 1})
    assert growth.on_it == 2


@pytest.mark.parametrize("name", ["mail.opened", "list.left", "order.placed"])
def test_what_people_did_is_found_by_an_index_in_the_order_of_time(tmp_path: Path, name: str) -> None:
    store = open_store(tmp_path)
    plan = store.read_now(lambda tx: tx.query(f"EXPLAIN QUERY PLAN {HAPPENED_SQL}", (name, 1, 1, 1, 1)))
    store.close()
    assert "USING INDEX event_named" in str(plan) and "TEMP B-TREE" not in str(plan)

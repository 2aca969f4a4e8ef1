"""Campaigns that run: people, time and mail, on a real store with real templates."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from campaign_house import NEWS, CampaignHouse

from engine.campaigns import claiming, crowding, runs, stopping
from engine.campaigns.claiming import claim, next_mail, sweep
from engine.campaigns.figures import of_run as figures_of_run
from engine.campaigns.keeper import AGAINST, CampaignKeeper
from engine.campaigns.restored import settle as restored
from engine.campaigns.runs import NewRun
from engine.campaigns.states import AGAIN, RunState
from engine.campaigns.writing import Writer, read_known, write_letter
from engine.catalogue.products import read_product
from engine.catalogue.products import store as store_products
from engine.flow.shares import in_holdout
from engine.sending.judging import Cap, Policy
from mta.ports import from_ms
from mta.queue import leasing, operating, settling
from mta.queue.claiming import claim as claim_deliveries
from mta.queue.delivery import Event
from mta.queue.operating import By
from mta.queue.settings import QueueSettings

Make = Callable[..., CampaignHouse]
BY = By("ann", "")


@pytest.fixture
async def make(tmp_path: Path, places: Callable[[], Path | str]) -> AsyncIterator[Make]:
    houses: list[CampaignHouse] = []

    def build(**more: object) -> CampaignHouse:
        (tmp_path / str(len(houses))).mkdir()
        houses.append(CampaignHouse(tmp_path / str(len(houses)), places(), **more))  # type: ignore[arg-type]
        return houses[-1]

    yield build
    for house in houses:
        house.store.close()


async def test_a_slow_domain_has_its_share_of_the_queue_and_everybody_else_gets_theirs(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claiming, "BACKLOG", 40)
    house = make()
    slow, others = house.join(150, domain="slow.example"), house.join(120, domain="quick.example")
    run_id = house.start()

    async def round_of(*domains: str) -> None:
        """Carriers write, and these hosts answer all that is there."""
        for _ in range(12):
            await house.keeper.turn()
            for sender in house.senders:
                await sender.turn()
            house.clock.advance(timedelta(seconds=1.1))
        house.deliver(only=domains)

    for _ in range(12):
        await round_of("quick.example")
    got = dict(house.rows(
        "SELECT c.key, r.state FROM campaign_recipient r JOIN contact c ON c.id = r.contact_id WHERE r.run_id = ?", run_id
    ))  # fmt: skip
    assert {state for key, state in got.items() if "quick" in key} == {"delivered"}
    left = [state for key, state in got.items() if "slow" in key]
    assert left.count("queued") <= 10 + 16 and left.count("waiting") >= 120
    assert (crowding.WHY,) in house.rows("SELECT DISTINCT reason FROM campaign_recipient WHERE state = 'waiting'")
    for _ in range(30):
        await round_of("slow.example", "quick.example")
    assert house.states(run_id) == {"delivered": len(slow) + len(others)}


async def test_everybody_on_the_list_gets_it_once_in_their_language(make: Make) -> None:
    house = make(carriers=2)
    house.join(30)
    house.join(1, locale="he", name="דנה")
    run = house.start()
    await house.settle()
    assert house.states(run) == {"queued": 31}
    assert len({to for to, _ in house.mails}) == 31
    assert ("reader-31@example.org", "Spring is here, דנה") in house.mails
    assert house.deliver() == 31
    await house.settle()
    assert house.states(run) == {"delivered": 31}
    assert house.run(run).state is RunState.DONE


async def test_a_campaign_offers_its_readers_what_goes_with_their_orders(make: Make) -> None:
    house = make()
    buyer, _ = house.join(2)
    products = [
        read_product({"sku": sku, "name": sku.title(), "group": "tea", "stock": 3}) for sku in ("oolong", "sencha")
    ]
    house.store.write_now(lambda tx: store_products(tx, products, house.clock.now()))
    house.do(
        "INSERT INTO event (name, contact_id, key, data, source, at_ms, matched) VALUES ('order.placed', ?, '', ?, '', 1, 1)",
        buyer,
        '{"lines": [{"sku": "oolong", "quantity": 1}]}',
    )
    subject = "{{ recommended(1)[0].name if recommended(1) else 'news' }} for you"
    house.start(NEWS.replace("Spring is here, {{ contact.name }}", subject))
    await house.settle()
    assert [subject for _, subject in house.mails] == ["Sencha for you", "news for you"]


async def test_whoever_is_held_out_gets_nothing_and_is_drawn_when_their_mail_was_ready(make: Make) -> None:
    house = make()
    people = house.join(60)
    house.do(
        "INSERT INTO suppression (key, reason, list_id, scope, evidence, source, at_ms)"
        " VALUES ('reader-1@example.org', 'complaint', 0, 'marketing', '', '', 0)"
    )
    run = house.start(NEWS + "holdout: 40%\n")
    await house.settle()
    out = [each for each in people[1:] if in_holdout("campaign news", each, 0.4)]
    assert 10 < len(out) < 40
    assert house.states(run) == {"queued": 59 - len(out), "excluded": 1 + len(out)}
    found = house.rows("SELECT contact_id FROM campaign_recipient WHERE reason = 'held out' ORDER BY contact_id")
    assert [row[0] for row in found] == out and house.rows("SELECT count(*) FROM mailed") == [(59 - len(out),)]
    assert house.rows("SELECT what, reason, mails FROM judgement ORDER BY what") == [
        ("left out", "held out", len(out)), ("refused", "complaint", 1),
    ]  # fmt: skip
    again = house.start(NEWS + "holdout: 40%\n", occasion="2")
    await house.settle()
    assert house.rows("SELECT count(*) FROM campaign_recipient WHERE run_id = ? AND reason = 'held out'", again) == [
        (len(out),)
    ]


async def test_whoever_may_not_be_written_to_is_recorded_with_the_reason(make: Make) -> None:
    house = make()
    house.join(5)
    house.do(
        "INSERT INTO suppression (key, reason, list_id, scope, evidence, source, at_ms)"
        " VALUES ('reader-1@example.org', 'complaint', 0, 'marketing', '', '', 0)"
    )
    run = house.start()
    await house.settle()
    assert house.states(run) == {"queued": 4, "excluded": 1}
    assert house.rows("SELECT reason FROM campaign_recipient WHERE contact_id = 1") == [("complaint",)]


async def test_a_capped_reader_waits_until_there_is_room(make: Make) -> None:
    house = make(policy=Policy(caps=(Cap(1, timedelta(days=1)),)))
    house.join(2)
    first = house.start()
    await house.settle()
    house.deliver()
    await house.settle()
    house.clock.advance(timedelta(hours=1))
    second = house.start(NEWS.replace("name: news", "name: more"))
    await house.settle()
    assert house.states(second) == {"waiting": 2}
    await house.later(hours=23)
    assert house.states(second) == {"queued": 2}
    assert house.run(first).state is RunState.DONE


async def test_stopping_takes_back_what_has_not_left_and_retry_goes_on_with_exactly_the_rest(make: Make) -> None:
    house = make()
    house.join(10)
    run_id = house.start()
    await house.settle()
    house.deliver(limit=4)
    run, now = house.run(run_id), house.clock.now()
    assert house.store.write_now(lambda tx: runs.set_state(tx, run_id, [RunState.RUNNING], RunState.RECALLED, "", now))
    while house.store.write_now(lambda tx: stopping.take_back(tx, run, BY, now)):
        pass
    assert house.states(run_id) == {"delivered": 4, "recalled": 6}
    assert house.deliver() == 0
    assert house.rows("SELECT count(*) FROM mailed") == [(4,)]
    count, after = house.store.write_now(lambda tx: stopping.again(tx, run, AGAIN["rest"], 0, now))
    assert (count, after) == (6, 1000)
    assert house.store.write_now(lambda tx: runs.set_state(tx, run_id, [RunState.RECALLED], RunState.RUNNING, "", now))
    await house.settle()
    assert house.states(run_id) == {"delivered": 4, "queued": 6}
    house.deliver()
    await house.settle()
    assert house.states(run_id) == {"delivered": 10}
    assert len(set(house.rows("SELECT contact_id FROM sending"))) == 10
    assert house.run(run_id).state is RunState.DONE


async def test_a_stopped_run_s_queued_mail_is_refused_at_its_claim(make: Make) -> None:
    house = make()
    house.join(3)
    run_id = house.start()
    await house.settle()
    now = house.clock.now()
    house.store.write_now(lambda tx: runs.set_state(tx, run_id, [RunState.RUNNING], RunState.STOPPED, "", now))
    assert house.deliver() == 0
    assert house.states(run_id) == {"recalled": 3}


async def test_a_bounce_is_recorded_and_a_bounced_reader_is_not_among_the_rest(make: Make) -> None:
    house = make()
    house.join(2)
    run_id = house.start()
    await house.settle()
    house.deliver(event=Event.REJECTED)
    await house.settle()
    assert house.states(run_id) == {"bounced": 2}
    run, now = house.run(run_id), house.clock.now()
    count, _ = house.store.write_now(lambda tx: stopping.again(tx, run, AGAIN["rest"], 0, now))
    assert count == 0


# -- when


ZONED = (
    NEWS
    + """
when: {at: 2026-03-03T10:00, zone: contact}
"""
)


def dues(house: CampaignHouse, run_id: int) -> list[str]:
    rows = house.rows("SELECT due_ms FROM campaign_recipient WHERE run_id = ? ORDER BY contact_id", run_id)
    return [f"{from_ms(ms):%d %H:%M}" for (ms,) in rows]


async def test_each_reader_gets_it_at_ten_by_their_own_clock(make: Make) -> None:
    house = make()
    for zone in ("Asia/Tokyo", "Europe/Berlin", "", "America/New_York"):
        house.join(1, zone=zone)
    run = house.start(ZONED)
    await house.settle()
    assert house.run(run).state is RunState.RUNNING or house.run(run).state is RunState.SCHEDULED
    await house.later(hours=9)  # 21:00 UTC: somewhere it is ten o'clock
    assert dues(house, run) == ["03 01:00", "03 09:00", "03 10:00", "03 15:00"]
    assert house.mails == []
    for hours, count in ((4, 1), (8, 2), (1, 3), (5, 4)):
        await house.later(hours=hours)
        assert len(house.mails) == count


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("next-day", {"waiting": 1, "queued": 1}), ("send-now", {"queued": 2}), ("skip", {"excluded": 1, "queued": 1})],
)
async def test_an_hour_that_is_over_is_as_the_file_says(make: Make, rule: str, expected: dict[str, int]) -> None:
    house = make()
    house.clock.advance(timedelta(hours=22))  # 3 March 10:00 UTC
    house.join(1, zone="Asia/Tokyo")
    house.join(1)
    run = house.start(ZONED.replace("zone: contact", f"zone: contact, if_passed: {rule}"))
    await house.settle()
    house.do("UPDATE campaign_run SET state = 'running' WHERE state = 'paused'")  # it is late, too, and asks
    await house.settle()
    assert house.states(run) == expected
    if rule == "next-day":
        assert dues(house, run)[0] == "04 01:00"


async def test_a_campaign_comes_again_every_monday_and_wednesday(make: Make) -> None:
    house = make()
    house.join(1)
    house.start(NEWS + 'when: {rrule: "FREQ=WEEKLY;BYDAY=MO,WE", at: "10:00", from: 2026-03-02}')
    await house.settle()
    for _ in range(9 * 24):
        await house.later(hours=1)
        house.deliver()
    occasions = [row[0] for row in house.rows("SELECT occasion FROM campaign_run ORDER BY id")]
    assert occasions == ["2026-03-04T10:00:00", "2026-03-09T10:00:00", "2026-03-11T10:00:00"]
    assert len(house.mails) == 3


async def test_an_override_for_all_lets_every_run_of_one_that_comes_again_begin(make: Make) -> None:
    house = make()

    async def speaks_against() -> str:
        return "it breaks dmarc.record"

    house.keeper = CampaignKeeper(house.store, house.clock, ZoneInfo("UTC"), speaks_against=speaks_against)
    house.join(1)
    daily = 'when: {rrule: "FREQ=DAILY", at: "14:00", from: 2026-03-01}\nlate: {after: 1h, do: send}'
    house.start(NEWS + daily)
    house.start(NEWS.replace("name: news", "name: held") + daily)
    house.do("UPDATE campaign SET against = 'dmarc.record: we close, by ann' WHERE name = 'news'")
    for _ in range(2):
        await house.later(days=1)
    told = house.rows(
        "SELECT c.name, r.state, r.by FROM campaign_run r JOIN campaign c ON c.id = r.campaign_id ORDER BY r.id"
    )
    assert {(state, by) for name, state, by in told if name == "held"} == {("paused", "its calendar")}
    begun = [(state, by) for name, state, by in told if name == "news"]
    assert len(begun) == 2
    assert set(begun) == {("running", "its calendar (against dmarc.record: we close, by ann)")}


async def test_a_planned_run_that_something_speaks_against_is_paused_and_one_that_was_overridden_is_not(
    make: Make,
) -> None:
    house, words = make(), ["it breaks dmarc.record"]

    async def speaks_against() -> str:
        return words[0]

    house.keeper = CampaignKeeper(house.store, house.clock, ZoneInfo("UTC"), speaks_against=speaks_against)
    house.join(2)
    planned = 'when: {at: "2026-03-05T10:00"}'
    run_id = house.start(NEWS + planned)
    other_id = house.start(NEWS.replace("name: news", "name: other") + planned)
    at_once = house.start(NEWS.replace("name: news", "name: at-once"))
    house.do("UPDATE campaign_run SET by = ? WHERE id = ?", f"ann {AGAINST}dmarc.record: we close)", other_id)
    await house.settle()
    assert house.run(at_once).state is RunState.RUNNING, "it was looked at a moment ago, by whoever began it"
    await house.later(days=4)
    assert (house.run(run_id).state, house.run(run_id).why) == (RunState.PAUSED, words[0])
    assert house.run(other_id).state is RunState.RUNNING
    words[0] = ""
    house.do("UPDATE campaign_run SET state = 'scheduled', why = '' WHERE id = ?", run_id)
    await house.settle()
    assert house.run(run_id).state is RunState.RUNNING


async def test_of_several_occasions_that_were_missed_the_newest_is_sent(make: Make) -> None:
    house = make()
    house.join(1)
    house.start(NEWS + 'when: {rrule: "FREQ=DAILY", at: "10:00", from: 2026-03-02}')
    await house.settle()
    await house.later(days=3)
    assert house.rows("SELECT occasion FROM campaign_run ORDER BY id") == [("2026-03-05T10:00:00",)]
    await house.later(days=1)
    assert len(house.mails) == 2


async def test_a_throttled_campaign_keeps_its_pace_whatever_the_number_of_carriers(make: Make) -> None:
    house = make(carriers=3)
    house.join(50)
    house.start(NEWS + "throttle: 10/minute")
    await house.settle()
    assert len(house.mails) == 1
    for minutes in (1, 2, 3):
        for _ in range(60):
            await house.later(seconds=1)
        assert len(house.mails) in (10 * minutes, 10 * minutes + 1)


async def test_nothing_is_written_before_the_window_to_recall_it_is_over(make: Make) -> None:
    house = make()
    house.join(3)
    house.start(NEWS + "window: 10m")
    await house.settle()
    await house.later(minutes=9)
    assert house.mails == []
    await house.later(minutes=1)
    assert len(house.mails) == 3


# -- nobody there


HOURS = 'hours: {between: ["12:00", "13:00"], on: [mon, tue, wed, thu, fri]}\n'


async def test_what_does_not_fit_into_its_hours_goes_on_when_they_begin_again(make: Make) -> None:
    house = make()  # a Monday's noon
    house.join(10)
    run = house.start(NEWS + "throttle: 6/hour\n" + HOURS)
    for _ in range(12):
        await house.later(minutes=10)
    assert house.states(run) == {"waiting": 10 - (sent := len(house.mails)), "queued": sent} and 5 <= sent <= 7
    opens = house.clock.now().replace(hour=12, minute=0) + timedelta(days=1)
    asked = house.run(run), house.clock.now(), ZoneInfo("UTC")
    assert house.store.read_now(lambda tx: next_mail(tx, *asked)) == opens
    await house.later(hours=12)
    assert len(house.mails) == sent
    await house.later(hours=10)
    for _ in range(6):
        await house.later(minutes=10)
    assert house.states(run) == {"queued": 10}


async def test_hours_are_those_of_each_reader_s_clock(make: Make) -> None:
    house = make()
    now = house.clock.now()
    house.join(2, zone="UTC")
    house.join(3, zone="Asia/Jerusalem")  # two hours ahead: over already
    when = f"when: {{at: {now:%Y-%m-%dT%H:%M}, zone: contact, if_passed: send-now}}\n"
    run = house.start(NEWS + when + HOURS)
    await house.settle()
    assert house.states(run) == {"waiting": 3, "queued": 2}
    house.do("UPDATE campaign_recipient SET due_ms = 0 WHERE state = 'waiting'")  # as if they had not fitted
    await house.settle()
    due = {from_ms(due_ms) for (due_ms,) in house.rows("SELECT due_ms FROM campaign_recipient WHERE state = 'waiting'")}
    assert due == {now.replace(hour=10, minute=0, second=0, microsecond=0) + timedelta(days=1)}
    await house.later(hours=22)
    assert house.states(run) == {"queued": 5}


async def test_a_campaign_that_was_due_while_nobody_was_there_asks(make: Make) -> None:
    house = make()
    house.join(3)
    run = house.start(NEWS + "when: 2026-03-02T18:00")
    house.clock.advance(timedelta(hours=11))  # and only now a daemon starts
    await house.settle()
    assert house.run(run).state is RunState.PAUSED
    assert "late by 5.0 h" in house.run(run).why
    assert house.mails == []


@pytest.mark.parametrize(("do", "state", "mails"), [("send", RunState.RUNNING, 3), ("skip", RunState.STOPPED, 0)])
async def test_or_it_is_sent_or_skipped_as_its_file_says(make: Make, do: str, state: RunState, mails: int) -> None:
    house = make()
    house.join(3)
    run = house.start(NEWS + f"when: 2026-03-02T18:00\nlate: {{after: 1h, do: {do}}}")
    house.clock.advance(timedelta(hours=11))
    await house.settle()
    assert (house.run(run).state, len(house.mails)) == (state, mails)


async def test_recipients_of_a_dead_carrier_are_written_to_by_another(make: Make) -> None:
    house = make(carriers=2)
    house.join(20)
    run_id = house.start()
    for _ in range(4):
        await house.keeper.turn()
    run, now = house.run(run_id), house.clock.now()
    taken = house.store.write_now(lambda tx: claim(tx, run, house.owners[0], now, 16))
    assert len(taken) == 16
    house.senders.pop(0)
    await house.settle()
    assert house.states(run_id) == {"claimed": 16, "queued": 4}
    house.store.write_now(lambda tx: leasing.take_away(tx, house.owners[0]))
    await house.settle()
    assert house.states(run_id) == {"queued": 20}
    assert len({to for to, _ in house.mails}) == 20


async def test_what_a_carrier_rendered_after_its_recipients_were_taken_away_is_not_written(make: Make) -> None:
    house = make(carriers=1)
    house.join(2)
    run_id = house.start()
    for _ in range(4):
        await house.keeper.turn()
    run, now, owner = house.run(run_id), house.clock.now(), house.owners[0]
    taken = house.store.write_now(lambda tx: claim(tx, run, owner, now, 16))
    known = house.store.read_now(lambda tx: read_known(tx, taken))
    letters = [write_letter(house.composer, run, each, bytes(16), now) for each in known]
    house.store.write_now(lambda tx: sweep(tx, owner))
    writer = Writer(house.arbiter, QueueSettings(), "hello@shop.example")
    assert house.store.write_now(lambda tx: writer.commit(tx, run, owner, letters, now)).fates == []
    assert house.mails == []
    assert house.states(run_id) == {"waiting": 2}


async def test_a_mail_that_can_t_be_written_is_recorded_and_stops_nobody_else(make: Make) -> None:
    house = make()
    house.join(1)
    house.join(1, locale="he")
    run = house.start(NEWS.replace("Spring is here, {{ contact.name }}", "{{ contact.fields.size }}"))
    house.do("""UPDATE contact SET fields = '{"size": "L"}' WHERE id = 1""")
    await house.settle()
    assert house.states(run) == {"queued": 1, "failed": 1}
    assert "size" in house.rows("SELECT reason FROM campaign_recipient WHERE contact_id = 2")[0][0]
    assert house.mails == [("reader-1@example.org", "L")]


# -- tests of variants, and those who did not open it

TESTED = (
    NEWS
    + """
variants:
  - {name: plain, subject: Spring}
  - {name: loud, subject: Come and see}
test: {sample: 50%, metric: clicks, after: 4h, significance: 95%, otherwise: plain}
"""
)


async def sampled(house: CampaignHouse, people: int = 400) -> int:
    house.join(people)
    run = house.start(TESTED)
    await house.settle()
    house.deliver()
    await house.settle()
    return run


def got(house: CampaignHouse, variant: str) -> list[int]:
    sql = "SELECT contact_id FROM campaign_recipient WHERE variant = ? AND state = 'delivered' ORDER BY contact_id"
    return [row[0] for row in house.rows(sql, variant)]


async def test_the_winner_of_a_test_goes_to_all_others(make: Make) -> None:
    house = make()
    run = await sampled(house)
    plain, loud = got(house, "plain"), got(house, "loud")
    assert 150 < len(plain) + len(loud) < 250
    for contact_id in loud[:40]:
        house.hear("mail.clicked", contact_id, message=house.message_of(run, contact_id))
    for contact_id in plain[:10]:
        house.hear("mail.clicked", contact_id, message=house.message_of(run, contact_id))
    await house.later(hours=3, minutes=59)
    assert len(house.mails) == len(plain) + len(loud)
    await house.later(minutes=1)
    assert house.run(run).winner == "loud"
    assert "Fisher's exact test" in house.run(run).verdict
    assert len(house.mails) == 400
    assert {subject for _, subject in house.mails[len(plain) + len(loud) :]} == {"Come and see"}


async def test_without_a_significant_difference_the_stated_variant_goes_to_all_others(make: Make) -> None:
    house = make()
    run = await sampled(house)
    for contact_id in got(house, "loud")[:4]:
        house.hear("mail.clicked", contact_id, message=house.message_of(run, contact_id))
    await house.later(hours=4)
    assert house.run(run).winner == "plain"
    assert "no winner at 95.0%" in house.run(run).verdict
    assert len(house.mails) == 400


async def test_people_who_opened_or_bought_are_counted_once_and_in_time(make: Make) -> None:
    house = make()
    house.join(3)
    run = house.start()
    await house.settle()
    house.deliver()
    await house.settle()
    for _ in range(2):
        house.hear("mail.opened", 1, message=house.message_of(run, 1))
        house.hear("order.placed", 2, total=10)
    house.clock.advance(timedelta(days=8))
    house.hear("order.placed", 3, total=10)
    figures = house.store.read_now(lambda tx: figures_of_run(tx, run))
    counted = {place.what: people for place, people in figures.items()}
    assert counted == {"delivered": 3, "opened": 1, "ordered": 1}


async def test_it_goes_again_to_those_who_did_not_open_it_with_another_subject(make: Make) -> None:
    house = make()
    house.join(3)
    run_id = house.start()
    await house.settle()
    house.deliver()
    await house.settle()
    house.hear("mail.opened", 2, message=house.message_of(run_id, 2))
    run, now = house.run(run_id), house.clock.now()
    new = NewRun("resend", now, parent_id=run_id, subject={"": "In case you missed it"})
    campaign = run.campaign
    assert campaign is not None
    house.store.write_now(lambda tx: runs.create(tx, run.campaign_id, run.version_id, campaign, new, now))
    await house.settle()
    assert house.mails[3:] == [
        ("reader-1@example.org", "In case you missed it"),
        ("reader-3@example.org", "In case you missed it"),
    ]


async def test_hours_are_compared_on_their_day_and_the_others_get_the_better_one_next(make: Make) -> None:
    house = make()
    house.join(200)
    variants = 'variants: [{name: early, at: "13:00"}, {name: late, at: "18:00"}]\n'
    test = "test: {sample: 50%, metric: opens, after: 2h, otherwise: early}\n"
    run = house.start(NEWS + variants + test + "when: 2026-03-02T12:30")
    await house.settle()
    await house.later(hours=1)
    early = len(house.mails)
    assert 30 < early < 70
    house.deliver()
    await house.later(hours=5)
    house.deliver()
    assert 30 < len(house.mails) - early < 70
    for contact_id in got(house, "late"):
        house.hear("mail.opened", contact_id, message=house.message_of(run, contact_id))
    await house.later(hours=2)
    assert house.run(run).winner == "late"
    sampled = len(house.mails)
    await house.later(hours=21)
    assert len(house.mails) == sampled
    await house.later(hours=1)  # 18:00 of the next day
    assert len(house.mails) == 200


async def test_what_a_carrier_has_in_its_hands_is_taken_back_before_its_dot(make: Make) -> None:
    house = make()
    house.join(2)
    run_id = house.start()
    await house.settle()
    run, now, owner = house.run(run_id), house.clock.now(), house.owners[0]
    taken = house.store.write_now(lambda tx: claim_deliveries(tx, "example.org", 1, owner, now, stopping.gate)).taken
    assert len(taken) == 1
    assert house.store.write_now(lambda tx: stopping.take_back(tx, run, BY, now)) == 1  # the one in hands first
    assert not house.store.write_now(lambda tx: settling.mark_dot(tx, taken[0].delivery_id, owner))
    assert house.states(run_id) == {"queued": 1, "recalled": 1}
    assert house.store.write_now(lambda tx: stopping.take_back(tx, run, BY, now)) == 1
    assert house.store.write_now(lambda tx: stopping.take_back(tx, run, BY, now)) == 0
    assert house.states(run_id) == {"recalled": 2}


async def test_mail_that_an_operator_took_out_of_the_queue_is_cancelled_in_the_ledger_too(make: Make) -> None:
    house = make()
    house.join(2)
    run_id = house.start()
    await house.settle()
    now = house.clock.now()
    assert house.store.write_now(lambda tx: operating.cancel(tx, [1, 2], BY, now)) == 2
    await house.later(seconds=5)
    await house.later(seconds=5)
    assert house.states(run_id) == {"cancelled": 2}
    assert house.run(run_id).state is RunState.DONE


async def test_a_restored_installation_pauses_what_was_under_way(make: Make) -> None:
    house = make()
    house.join(3)
    run_id = house.start(NEWS + "throttle: 1/minute")
    await house.settle()
    assert house.states(run_id) == {"queued": 1, "waiting": 2}
    assert house.store.write_now(lambda tx: restored(tx, resume=False)) == 1
    assert house.states(run_id) == {"failed": 1, "waiting": 2}
    await house.later(minutes=10)
    assert house.states(run_id) == {"failed": 1, "waiting": 2}
    assert house.run(run_id).state is RunState.PAUSED

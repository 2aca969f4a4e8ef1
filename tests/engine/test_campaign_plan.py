"""What is known of a campaign before it starts: who gets it, who does not and why, and what speaks against it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from campaign_house import NEWS, CampaignHouse
from clock import NOON
from mail_shop import make_composer, person

from engine.campaigns import audience, lint
from engine.campaigns.counting import Count, Tally
from engine.campaigns.model import Campaign
from engine.campaigns.moments import begins
from engine.campaigns.reading import check
from engine.campaigns.writing import compose
from engine.sending.compose import Composed
from engine.sending.judging import Cap, Policy
from mta.queue.delivery import Stream

Make = Callable[..., CampaignHouse]


@pytest.fixture
async def make(tmp_path: Path, places: Callable[[], Path | str]) -> AsyncIterator[Make]:
    houses: list[CampaignHouse] = []

    def build(**more: object) -> CampaignHouse:
        houses.append(CampaignHouse(tmp_path, places(), **more))  # type: ignore[arg-type]
        return houses[-1]

    yield build
    for house in houses:
        house.store.close()


def read(text: str) -> Campaign:
    found = check(text, "c.yaml")
    assert isinstance(found, Campaign), [str(each) for each in found]
    return found


def counted(house: CampaignHouse, text: str) -> Tally:
    campaign, now, zone = read(text), house.clock.now(), ZoneInfo("UTC")
    count = Count(campaign, campaign.when.at, max(now, begins(campaign.when, now, zone)), zone, house.arbiter)
    of = house.store.read_now(lambda tx: audience.groups(tx, campaign.audience))
    tally, after = Tally(), 0
    while (more := house.store.read_now(lambda tx, after=after: count.part(tx, of, after, tally, now))) is not None:  # type: ignore[misc]
        after = more
    return tally


async def test_the_plan_says_what_the_run_then_does(make: Make) -> None:
    house = make(policy=Policy(caps=(Cap(1, timedelta(days=7)),)))
    house.join(900, domain="big.example")
    house.join(20, locale="he", name="A very long name indeed")
    for contact_id, reason in ((1, "complaint"), (2, "unsubscribe"), (3, "hard bounce")):
        house.do(
            "INSERT INTO suppression (key, reason, list_id, scope, evidence, source, at_ms) VALUES (?,?,0,?,'','',0)",
            f"reader-{contact_id}@big.example", reason, "all" if reason == "hard bounce" else "marketing",
        )  # fmt: skip
    house.do("INSERT INTO tag (contact_id, tag, at_ms) VALUES (4, 'staff', 0)")
    house.do(
        "INSERT INTO mailed (contact_id, message_id, at_ms, stream, kind, name, list_id) VALUES (5, 1, ?, 1, 'shop', '', 0)",
        int(house.clock.now().timestamp() * 1000),
    )
    text = NEWS.replace("audience: {lists: [tea]}", "audience: {lists: [tea], minus: {tags: [staff]}}")
    tally = counted(house, text)
    assert (tally.people, tally.goes) == (920, 916)
    assert tally.excluded == {
        "complaint": 1, "unsubscribe": 1, "hard bounce": 1, audience.LEFT_OUT["tags"]: 1
    }  # fmt: skip
    assert (tally.crowded, tally.judged, tally.held) == (1, 1, {"not in time: frequency cap": 1})
    assert tally.locales == {"en": 896, "he": 20}
    assert sum(people for place, people in tally.heads.items() if place.domain == "big.example") == 896
    assert tally.longest[0] == len("A very long name indeed")
    run = house.start(text)
    await house.settle()
    assert house.states(run) == {"queued": 915, "excluded": 5}
    reasons = dict(
        house.rows("SELECT reason, count(*) FROM campaign_recipient WHERE state = 'excluded' GROUP BY reason")
    )
    assert reasons == {**tally.excluded, "frequency cap": 1}


async def test_rhythm_looks_at_all_marketing_mail_that_readers_were_sent(make: Make) -> None:
    house = make()
    house.join(2)
    sql = (
        "INSERT INTO mailed (contact_id, message_id, at_ms, stream, kind, name, list_id) VALUES (?,1,?,?,'flow','f',0)"
    )
    house.do(sql, 1, 5_000, int(Stream.MARKETING))
    house.do(sql, 2, 9_000, int(Stream.TRANSACTIONAL))
    assert counted(house, NEWS).last_ms == 5_000


async def test_zones_are_counted_with_those_whose_hour_is_over(make: Make) -> None:
    house = make()
    house.join(2, zone="Asia/Tokyo")
    house.join(3, zone="America/New_York")
    tally = counted(house, NEWS + "when: {at: 2026-03-02T14:00, zone: contact, if_passed: skip}")
    assert tally.zones == {"Asia/Tokyo": 2, "America/New_York": 3}
    assert tally.passed == {}
    assert tally.excluded == {"the hour is over": 2}


async def test_the_plan_says_how_many_are_held_out(make: Make) -> None:
    house = make()
    house.join(50)
    tally = counted(house, NEWS + "holdout: 20%")
    run = house.start(NEWS + "holdout: 20%")
    await house.settle()
    assert house.states(run) == {"queued": tally.goes, "excluded": tally.excluded["held out"]}


async def test_an_audience_that_is_not_there_is_named(make: Make) -> None:
    house = make()
    with pytest.raises(audience.NoSuchGroup, match="there is no segment gone"):
        counted(house, NEWS.replace("{lists: [tea]}", "{lists: [tea], minus: {segments: [gone]}}"))


# -- lint


def mail(subject: str = "Spring is here", words: int = 60) -> Composed:
    text = NEWS.replace("Spring is here, {{ contact.name }}", subject).replace("New teas have come.", "word " * words)
    composer = make_composer()
    return compose(
        composer, read(text), "", person(), None, subject={}, octets=bytes(16), mark=None, now=NOON
    )  # fmt: skip


FACTS = lint.Facts(
    [lint.OfList("tea", "double", "One letter a month.")], [mail()], "Blue Teapot", "hello@shop.example",
    "12 Harbour Street", "https://mail.shop.example", NOON - timedelta(days=30), NOON,
)  # fmt: skip


def test_nothing_speaks_against_a_decent_mail() -> None:
    assert lint.findings(FACTS) == []


@pytest.mark.parametrize(
    ("change", "taboo", "says", "must"),
    [
        ({"lists": []}, "permission", "it goes to no list", False),
        ({"lists": [lint.OfList("tea", "single", "x")]}, "permission", "nobody on tea was asked to confirm", False),
        ({"lists": [lint.OfList("tea", "double", "")]}, "permission", "was told what they said yes to", False),
        ({"mails": [mail("x" * 80)]}, "value", "has 80 characters", False),
        ({"mails": [mail("Buy now!!!")]}, "value", "shouts", False),
        ({"sender_name": ""}, "completeness", "the sender has no name", True),
        ({"sender_address": "no-reply@shop.example"}, "completeness", "takes no answers", False),
        ({"postal_address": " "}, "completeness", "there is no postal address", True),
        ({"base_url": "http://shop.example"}, "completeness", "links lead to http://shop.example", True),
        ({"last": NOON - timedelta(days=94)}, "rhythm", "you last wrote 94 days ago: expect complaints", False),
        ({"last": NOON - timedelta(hours=3)}, "rhythm", "you last wrote 3 hours ago", False),
        ({"last": None}, "rhythm", "never written to from here", False),
    ],
)  # fmt: skip
def test_each_taboo_is_named(change: dict[str, object], taboo: str, says: str, must: bool) -> None:
    found = lint.findings(replace(FACTS, **change))  # type: ignore[arg-type]
    assert [(each.taboo, each.must) for each in found] == [(taboo, must)]
    assert says in found[0].says


async def test_a_campaign_of_higher_priority_has_the_one_place_that_is_left(make: Make) -> None:
    house = make(policy=Policy(caps=(Cap(1, timedelta(days=1)),), priorities={"campaigns": 40}))
    house.join(1)
    house.do(
        "INSERT INTO mailed (contact_id, message_id, at_ms, stream, kind, name, list_id) VALUES (1, 1, ?, 1, 'shop', '', 0)",
        int((house.clock.now() - timedelta(hours=23)).timestamp() * 1000),
    )
    low, high = house.start(NEWS), house.start(NEWS.replace("name: news", "name: great") + "priority: 90\n")
    await house.settle()
    assert (house.states(low), house.states(high)) == ({"waiting": 1}, {"waiting": 1})
    await house.later(hours=2)
    assert house.states(high) == {"queued": 1}
    assert house.states(low) == {"waiting": 1}

"""Alerts: known by their words without the figures, seen by somebody until they stand no more."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from clock import FakeClock
from mail_shop import Place, open_store

from deliverability.reputation.alarms import Level
from engine.control.lookout import Looked
from engine.control.machine import Machine
from engine.control.observing import alerts
from engine.control.observing.facts import facts
from engine.control.observing.health import WORDS, judge
from engine.control.protocol.house import Overview
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.house import House
from mta.queue.shaping import Suspension


class Desk:
    """A house whose fence stands, with four minutes and then five."""

    def __init__(self, place: Place) -> None:
        self.clock = FakeClock()
        self.store = open_store(place, self.clock)
        self.stood: set[str] = set()
        self.fence: Any = SimpleNamespace(why="restored 4 min ago")
        config = SimpleNamespace(carriers=0, lab=SimpleNamespace(enabled=False))
        self.house = cast(House, SimpleNamespace(store=self.store, clock=self.clock, config=config))
        self.office = cast(Office, SimpleNamespace(
            hands={}, doctor=SimpleNamespace(last=None, web_ends={}), watcher=SimpleNamespace(now_standing=()),
            key_keeper=SimpleNamespace(alerts=(("?", "publish the key of shop.example"),)),
            conductor=SimpleNamespace(suspensions={}, slowings=SimpleNamespace(held={})),
            fence_watch=SimpleNamespace(standing=self.fence), store_trouble="", lookout=SimpleNamespace(last=None),
        ))  # fmt: skip

    def say(self, why: str) -> None:
        self.fence.why = why

    async def shown(self) -> list[tuple[str, str]]:
        standing = alerts.standing(self.house, self.office)
        await alerts.forget_gone(self.house, standing, self.stood)
        overview = Overview("h", "1", 0, alerts=standing)
        marked = await self.store.read(lambda tx: alerts.marked(tx, overview))
        return [(each.text.removeprefix("fence: ").partition(":")[0], each.seen_by) for each in marked.alerts]


@pytest.fixture
def desk(place: Place) -> Any:
    one = Desk(place)
    yield one
    one.store.close()


async def test_what_somebody_has_seen_stands_behind_what_nobody_has(desk: Desk) -> None:
    assert await desk.shown() == [("nothing is sent", ""), ("publish the key of shop.example", "")]
    fence = alerts.standing(desk.house, desk.office)[0]
    done = await alerts.acknowledge(desk.house, desk.office, {"alert": fence.key, "by": "olga"})
    assert done.facts["undo"] == {"path": "alerts/unacknowledge", "body": {"alert": fence.key}}
    assert await desk.shown() == [("publish the key of shop.example", ""), ("nothing is sent", "olga")]
    desk.say("restored 5 min ago")
    assert (await desk.shown())[1] == ("nothing is sent", "olga")
    await alerts.unacknowledge(desk.house, desk.office, {"alert": fence.key})
    assert (await desk.shown())[0] == ("nothing is sent", "")


async def test_what_comes_again_is_news(desk: Desk) -> None:
    assert (await desk.shown())[0] == ("nothing is sent", "")
    key = alerts.standing(desk.house, desk.office)[0].key
    await alerts.acknowledge(desk.house, desk.office, {"alert": key, "by": "olga"})
    desk.say("another machine has it")
    assert (await desk.shown())[0] == ("nothing is sent", "")
    desk.say("restored 9 min ago")
    assert (await desk.shown())[0] == ("nothing is sent", "")


async def test_who_has_seen_it_is_known_behind_a_restart_too_and_beside_another_front_office(desk: Desk) -> None:
    office = cast(Any, desk.office)
    [_, key] = alerts.standing(desk.house, desk.office)
    await alerts.acknowledge(desk.house, desk.office, {"alert": key.key, "by": "olga"})
    notes, office.key_keeper.alerts = office.key_keeper.alerts, ()
    desk.stood.clear()  # one that began this moment, and has asked no name server yet
    await desk.shown()
    office.key_keeper.alerts = notes
    assert await desk.shown() == [("nothing is sent", ""), ("publish the key of shop.example", "olga")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mx1.shop.example", "mx2.shop.example"),
        ("163.com", "126.com"),
        ("192.0.2.1", "192.0.2.10"),
        ("1und1.de", "2und2.de"),
    ],
)
def test_figures_of_a_name_are_part_of_it(one: str, other: str) -> None:
    words = "site {} waits until {} UTC (olga): deferred everything for {} min, 1h 30m"
    assert alerts.key_of(words.format(one, "10:15", 14)) == alerts.key_of(words.format(one, "11:00", 1_015))
    assert alerts.key_of(words.format(one, "10:15", 14)) != alerts.key_of(words.format(other, "10:15", 14))
    key = alerts.key_of(words.format(one, "10:15", 14))
    assert alerts.key_of(key) == key


async def test_an_alert_that_does_not_stand_can_not_be_seen(desk: Desk) -> None:
    with pytest.raises(Refusal, match="no such alert stands"):
        await alerts.acknowledge(desk.house, desk.office, {"alert": "the sky falls", "by": "olga"})
    with pytest.raises(Refusal, match="nobody has said"):
        await alerts.unacknowledge(desk.house, desk.office, {"alert": "the sky falls"})


def test_every_reason_of_health_stands_on_the_first_screen_and_what_is_red_there_is_a_reason(desk: Desk) -> None:
    now = desk.clock.now()
    office, config = cast(Any, desk.office), cast(Any, desk.house.config)
    config.carriers, office.store_trouble = 2, "another program holds it"
    rule = SimpleNamespace(rule="spf.syntax")
    office.doctor.last = SimpleNamespace(red=lambda: (rule,))
    office.key_keeper.alerts = (("!", "mail of shop.example signed with ph1 fails"), ("?", "publish the key"))
    alarm = SimpleNamespace(level=Level.ALARM, words="gmail: bounces are 9 %")
    office.watcher.now_standing = (alarm,)
    office.conductor.suspensions = {("site", "gmail.com"): Suspension("site", "gmail.com", 0, "ann", "rest", 0)}
    looked = Looked(
        Machine(7 << 20, 1 << 40, 0, 0, None, {"submission": now}, ("inbound",)), timedelta(hours=1),
        {"old.example": now - timedelta(days=99)}, ("shop.example",), 0,
    )  # fmt: skip
    office.lookout.last = looked
    reasons = judge(facts(desk.house, desk.office, looked), 0).reasons
    assert {each.reason for each in reasons} == set(WORDS)
    shown = alerts.standing(desk.house, desk.office)
    for each in reasons:
        parts = (
            each.says.split("; ")
            if each.reason in ("keys", "reputation")
            else [each.says.removeprefix("nothing goes: ")]
        )
        assert [part for part in parts if not any(part in alert.text for alert in shown)] == []
    told = " ".join(each.says for each in reasons)
    red = [
        each.text.removeprefix(f"{each.text.partition(': ')[0]}: ").partition("; ")[0]
        for each in shown
        if each.glyph == "!"
    ]
    assert "it takes nothing" in " ".join(red)
    assert [each for each in red if each not in told and "gmail" not in each and "signed with" not in each] == []

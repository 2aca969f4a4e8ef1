"""The controller against sites that answer 421 above a rate, refuse connections, or complain about one recipient."""

import heapq
from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deliverability.bounces.classify import BounceClass, Verdict, classify
from deliverability.reply import Reply
from deliverability.shaping.controller import FIRST_CONNECTIONS, Controller
from deliverability.shaping.limiter import TokenBucket
from deliverability.shaping.limits import ShapingSettings

BACK_OFF = ShapingSettings().pause
START = 1_000_000.0
TICK = 0.01


def said(reply: str, stage: str = "mail") -> Verdict:
    return classify(Reply.parse(reply), stage)


TOO_MUCH = said("421 4.7.0 mx.example.org Too many messages from 192.0.2.1, slow down")
TOO_MANY = said("421 4.7.0 mx.example.org Error: too many connections from 192.0.2.1")
BUSY = said("451 4.3.2 Please try again later")


@dataclass
class Site:
    """Takes `per_minute` in any minute (or in each of the clock's) and answers 421 above; `late` seconds after each attempt."""

    per_minute: int
    late: float = 0.05
    by_the_clock: bool = False
    counts_refused: bool = False
    taken: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    _lately: deque[float] = field(default_factory=deque)

    def takes(self, now: float) -> bool:
        since = now // 60 * 60 if self.by_the_clock else now - 60
        while self._lately and self._lately[0] <= since:
            self._lately.popleft()
        if len(self._lately) >= self.per_minute:
            self.refused.append(now - START)
            if self.counts_refused:
                self._lately.append(now)
            return False
        self._lately.append(now)
        self.taken.append(now - START)
        return True

    def in_minute(self, minute: int) -> float:
        """The share of what it allows that it got in a minute."""
        return sum(minute * 60 <= each < minute * 60 + 60 for each in self.taken) / self.per_minute


def bulk(site: Site, controller: Controller, minutes: int, connections: int = 20, jitter: float = 0.0) -> None:
    """Twenty connections that have something to carry all the time, as fast as the controller lets them."""
    now, under_way, bucket = START, [], TokenBucket(1, 2)
    while now < START + minutes * 60:
        while under_way and under_way[0] <= now:
            heapq.heappop(under_way)
            if site.takes(now):
                controller.delivered(1, now, limit=connections)
            else:
                controller.judged(TOO_MUCH, "421", now, open_now=connections, jitter=jitter)
        while len(under_way) < connections and not controller.is_paused(now):
            if controller.learnt.rate is not None:
                bucket.set_rate(controller.learnt.rate, now)
                if not bucket.take(now):
                    break
            heapq.heappush(under_way, now + site.late)
        now += TICK


@settings(max_examples=12, deadline=None)
@given(st.integers(10, 1500), st.booleans(), st.booleans(), st.sampled_from([-1.0, 0.0, 1.0]))
def test_the_rate_settles_just_under_what_the_site_takes(
    per_minute: int, by_the_clock: bool, counts_refused: bool, jitter: float
) -> None:
    site = Site(per_minute, by_the_clock=by_the_clock, counts_refused=counts_refused)
    controller = Controller(BACK_OFF)
    bulk(site, controller, 20, jitter=jitter)
    settled = [site.in_minute(minute) for minute in range(10, 20)]
    assert 0.8 <= sum(settled) / len(settled) <= 1.0
    heard = site.refused[0] + site.late + TICK
    later = [each for each in site.refused if each > heard]
    assert len(later) < 0.02 * (len(site.taken) + len(later))


def test_a_site_that_never_complains_is_never_paced() -> None:
    controller = Controller(BACK_OFF)
    for second in range(100):
        controller.delivered(50, START + second, limit=20)
    assert controller.learnt.rate is None
    assert controller.learnt.connections is None


@pytest.mark.parametrize(
    ("reply", "stage"),
    [
        ("550 5.1.1 <ann@example.org>: Recipient address rejected: User unknown", "rcpt"),
        ("452 4.2.2 <ann@example.org> Quota exceeded (mailbox for user is full)", "rcpt"),
        ("450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages", "rcpt"),
        ("450 4.2.0 <ann@example.org>: Recipient address rejected: Greylisted", "rcpt"),
        ("550 5.2.1 The email account that you tried to reach is disabled", "rcpt"),
    ],
)  # fmt: skip
def test_a_reply_about_one_recipient_never_slows_the_site(reply: str, stage: str) -> None:
    controller = Controller(BACK_OFF)
    assert not any(controller.judged(said(reply, stage), reply, START + n, open_now=9) for n in range(1000))
    assert controller.learnt.rate is None and not controller.is_paused(START + 1000)


def test_the_pause_grows_while_the_site_goes_on_and_the_rate_halves() -> None:
    controller, now = Controller(BACK_OFF), START
    controller.delivered(60, now, limit=20)
    pauses, rates = [], []
    for _ in range(4):
        assert controller.judged(TOO_MUCH, "421", now, open_now=20)
        pauses.append(controller.learnt.paused_until - now)
        rates.append(controller.learnt.rate)
        now = controller.learnt.paused_until
    assert pauses == pytest.approx([75, 150, 300, 600])
    assert rates == pytest.approx([rates[0], rates[0] / 2, rates[0] / 4, rates[0] / 8])


def test_answers_to_what_was_under_way_count_as_one_complaint() -> None:
    controller = Controller(BACK_OFF)
    controller.delivered(60, START, limit=20)
    assert controller.judged(TOO_MUCH, "421", START, open_now=20)
    rate = controller.learnt.rate
    assert not any(controller.judged(TOO_MUCH, "421", START + 0.1, open_now=20) for _ in range(19))
    assert controller.learnt.rate == rate


def test_weak_signs_count_only_when_they_come_thick() -> None:
    seldom, thick = Controller(BACK_OFF), Controller(BACK_OFF)
    for second in range(1000):
        seldom.delivered(9, START + second, limit=20)
        assert not seldom.judged(BUSY, "451", START + second, open_now=5)
    assert any(thick.judged(BUSY, "451", START + second, open_now=5) for second in range(5))
    assert 0 < BUSY.slow_down < 0.5


def test_connections_to_a_provider_start_with_two_and_grow_with_deliveries_to_the_limit() -> None:
    controller = Controller(BACK_OFF, known=True)
    assert controller.learnt.connections == FIRST_CONNECTIONS
    controller.delivered(1, START, limit=5)
    assert controller.learnt.connections == 3
    controller.delivered(100, START, limit=5)
    assert controller.learnt.connections == 5


def test_too_many_connections_costs_connections_and_not_the_rate() -> None:
    assert TOO_MANY.klass is BounceClass.TOO_MANY_CONNECTIONS
    controller = Controller(BACK_OFF)
    controller.judged(TOO_MANY, "421", START, open_now=10)
    assert controller.learnt.connections == 9
    assert controller.learnt.rate is None
    now = controller.learnt.paused_until
    for _ in range(30):  # it says so again and again
        controller.judged(TOO_MANY, "421", now, open_now=controller.learnt.connections or 1)
        now = controller.learnt.paused_until
    assert controller.learnt.connections == 1


def test_what_a_session_bears_is_learnt_and_only_narrows() -> None:
    controller = Controller(BACK_OFF)
    assert controller.session_ended(20)
    assert not controller.session_ended(30)
    assert controller.session_ended(10)
    assert controller.learnt.per_connection == 10


def test_what_was_learnt_survives_a_restart() -> None:
    controller, later = Controller(BACK_OFF), Controller(BACK_OFF)
    controller.delivered(60, START, limit=20)
    controller.judged(TOO_MUCH, "421 slow down", START, open_now=20)
    later.restore({**controller.to_dict(), "of another version": 1})
    assert later.learnt == controller.learnt
    assert later.is_paused(START + 59)


def test_what_a_site_says_after_a_restart_is_not_laid_to_the_few_mails_since() -> None:
    controller, later = Controller(BACK_OFF), Controller(BACK_OFF)
    controller.delivered(60, START, limit=20)
    controller.judged(TOO_MUCH, "421 slow down", START, open_now=20)
    going = controller.learnt.paused_until + 1
    controller.delivered(1, going, limit=20)
    later.restore(controller.to_dict())
    paced = later.learnt.rate or 0.0
    later.delivered(1, going + 1, limit=20)
    later.judged(TOO_MUCH, "421 slow down", going + 2, open_now=20)
    later.delivered(1, going + 3, limit=20)  # told of late
    assert (later.learnt.rate or 0.0) >= 0.75 * paced, "it counts what it took before, too"


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 100)), max_size=200))
def test_no_history_leads_to_a_rate_or_a_number_of_connections_that_is_none(history: list[tuple[bool, float]]) -> None:
    controller, now = Controller(BACK_OFF, known=True), START
    for good, wait in history:
        now += wait
        if good:
            controller.delivered(3, now, limit=7)
        else:
            controller.judged(TOO_MUCH if wait > 50 else TOO_MANY, "421", now, open_now=4)
        assert controller.learnt.rate is None or controller.learnt.rate > 0
        assert 1 <= (controller.learnt.connections or 1) <= 7

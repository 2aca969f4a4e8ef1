"""A site's book over several carriers that open, spend, report late and die as they please: no limit is ever passed."""

from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deliverability.bounces.classify import classify
from deliverability.reply import Reply
from deliverability.settings import BackOff
from deliverability.shaping.book import Book
from deliverability.shaping.controller import Controller
from deliverability.shaping.guard import Guard
from deliverability.shaping.limits import Said, ShapingSettings
from deliverability.shaping.share import Report, Share

START = 1_000_000.0
BACK_OFF = BackOff(first=timedelta(minutes=1), ceiling=timedelta(hours=2))
SLOW_DOWN = classify(Reply.parse("421 4.7.0 too many messages, slow down"), "mail")


def book(provider: str = "", carriers: int = 2, **said: int) -> Book:
    limits = {name: Said(value, "a test") for name, value in {"connections": 20, "per_connection": 100, **said}.items()}
    return Book("mx.example.org", provider, limits, Controller(BACK_OFF, known=bool(provider)), 0.1, carriers)


@dataclass
class Hands:
    """A carrier as it really is; shares and reports reach their readers when the test says so."""

    number: int
    share: Share = field(default_factory=Share)
    open: int = 0
    spent: int = 0
    waiting: int = 5
    is_dead: bool = False
    letters: deque[Share] = field(default_factory=deque)

    def report(self) -> Report:
        return Report(
            "mx.example.org", spent=self.spent, open=self.open, waiting=self.waiting, version=self.share.version
        )


ACTS = st.sampled_from(["report", "read", "open", "close", "spend", "idle", "busy", "die", "later"])


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 7), st.integers(1, 30), st.lists(st.tuples(ACTS, st.integers(0, 2), st.integers(1, 9)), max_size=150)
)
def test_whatever_carriers_do_no_limit_is_passed(
    connections: int, per_minute: int, story: list[tuple[str, int, int]]
) -> None:
    kept, now, spent = book(carriers=3, connections=connections, per_minute=per_minute), START, []
    hands = [Hands(number) for number in range(3)]

    def send() -> None:
        for carrier, share in kept.shares(now).items():
            hands[carrier].letters.append(share)

    for act, which, amount in story:
        one = hands[which]
        if act == "later":
            now += amount
            send()
        elif one.is_dead:
            continue
        elif act == "report":
            kept.hear(one.number, one.report(), now)
            send()
        elif act == "read" and one.letters:
            one.share = one.letters.popleft()
        elif act == "open":
            one.open = max(one.open, min(one.share.slots, one.open + amount))
        elif act == "close":
            one.open = max(0, one.open - amount)
        elif act == "spend" and one.share.upto is not None:
            count = max(0, min(amount, one.share.upto - one.spent))
            one.spent += count
            spent += [now] * count
        elif act in ("idle", "busy"):
            one.waiting = 0 if act == "idle" else 5
        elif act == "die":
            one.is_dead, one.open = True, 0
            kept.forget(one.number, now)
            send()
        assert sum(each.open for each in hands) <= connections
        assert all(sum(begin <= each < begin + 60 for each in spent) <= per_minute for begin in spent[-1:])
        assert sum(now - 60 < each for each in spent) <= per_minute


def test_a_site_of_no_provider_that_never_complained_is_shared_evenly_and_not_paced() -> None:
    kept = book()
    kept.hear(1, Report("mx.example.org", waiting=3), START)
    kept.hear(2, Report("mx.example.org"), START)
    assert kept.is_plain
    shares = kept.shares(START)
    assert [(share.slots, share.rate, share.upto) for share in shares.values()] == [(10, None, None)] * 2
    assert kept.shares(START + 100) == {}


def test_after_a_complaint_all_carriers_rest_and_then_share_the_learnt_rate() -> None:
    kept = book()
    for carrier in (1, 2):
        kept.hear(carrier, Report("mx.example.org", delivered=31, open=3, waiting=9), START)
    complaint = (str(SLOW_DOWN.klass), str(SLOW_DOWN.blame), SLOW_DOWN.slow_down, SLOW_DOWN.rule, "421 slow down")
    assert kept.hear(1, Report("mx.example.org", open=3, waiting=9, complaints=(complaint,)), START)
    shares = kept.shares(START)
    assert {share.paused_ms for share in shares.values()} == {int((START + 60) * 1000)}
    assert [share.rate for share in shares.values()] == pytest.approx([0.4, 0.4])


def test_who_has_nothing_to_carry_leaves_the_connections_to_the_others() -> None:
    kept = book("gmail", connections=5)
    kept.controller.delivered(100, START, limit=5)
    kept.hear(1, Report("mx.example.org", waiting=3), START)
    kept.hear(2, Report("mx.example.org", waiting=3), START)
    first = kept.shares(START)
    assert sorted(share.slots for share in first.values()) == [2, 3]
    kept.hear(2, Report("mx.example.org", version=first[2].version), START)
    taken_back = kept.shares(START)
    assert taken_back[2].slots == 0
    kept.hear(2, Report("mx.example.org", version=taken_back[2].version), START)
    assert kept.shares(START)[1].slots == 5


def test_a_limit_too_small_to_divide_is_one_carriers() -> None:
    kept = book(per_minute=2)
    kept.hear(1, Report("mx.example.org", waiting=3), START)
    kept.hear(2, Report("mx.example.org", waiting=3), START)
    kept.shares(START)
    assert sorted(peer.share.slots for peer in kept.peers.values()) == [0, 1]


def test_bulk_never_spends_what_is_reserved_for_transactional_mail() -> None:
    kept = book(carriers=1, per_minute=20)
    spent = 0
    for second in range(50):
        kept.hear(1, Report("mx.example.org", spent=spent, waiting=99), START + second)
        kept.shares(START + second)
        spent = max(spent, kept.peers[1].share.bulk_upto or 0)
    assert spent == 18
    assert (kept.peers[1].share.upto or 0) > spent


# -- the bounce guard


def test_the_guard_believes_few_bounces_and_not_a_domain_that_refuses_everybody() -> None:
    guard = Guard(ShapingSettings())
    assert guard.saw("good.example", 100, 10, START) is None  # a tenth is no more than a tenth
    assert guard.saw("small.example", 19, 19, START) is None
    assert guard.saw("sudden.example", 20, 3, START) == (20, 3)


def test_the_guard_forgets_what_is_older_than_its_window() -> None:
    guard = Guard(ShapingSettings())
    guard.saw("d.example", 19, 10, START)
    assert guard.saw("d.example", 5, 1, START + 3600) is None


def test_the_guard_begins_anew_with_a_domain_that_was_let_go() -> None:
    guard = Guard(ShapingSettings())
    assert guard.saw("d.example", 30, 30, START)
    guard.forget("d.example")
    assert guard.saw("d.example", 1, 1, START) is None


def test_how_many_recipients_a_site_takes_at_once_is_learnt_for_all_carriers_and_kept() -> None:
    kept = book()
    kept.hear(1, Report("mx.example.org", recipients=7, waiting=1), START)
    kept.hear(2, Report("mx.example.org", recipients=9, waiting=1), START)
    assert {share.recipients for share in kept.shares(START).values()} == {7}
    after = book()
    after.controller.restore(kept.to_dict(START))
    after.hear(1, Report("mx.example.org", waiting=1), START)
    assert after.shares(START)[1].recipients == 7

"""The judge: any sequence of wishes, caps, clocks and priorities, and what must hold whatever they are."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.sending.arbiter_settings import ArbiterSettings, parse_cap, parse_hours
from engine.sending.judging import LATE, Cap, Case, Held, Hold, Place, Policy, Refuse, Send, judge
from engine.sending.quiet import Quiet
from engine.sending.refusals import Refusal
from mta.queue.delivery import Stream

HAIFA = ZoneInfo("Asia/Jerusalem")
ZONES = [
    ZoneInfo(each) for each in ("Asia/Jerusalem", "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Shanghai")
]
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FLOW = frozenset({"flow cart", "flows", "all"})


def case(**more: object) -> Case:
    return Case(**{"stream": Stream.MARKETING, "zone": HAIFA, "subjects": FLOW, "source": "flow cart, step a", **more})  # type: ignore[arg-type]


def sent(*hours_ago: float, subjects: frozenset[str] = FLOW) -> tuple[Place, ...]:
    return tuple(Place(NOON - each * HOUR, subjects) for each in hours_ago)


def held(ref: int = 1, source: str = "campaign spring", priority: int = 0, since: datetime = NOON - HOUR,
         until: datetime = NOON, best_before: datetime = NOON + DAY) -> Held:  # fmt: skip
    return Held(ref, source, frozenset({"campaigns", "all"}), priority, since, until, best_before)


# -- one case


def test_without_a_policy_whoever_may_be_written_to_is_written_to() -> None:
    assert judge(case(sent=sent(0.1, 0.2)), Policy(), NOON) == Send()


def test_permission_comes_first_and_holds_nothing() -> None:
    policy = Policy(quiet=Quiet(time(0), time(23, 59)))
    assert judge(case(permission="unsubscribe"), policy, NOON) == Refuse("unsubscribe")


def test_transactional_mail_is_never_capped() -> None:
    policy = Policy(caps=(Cap(1, DAY),), distance=DAY, quiet=Quiet(time(0), time(23, 59)))
    assert judge(case(stream=Stream.TRANSACTIONAL, sent=sent(1)), policy, NOON) == Send()


def test_over_a_cap_it_is_held_until_the_oldest_leaves_the_window() -> None:
    verdict = judge(case(sent=sent(20, 3)), Policy(caps=(Cap(2, DAY),)), NOON)
    assert verdict == Hold(NOON + 4 * HOUR, Refusal.CAP, NOON + 3 * DAY, "2 in 1d of all: 2 already")


def test_a_cap_of_a_part_counts_that_part_only() -> None:
    policy = Policy(caps=(Cap(1, DAY, "flow cart"),))
    assert judge(case(sent=sent(1, subjects=frozenset({"campaigns", "all"}))), policy, NOON) == Send()
    assert isinstance(judge(case(sent=sent(1)), policy, NOON), Hold)
    assert judge(case(subjects=frozenset({"flow vip", "flows", "all"}), sent=sent(1)), policy, NOON) == Send()


def test_what_has_no_room_before_its_best_before_is_refused_at_once_by_what_binds() -> None:
    verdict = judge(case(sent=sent(1)), Policy(caps=(Cap(1, 7 * DAY),)), NOON)
    assert isinstance(verdict, Refuse) and verdict.reason == Refusal.CAP


def test_two_mails_keep_their_distance() -> None:
    verdict = judge(case(sent=sent(1)), Policy(distance=4 * HOUR), NOON)
    assert isinstance(verdict, Hold)
    assert (verdict.until, verdict.reason) == (NOON + 3 * HOUR, Refusal.DISTANCE)


def test_quiet_hours_end_on_the_reader_s_clock() -> None:
    policy = Policy(quiet=Quiet(time(21), time(8)))
    night = datetime(2026, 3, 2, 20, 30, tzinfo=UTC)  # 22:30 in Haifa
    verdict = judge(case(), policy, night)
    assert isinstance(verdict, Hold) and verdict.reason == Refusal.QUIET
    assert verdict.until == datetime(2026, 3, 3, 6, tzinfo=UTC)
    assert verdict.why == "until 08:00 on the reader's clock (Asia/Jerusalem)"
    assert judge(case(zone=ZoneInfo("America/New_York")), policy, night) == Send()


def test_a_cap_that_outlasts_the_quiet_hours_is_named_too() -> None:
    policy = Policy(caps=(Cap(1, DAY),), quiet=Quiet(time(21), time(8)))
    night = datetime(2026, 3, 2, 20, 30, tzinfo=UTC)
    verdict = judge(case(sent=(Place(night - HOUR, FLOW),)), policy, night)
    assert isinstance(verdict, Hold) and verdict.reason == Refusal.QUIET and verdict.until.day == 4
    assert verdict.why.endswith("(Asia/Jerusalem); then frequency cap: 1 in 1d of all: 1 already")


def test_a_mail_for_which_others_leave_no_room_is_told_that_it_will_be_too_late() -> None:
    ahead = tuple(held(n, f"campaign {n}", until=NOON + n * DAY, best_before=NOON + 9 * DAY) for n in range(4))
    verdict = judge(case(waiting=ahead), Policy(caps=(Cap(1, DAY),)), NOON)
    assert isinstance(verdict, Hold) and verdict.until == verdict.best_before
    assert verdict.why.endswith("leave no room before it is too late")


def test_a_mail_of_a_higher_priority_takes_the_place_of_a_lower_one_that_is_held() -> None:
    policy = Policy(caps=(Cap(1, DAY),))
    assert judge(case(priority=60, waiting=(held(priority=40),)), policy, NOON) == Send()
    lower = judge(case(priority=20, waiting=(held(priority=40),)), policy, NOON)
    assert isinstance(lower, Hold) and lower.reason == Refusal.GIVES_WAY
    assert lower.until == NOON + DAY, "when the place that the other takes is over"


def test_among_equals_who_waits_longer_goes_first() -> None:
    policy = Policy(caps=(Cap(1, DAY),))
    mine = held(7, "flow cart, step a", since=NOON - 2 * HOUR)
    assert judge(case(held=mine, waiting=(held(),)), policy, NOON) == Send(mine.since)
    assert isinstance(judge(case(waiting=(held(),)), policy, NOON), Hold)


def test_a_newer_held_mail_of_the_same_step_stands_for_the_older_too() -> None:
    older, newer = held(1, "flow cart, step a", since=NOON - 5 * HOUR), held(2, "flow cart, step a")
    verdict = judge(case(held=older, waiting=(newer,)), Policy(), NOON)
    assert isinstance(verdict, Refuse) and verdict.reason == Refusal.MERGED
    assert judge(case(held=newer, waiting=(older,)), Policy(caps=(Cap(1, DAY),)), NOON) == Send(newer.since)


def test_a_mail_whose_best_before_is_over_is_not_sent_though_there_is_room() -> None:
    old = held(1, "flow cart, step a", best_before=NOON - LATE - timedelta(seconds=1))
    verdict = judge(case(held=old), Policy(), NOON)
    assert isinstance(verdict, Refuse) and verdict.reason == Refusal.EXPIRED
    assert judge(case(held=held(best_before=NOON - LATE)), Policy(), NOON) == Send(NOON - HOUR)


# -- any sequence


@dataclass
class World:
    """One person, and everybody who wants to write to them: each wish is judged, held and judged again."""

    policy: Policy
    zone: ZoneInfo
    now: datetime
    sent: list[Place] = field(default_factory=list)
    by_us: list[Place] = field(default_factory=list)
    waiting: dict[int, tuple[Held, Case]] = field(default_factory=dict)
    ends: dict[int, str] = field(default_factory=dict)
    wishes: int = 0

    def wish(self, kind: str, name: str, priority: int) -> None:
        self.wishes += 1
        subjects = frozenset({f"{kind} {name}", f"{kind}s", "all"})
        self.ask(self.wishes, Case(Stream.MARKETING, self.zone, subjects, f"{kind} {name}", priority))

    def ask(self, ref: int, wished: Case) -> None:
        mine = self.waiting.pop(ref, (None, wished))[0]
        others = tuple(each for each, _ in self.waiting.values())
        asked = Case(
            wished.stream, wished.zone, wished.subjects, wished.source, wished.priority, sent=tuple(self.sent),
            waiting=others, held=mine,
        )  # fmt: skip
        verdict = judge(asked, self.policy, self.now)
        assert verdict == judge(asked, self.policy, self.now)
        match verdict:
            case Send():
                self.sent.append(Place(self.now, wished.subjects))
                self.by_us.append(self.sent[-1])
                self.ends[ref] = "sent"
            case Hold(until=until, best_before=best_before):
                assert self.now < until <= best_before
                since = mine.since if mine else self.now
                kept = Held(
                    ref, wished.source, wished.subjects, wished.priority, since, until, best_before,
                )  # fmt: skip
                assert mine is None or mine.best_before == best_before, "a best-before never moves"
                self.waiting[ref] = (kept, wished)
            case Refuse(reason=reason):
                self.ends[ref] = reason

    def until(self, moment: datetime) -> None:
        """Time passes; what is due is asked again, in the order it is due."""
        while due := min(
            (each for each, _ in self.waiting.values() if each.until <= moment),
            key=lambda each: (each.until, each.rank),
            default=None,
        ):
            self.now = max(self.now, due.until)
            self.ask(due.ref, self.waiting[due.ref][1])
        self.now = moment


CAPS = st.builds(
    Cap, st.integers(1, 3), st.sampled_from([HOUR, 5 * HOUR, DAY, 3 * DAY]),
    st.sampled_from(["all", "flows", "campaigns", "flow a"]),
)  # fmt: skip
QUIETS = st.one_of(
    st.just(Quiet()),
    st.builds(Quiet, st.sampled_from([time(21), time(1, 30)]), st.sampled_from([time(8), time(2, 30)]),
              st.sampled_from([frozenset[int](), frozenset({5, 6})])),
)  # fmt: skip
POLICIES = st.builds(
    Policy, st.lists(CAPS, max_size=3).map(tuple), st.sampled_from([timedelta(), 2 * HOUR]), QUIETS,
    st.sampled_from([2 * HOUR, DAY, 4 * DAY]),
)  # fmt: skip
STARTS = [datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC), datetime(2026, 3, 7, tzinfo=UTC)]
ACTS = st.lists(
    st.tuples(st.sampled_from(["flow", "campaign", "shop"]), st.sampled_from("ab"), st.integers(0, 2), st.integers(0, 900)),
    max_size=25,
)  # fmt: skip


@given(POLICIES, st.sampled_from(ZONES), st.sampled_from(STARTS), ACTS)
def test_no_sequence_breaks_a_cap_a_distance_or_the_quiet_and_every_wish_ends(
    policy: Policy, zone: ZoneInfo, start: datetime, acts: list[tuple[str, str, int, int]]
) -> None:
    world = World(policy, zone, start)
    for kind, name, priority, minutes in acts:
        world.until(world.now + timedelta(minutes=minutes))
        if kind == "shop":
            world.sent.append(Place(world.now, frozenset({"all"})))
        else:
            world.wish(kind, name, priority)
    world.until(world.now + 10 * DAY)
    assert world.waiting == {} and sorted(world.ends) == list(range(1, world.wishes + 1))
    assert set(world.ends.values()) <= {"sent", "merged into a newer", "best before is over", "frequency cap",
                                        "too soon after another", "quiet hours"}  # fmt: skip
    for place in world.by_us:
        assert not policy.quiet.holds(place.at, zone)
        for cap in policy.caps:
            if cap.subject in place.subjects:
                before = [
                    each
                    for each in world.sent
                    if place.at - cap.window < each.at <= place.at and cap.subject in each.subjects
                ]
                at_once = sum(each.at == place.at for each in before)
                assert len(before) <= cap.most or at_once > 1
                ours = [each for each in world.by_us if each in before]
                assert len(ours) <= cap.most
        if policy.distance:
            assert not [each for each in world.by_us if each is not place and abs(each.at - place.at) < policy.distance]


@given(QUIETS, st.sampled_from(ZONES), st.sampled_from(STARTS), st.integers(0, 14 * 24 * 60))
def test_quiet_is_over_at_a_moment_that_is_not_quiet_and_none_before_it_was(
    quiet: Quiet, zone: ZoneInfo, start: datetime, minutes: int
) -> None:
    moment = start + timedelta(minutes=minutes)
    over = quiet.over(moment, zone)
    assert over >= moment and not quiet.holds(over, zone)
    step = moment
    while step < over:
        assert quiet.holds(step, zone)
        step += timedelta(minutes=10)


def test_an_end_that_the_clocks_skip_is_the_next_moment_that_exists() -> None:
    quiet = Quiet(time(1), time(2, 30))
    berlin = ZoneInfo("Europe/Berlin")
    skipped = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # 01:30; 02:00 to 03:00 is not there
    assert quiet.over(skipped, berlin) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    twice = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10 for the second time
    assert quiet.holds(twice, berlin)
    assert quiet.over(twice, berlin) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


# -- settings


def test_settings_become_a_policy() -> None:
    policy = ArbiterSettings(
        caps=("1/day", "3 / week"), caps_of={"list news": ("2/month",)}, quiet_hours="21:00-08:00", quiet_days=("sun",)
    ).policy
    assert policy.caps == (Cap(1, DAY), Cap(3, 7 * DAY), Cap(2, 30 * DAY, "list news"))
    assert policy.quiet == Quiet(time(21), time(8), frozenset({6}))
    assert policy.priority_of(("flow cart", "flows", "all")) == 60


def test_a_named_flow_s_priority_stands_before_that_of_all_flows() -> None:
    policy = ArbiterSettings(priorities={"flow cart": 90}).policy
    assert policy.priority_of(("flow cart", "flows")) == 90
    assert policy.priority_of(("campaign x", "campaigns")) == 40


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"caps": ("0/day",)}, "lets nothing through"),
        ({"caps": ("two a day",)}, 'try "3/week"'),
        ({"caps": ("1/90 days",)}, "at most 31 days"),
        ({"caps": ("1/dya",)}, "is not a duration"),
        ({"caps_of": {"newsletters": ("1/day",)}}, "nothing that mail is told apart by"),
        ({"caps_of": {"flows": ("1",)}}, "is not a cap"),
        ({"quiet_hours": "25:00-08:00"}, "no hours of a day"),
        ({"quiet_hours": "08:00-08:00"}, "no hours of a day"),
        ({"quiet_days": ("sabbath",)}, "is not a day"),
        ({"quiet_days": ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}, "would ever leave"),
        ({"priorities": {"list news": 3}}, "nothing that mail is told apart by"),
    ],
)  # fmt: skip
def test_what_can_t_be_obeyed_is_refused_with_what_to_write(said: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words.replace("(", r"\(")):
        ArbiterSettings(**said)  # type: ignore[arg-type]


def test_windows_are_words_or_durations() -> None:
    assert parse_cap("2/36h") == Cap(2, timedelta(hours=36))
    assert parse_cap("5/hour").window == HOUR
    assert parse_hours("") is None and parse_hours("9:05-17:00") == (time(9, 5), time(17))

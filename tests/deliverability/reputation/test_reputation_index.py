"""One index from its parts, and alarms that are told of once: tables of figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from deliverability.bounces.classify import BounceClass
from deliverability.reputation import figures
from deliverability.reputation.alarms import Figure, Level, Subject, changes, level
from deliverability.reputation.figures import Figures, by_class, took
from deliverability.reputation.index import Beside, Share, index
from deliverability.reputation.settings import ReputationSettings

SETTINGS = ReputationSettings()


def mail(accepted: int = 1000, **more: int) -> Figures:
    """So much mail, all of it by TLS; hard, spam, rate: how much of it was refused or put off for that."""
    hard, spam, rate = more.pop("hard", 0), more.pop("spam", 0), more.pop("rate", 0)
    found = Figures()
    found.add({figures.TRIED: accepted + hard + spam + rate, figures.SENT: accepted + hard + spam})
    found.add({figures.ACCEPTED: accepted, figures.ENCRYPTED: accepted - more.pop("clear", 0)})
    found.add({by_class(figures.BOUNCED, BounceClass.INVALID_RECIPIENT): hard})
    found.add({by_class(figures.BOUNCED, BounceClass.SPAM): spam})
    found.add({by_class(figures.DEFERRED, BounceClass.RATE_LIMITED): rate})
    found.add({figures.COMPLAINED: more.pop("complaints", 0)})
    assert not more
    return found


def lost(found: Figures, beside: Beside = Beside()) -> dict[str, float | None]:  # noqa: B008 - frozen
    return {each.name: each.lost for each in index(found, beside, SETTINGS).parts}


def test_clean_mail_has_an_index_of_a_hundred_and_no_mail_has_none() -> None:
    assert index(mail(), Beside(), SETTINGS).value == 100
    assert index(Figures(), Beside(), SETTINGS).value is None


def test_small_numbers_are_too_few_to_say() -> None:
    found = index(mail(199), Beside(), SETTINGS)
    assert found.value is None
    assert {each.why for each in found.parts} == {"too few to say (under 200)", "not known"}


@pytest.mark.parametrize(
    ("found", "part", "points"),
    [
        (mail(complaints=3), "complaints", 30.0),
        (mail(complaints=1), "complaints", 10.0),
        (mail(975, hard=25), "hard bounces", 10.0),
        (mail(975, spam=25), "blocked", 10.0),
        (mail(750, rate=250), "deferred", 5.0),
        (mail(clear=250), "without TLS", 2.5),
    ],
)
def test_each_part_loses_in_proportion_up_to_its_limit(found: Figures, part: str, points: float) -> None:
    assert lost(found)[part] == points
    assert all(each in (0.0, None) for name, each in lost(found).items() if name != part)


def test_what_others_say_counts_only_where_they_say_something() -> None:
    assert lost(mail())["DMARC fails"] is None and lost(mail())["blocklists"] is None
    told = lost(mail(), Beside(Share(100, 1000), Share(1, 5)))
    assert told["DMARC fails"] == 5.0 and told["blocklists"] == 5.0


@given(st.integers(0, 5), st.integers(0, 80), st.integers(0, 80), st.integers(0, 400), st.integers(0, 1000))
def test_the_index_can_be_reckoned_again_from_its_parts(
    complaints: int, hard: int, spam: int, rate: int, clear: int
) -> None:
    found = index(mail(complaints=complaints, hard=hard, spam=spam, rate=rate, clear=clear), Beside(), SETTINGS)
    points = 0.0
    for each in found.parts:
        if each.lost is not None and each.of:
            assert each.lost == round(each.weight * min(1, each.count / each.of / each.limit), 1)
            points += each.lost
    weights = sum(each.weight for each in found.parts if each.lost is not None)
    assert found.value == round(100 * (1 - points / weights))
    assert found.value is not None and 0 <= found.value <= 100


def test_the_median_is_within_its_power_of_two() -> None:
    found = Figures()
    for seconds in (0.2, 1.5, 3.0, 3.9, 900.0):
        found.add({took(seconds): 1})
    assert found.median_seconds == 4
    assert took(10**12) == "took:23" and Figures().median_seconds is None


def test_a_warning_after_its_alarm_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match=r"blocked_warn: 0\.2 is over blocked_alarm"):
        ReputationSettings(blocked_warn=0.2)


# -- alarms


def at(share: float | None, count: int = 50) -> Figure:
    return Figure(count, 1000, share, 0.02, 0.05)


@pytest.mark.parametrize(
    ("before", "share", "after"),
    [
        (Level.CALM, 0.019, Level.CALM),
        (Level.CALM, 0.02, Level.WARN),
        (Level.CALM, 0.05, Level.ALARM),
        (Level.WARN, 0.0161, Level.WARN),
        (Level.WARN, 0.0159, Level.CALM),
        (Level.WARN, 0.049, Level.WARN),
        (Level.ALARM, 0.041, Level.ALARM),
        (Level.ALARM, 0.039, Level.WARN),
        (Level.ALARM, 0.001, Level.CALM),
        (Level.ALARM, None, Level.CALM),
    ],
)
def test_a_level_is_left_only_well_below_its_threshold(before: Level, share: float | None, after: Level) -> None:
    assert level(at(share), before) is after


def test_one_complaint_is_no_alarm() -> None:
    assert level(Figure(1, 250, 0.004, 0.001, 0.003), Level.CALM) is Level.CALM
    assert level(Figure(2, 500, 0.004, 0.001, 0.003), Level.CALM) is Level.ALARM


def test_what_swings_about_a_threshold_is_told_of_once() -> None:
    subject, standing, told = Subject("hard bounces", domain="shop.example"), dict[Subject, Level](), []
    for share in (0.018, 0.021, 0.019, 0.022, 0.018, 0.021, 0.01, 0.018):
        for which, now in changes(standing, {subject: at(share)}).items():
            told.append(now)
            standing = {which: now}
    assert told == [Level.WARN, Level.CALM]


def test_what_nothing_is_known_of_any_more_is_over() -> None:
    subject = Subject("TLS drop", provider="gmail")
    assert changes({subject: Level.WARN}, {}) == {subject: Level.CALM}
    assert subject.words == "mail at gmail"

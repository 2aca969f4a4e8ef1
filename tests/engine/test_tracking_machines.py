"""Machines told from people: by what they say of themselves, and by what they do; later evidence turns earlier hits."""

import pytest

from engine.tracking.hits import network_of
from engine.tracking.machines import (
    HONEYPOT,
    Background,
    By,
    Hit,
    Kind,
    judge,
    judge_all,
    place_of,
    places,
    rule_of,
    rules,
)

PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4"
    " Mobile/15E148 Safari/604.1"
)
DESK = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
PEOPLE = (
    PHONE,
    DESK,
    "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0",
    f"{DESK} Edg/120.0.0.0",
    "Mozilla/5.0 (Linux; Android 14; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/23.0 Chrome/115.0.0.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
    "Mozilla/5.0 (Windows NT 10.0; WOW64; rv:102.0) Gecko/20100101 Thunderbird/102.15.1",
    "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17126; Pro)",
)
DELIVERED = 1_000_000_000
HOUR = 3_600_000
MAIL = Background(DELIVERED, links=4)


def click(after_ms: int, link: int = 1, agent: str = DESK) -> Hit:
    return Hit(Kind.CLICK, DELIVERED + after_ms, agent, link)


def opened(after_ms: int, agent: str = PHONE) -> Hit:
    return Hit(Kind.OPEN, DELIVERED + after_ms, agent)


def who(*hits: Hit, mail: Background = MAIL) -> list[By]:
    return [each.by for each in judge_all(mail, hits)]


@pytest.mark.parametrize(("name", "sample"), [(rule.name, sample) for rule in rules() for sample in rule.samples])
def test_every_rule_wins_its_own_samples(name: str, sample: str) -> None:
    found = rule_of(sample)
    assert found is not None and found.name == name


def test_every_rule_has_a_sample_and_a_name_of_its_own() -> None:
    assert all(rule.samples for rule in rules())
    assert len({rule.name for rule in rules()}) == len(rules())


@pytest.mark.parametrize(("name", "sample"), [(place.name, sample) for place in places() for sample in place.samples])
def test_every_network_holds_its_own_samples(name: str, sample: str) -> None:
    found = place_of(network_of(sample))
    assert found is not None and found.name == name
    verdict = judge(Hit(Kind.CLICK, DELIVERED + HOUR, DESK, 1, network_of(sample)), MAIL, [])
    assert (verdict.by, verdict.evidence) == (found.by, (f"network: {name}",))


def test_networks_are_no_finer_than_what_is_kept_of_an_address() -> None:
    ranges = [each for place in places() for each in place.ranges]
    assert all(each.prefixlen <= (24 if each.version == 4 else 48) for each in ranges)
    assert [place_of(network_of(each)) for each in ("192.0.2.1", "2001:db8::1", "", "18.0.0.1")] == [None] * 4


@pytest.mark.parametrize("agent", PEOPLE)
def test_browsers_and_mail_programs_are_no_machines(agent: str) -> None:
    assert rule_of(agent) is None
    assert who(click(HOUR, agent=agent), opened(HOUR - 5, agent)) == [By.PERSON, By.PERSON]


@pytest.mark.parametrize(
    ("agent", "by"),
    [
        ("Mozilla/5.0", By.PROXY),
        ("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", By.PROXY),
        ("curl/8.5.0", By.MACHINE),
        ("", By.MACHINE),
        ("x" * 100_000, By.PERSON),
    ],
)
def test_what_somebody_says_of_themselves_decides_first(agent: str, by: By) -> None:
    verdict = judge(opened(HOUR, agent), MAIL, [opened(HOUR, agent)])
    assert verdict.by is by
    assert bool(verdict.evidence) == (by is not By.PERSON)


@pytest.mark.parametrize(
    ("after_ms", "by"),
    [(0, By.MACHINE), (4_999, By.MACHINE), (5_000, By.UNSURE), (14_999, By.UNSURE), (15_000, By.PERSON)],
)
def test_nobody_clicks_in_the_first_seconds(after_ms: int, by: By) -> None:
    assert who(click(after_ms)) == [by]


def test_what_is_fetched_before_a_server_took_the_mail_is_a_scanners() -> None:
    assert who(click(0), mail=Background(None)) == [By.MACHINE]
    assert judge(click(0), Background(None), [click(0)]).evidence == ("before any server had taken the mail",)


def test_three_links_within_seconds_turn_the_first_one_too() -> None:
    first = click(HOUR, 1)
    assert who(first) == [By.PERSON]
    burst = [first, click(HOUR + 1_500, 2), click(HOUR + 3_000, 3)]
    assert who(*burst) == [By.MACHINE] * 3
    assert "3 links within 5 s" in judge(first, MAIL, burst).evidence


def test_all_links_within_a_minute_are_a_scanners_however_slow() -> None:
    assert who(*(click(HOUR + 15_000 * number, number) for number in (1, 2, 3))) == [By.PERSON] * 3
    assert who(*(click(HOUR + 15_000 * number, number) for number in (1, 2, 3, 4))) == [By.MACHINE] * 4


def test_somebody_who_reads_and_compares_is_a_person() -> None:
    hits = [
        opened(HOUR),
        click(HOUR + 20_000, 1),
        click(HOUR + 60_000, 2),
        click(HOUR + 61_000, 2),
        click(HOUR + 200_000, 3),
    ]
    assert who(*hits) == [By.PERSON] * 5


def test_two_links_at_once_leave_it_in_doubt() -> None:
    assert who(click(HOUR, 1), click(HOUR + 500, 2)) == [By.UNSURE, By.UNSURE]


def test_a_persons_click_before_and_after_a_scanners_burst_stays_one() -> None:
    burst = [click(HOUR + 1_000 * number, number) for number in (1, 2, 3)]
    assert who(click(HOUR - 600_000), *burst, click(HOUR + 600_000)) == [By.PERSON, *[By.MACHINE] * 3, By.PERSON]


def test_who_follows_a_link_that_no_reader_sees_is_a_machine_and_so_are_its_other_hits() -> None:
    trap = click(HOUR, HONEYPOT)
    assert who(trap, click(HOUR + 30_000), opened(HOUR + 1_000), click(HOUR + 2 * HOUR)) == [
        *[By.MACHINE] * 3,
        By.PERSON,
    ]


def test_the_order_in_which_hits_come_in_changes_nothing() -> None:
    hits = [click(HOUR + 900 * number, number % 4) for number in range(1, 6)]
    assert who(*hits) == list(reversed(who(*reversed(hits))))

"""Warm-up in the lab: a new source beside one that is warm, and a provider that takes everything."""

from collections.abc import Iterator

import pytest
from house import hand_over, letter
from house_lab import NO_SPREAD, WRITER, LabTown, lab_town

from engine.control.client import part
from engine.control.protocol.shaping import WarmUpRow, WarmUps, Why

pytestmark = pytest.mark.e2e

SETTINGS = {
    **NO_SPREAD,
    "sources": {"old": {"address": "127.0.0.2"}, "new": {"address": "127.0.0.3", "warm_up": True}},
    "pools": {"both": {"old": 1, "new": 1}},
    "streams": {"transactional": "both", "marketing": "both"},
    "warm_up": {"schedule": ["5", "10", "20"]},
}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabTown]:
    with lab_town(tmp_path_factory.mktemp("warm"), SETTINGS) as town:
        town.go_to_noon()  # an allowance is a day's: no midnight within the test
        yield town


def hand_over_all(town: LabTown, domain: str, count: int) -> None:
    with town.daemon.smtp() as smtp:
        for number in range(count):
            hand_over(smtp, WRITER, [f"p{number}@{domain}"], letter(f"p{number}@{domain}"))
    town.daemon.until(lambda: town.daemon.open_count() == 0)


def pairs(town: LabTown) -> dict[tuple[str, str], WarmUpRow]:
    return {(row.source, row.provider): row for row in town.daemon.control.get(WarmUps, "/v1/warm-up").rows}


def test_a_provider_that_takes_everything_is_given_more_the_next_day(town: LabTown) -> None:
    pair = ("new", "gmail")
    hand_over_all(town, "gmail.lab", 30)
    town.daemon.until(lambda: pair in pairs(town) and pairs(town)[pair].attempts >= 5)  # told with the next beat
    [(_, first)] = pairs(town).items()
    assert (first.allowance, first.attempts, first.refused, first.complaints) == (5, 5, 0, 0)
    told = town.daemon.control.get(Why, f"/v1/why/{part('gmail.lab')}")
    assert not [wait for wait in told.waits if wait.limit.startswith("warm-up")], "the other source takes it at once"
    town.daemon.advance("25 h")
    town.daemon.until(lambda: pairs(town)[pair].verdict != "begins")
    then = pairs(town)[pair]
    assert (then.verdict, then.stage, then.allowance, then.used) == ("goes on", 1, 10, 0)

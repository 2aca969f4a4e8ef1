"""Segments of a running Posthouse: set, asked, explained; moved by events, by operators and by time."""

import json
import subprocess
from collections.abc import Iterator

import pytest
from house_lab import LabTown, lab_town

pytestmark = pytest.mark.e2e

ANN, BEN = "ann@shop.lab", "ben@shop.lab"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabTown]:
    with lab_town(tmp_path_factory.mktemp("segments")) as town:
        for address in (ANN, BEN):
            done = town.daemon.command("contact", "add", address, "--source", "call", "--tag", "tea")
            assert done.returncode == 0, done.stderr
        yield town


def segment(town: LabTown, *words: str) -> str:
    done = town.daemon.command("segment", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(town: LabTown, *words: str) -> subprocess.CompletedProcess[str]:
    done = town.daemon.command("segment", *words)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done


def members(town: LabTown, name: str, count: int) -> str:
    """What lists them, as soon as there are so many."""

    def found() -> str:
        told = json.loads(segment(town, "show", name, "--members", "10", "--json"))
        return json.dumps([each["address"] for each in told["rows"]]) if told["total"] == count else ""

    return town.daemon.until(found)


def test_a_segment_is_found_counted_explained_and_follows_orders_and_time(town: LabTown) -> None:
    assert "who belongs" in segment(
        town, "set", "buyers", "'tea' in contact.tags and orders('30d')", "--title", "Buyers"
    )
    town.daemon.until(lambda: "live" in segment(town, "list"))
    assert segment(town, "count", "buyers") == "0\n"
    town.daemon.act("events", name="order.placed", address=ANN, data={"number": "A-1", "total": 20})
    assert members(town, "buyers", 1) == json.dumps([ANN])
    assert segment(town, "count", "buyers", "--exact").startswith("1 as asked now")
    assert segment(town, "count", "--where", "sum(orders(), 'total') >= 20") == "1 contact\n"

    why = segment(town, "explain", "buyers", BEN)
    assert "ben@shop.lab is not in buyers" in why
    assert "yes  'tea' in contact.tags" in why
    assert "no   orders('30d')" in why
    assert "time alone may change this at" in segment(town, "explain", "buyers", ANN)
    cost = segment(town, "explain", "buyers")
    assert "SEARCH" in cost
    assert "2 of 2 contacts asked" in cost

    town.daemon.advance("31 days")
    assert members(town, "buyers", 0) == "[]"
    day = town.daemon.rows("SELECT built_ms FROM segment WHERE name = 'buyers'")[0][0]
    assert day
    told = json.loads(segment(town, "diff", "buyers", "2020-01-01", "--json"))
    assert (told["entered"], told["left"], told["then"], told["later"]) == (0, 0, 0, 0)
    assert "when its history begins" in told["note"]


def test_what_is_no_segment_is_shown_with_its_place_and_changes_nothing(town: LabTown) -> None:
    segment(town, "set", "kept", "contact.orders.count >= 1")
    for asked, words in (
        (("set", "kept", "SELECT * FROM contact"), "line 1, column 15"),
        (("check", "{{ contact.name }}"), "no braces"),
        (("set", "kept", "contact.name == 'x'; DROP TABLE segment"), "line 1, column 20"),
        (("count", "--where", "contact.nmae == 'x'"), 'did you mean "name"?'),
    ):
        done = refused(town, *asked)
        assert words in done.stderr
        assert "^" in done.stderr
    assert "contact.orders.count >= 1" in segment(town, "show", "kept")
    assert "order.count" not in segment(town, "check", "contact.orders.count >= 1")
    assert "there is no segment nobody" in refused(town, "show", "nobody").stderr
    assert "nobody is known as" in refused(town, "explain", "kept", "who@shop.lab").stderr
    assert "is no day" in refused(town, "diff", "kept", "yesterday").stderr


def test_a_removed_segment_is_gone(town: LabTown) -> None:
    segment(town, "set", "passing", "true")
    assert members(town, "passing", 2)
    segment(town, "remove", "passing")
    town.daemon.until(lambda: not town.daemon.rows("SELECT 1 FROM segment WHERE name = 'passing'"))
    assert town.daemon.rows("SELECT 1 FROM segment_member WHERE segment_id NOT IN (SELECT id FROM segment)") == []
    assert "there is no segment" in refused(town, "show", "passing").stderr

"""What an operator sees of trouble and does about it, over the control socket: clusters, weather, a brake, a grace, undo."""

from collections.abc import Iterator

import pytest
from house import Daemon, free_port, hand_over, letter

from engine.control.client import ControlError
from engine.control.protocol.bounces import BounceDays, ReceivedPage, SuppressionPage, Unclassified
from engine.control.protocol.lately import Replies, Weather
from engine.control.protocol.shaping import SiteShaping

pytestmark = pytest.mark.e2e

PATIENT = {"retry": {"site": {"first": "1h", "ceiling": "2h"}}}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("hand")
    with Daemon(folder, next_hop=f"127.0.0.1:{free_port()}", settings=PATIENT) as daemon:
        with daemon.smtp() as smtp:
            for number in range(12):
                to = f"p{number}@{'a' if number % 3 else 'b'}.example"
                hand_over(smtp, "app@shop.example", [to], letter(to, subject=f"Order {number}"))
        daemon.until(lambda: daemon.rows("SELECT 1 FROM site WHERE retry_ms > 0"))
        daemon.until(lambda: not daemon.rows("SELECT 1 FROM delivery WHERE state IN (1, 2)"))
        yield daemon
        assert daemon.audit().balances


def ids(daemon: Daemon, state: int = 0) -> list[int]:
    return [row[0] for row in daemon.rows("SELECT id FROM delivery WHERE state = ? ORDER BY id", state)]


def test_replies_that_say_the_same_are_one_with_what_they_mean(daemon: Daemon) -> None:
    found = daemon.control.get(Replies, "/v1/queue/replies")
    row = found.rows[0]
    assert row.outcome == "deferred" and "refused" in row.example and row.message_id
    assert row.klass and row.means and row.cures
    assert sum(each.count for each in found.rows) == found.deferred + found.failed
    assert daemon.control.get(Replies, "/v1/queue/replies", {"site": "nowhere.example"}).rows == ()
    said = daemon.command("queue", "replies")
    assert row.text in said.stdout and "put off" in said.stdout, said.stderr


def test_the_weather_has_the_last_three_hours_in_cells(daemon: Daemon) -> None:
    found = daemon.control.get(Weather, "/v1/queue/weather", {"by": "domain"})
    assert len(found.all.deferred) == 36 and found.cell_ms == 300_000
    assert sum(found.all.deferred) == sum(sum(each.deferred) for each in found.rows) >= 1
    assert sum(found.all.accepted) == 0
    assert daemon.command("queue", "weather").returncode == 0


def test_a_cancellation_with_a_grace_is_undone_as_one_act_and_the_books_balance(daemon: Daemon) -> None:
    daemon.act("queue/hold", deliveries=ids(daemon)[:1], by="ann")
    held, queued = ids(daemon, 4), ids(daemon)
    dry = daemon.act("queue/cancel", domain="a.example", by="ann", why="a mistake", grace="6h", dry_run=True)
    done = daemon.act("queue/cancel", domain="a.example", by="ann", why="a mistake", grace="6h")
    assert done.facts["changed"] == dry.facts["would"] == 8
    assert set(ids(daemon, 4)) >= set(held) and len(ids(daemon)) < len(queued)
    undone = daemon.act("acts/undo", act=done.facts["act"])
    assert "8 deliveries back where they were" in undone.text
    assert (ids(daemon, 4), ids(daemon)) == (held, queued)
    daemon.act("queue/release", deliveries=held, by="ann")


def test_a_grace_that_is_over_ends_what_it_held_in_the_name_of_who_cancelled_it(daemon: Daemon) -> None:
    number = ids(daemon)[-1]
    done = daemon.act("queue/cancel", deliveries=[number], by="ann", why="twice", grace="30 min")
    assert ids(daemon, 4) == [number]
    daemon.advance("31 min")
    daemon.until(lambda: ids(daemon, 13) == [number])
    assert daemon.rows("SELECT ended_by FROM delivery WHERE id = ?", number) == [("ann: twice",)]
    with pytest.raises(ControlError):
        daemon.act("acts/undo", act=done.facts["act"])


def test_holding_is_undone_for_those_alone_that_it_held(daemon: Daemon) -> None:
    first, *rest = ids(daemon)
    assert "1 delivery would be held" in daemon.act("queue/hold", deliveries=[first], by="bob", dry_run=True).text
    daemon.act("queue/hold", deliveries=[first], by="bob")
    done = daemon.act("queue/hold", domain="a.example", by="ann")
    daemon.act("acts/undo", act=done.facts["act"])
    assert ids(daemon, 4) == [first]
    daemon.act("queue/release", deliveries=[first], by="bob")
    assert ids(daemon) == [first, *rest]
    again = daemon.act("queue/release", deliveries=[first], by="bob")
    assert f"0 of 1 delivery released ({first} is queued; only what is held can be)" in again.text


def test_undoing_a_hold_leaves_what_waits_for_its_retry_waiting(daemon: Daemon) -> None:
    number = ids(daemon)[-1]
    [(due_ms,)] = daemon.rows("SELECT due_ms FROM delivery WHERE id = ?", number)
    done = daemon.act("queue/hold", deliveries=[number], by="ann")
    undone = daemon.act("acts/undo", act=done.facts["act"])
    assert "1 delivery released, each due when it was before" in undone.text
    assert daemon.rows("SELECT state, due_ms FROM delivery WHERE id = ?", number) == [(0, due_ms)]


def test_single_deliveries_are_tried_now(daemon: Daemon) -> None:
    number = ids(daemon)[0]
    before = daemon.rows("SELECT count(*) FROM attempt WHERE delivery_id = ?", number)
    assert daemon.act("queue/retry", deliveries=[number], by="ann").facts["changed"] == 1
    daemon.until(lambda: daemon.rows("SELECT count(*) FROM attempt WHERE delivery_id = ?", number) > before)
    assert daemon.command("queue", "retry", "--delivery", "99999").returncode == 1


def test_a_site_is_slowed_for_a_while_and_it_is_said_who_did_it(daemon: Daemon) -> None:
    site = daemon.rows("SELECT site FROM destination WHERE site <> ''")[0][0]
    done = daemon.act("shaping/slow", name=site, per_minute=30, by="ann", why="it is late", **{"for": "2h"})
    limits = {row.name: row for row in daemon.control.get(SiteShaping, f"/v1/shaping/{site}").limits}
    assert limits["per_minute"].value == 30 and limits["per_minute"].origin.startswith("ann, until")
    assert any("30 attempts a minute" in alert.text for alert in daemon.overview().alerts)
    daemon.act("acts/undo", act=done.facts["act"])
    names = [row.name for row in daemon.control.get(SiteShaping, f"/v1/shaping/{site}").limits]
    assert "per_minute" not in names
    assert daemon.command("shaping", "slow", site, "--per-minute", "5", "--why", "x").returncode == 0
    daemon.advance("2h")
    daemon.until(lambda: not any("attempts a minute" in alert.text for alert in daemon.overview().alerts))


def test_a_rule_that_is_made_counts_at_once_and_is_taken_back(daemon: Daemon) -> None:
    reply = "550 5.7.1 zorbl flumm 12345678 kapow"
    dry = daemon.act("bounces/classify", reply=reply, dry_run=True, by="ann", **{"class": "mailbox full"})
    assert "zorbl flumm" in dry.facts["text"] and not (daemon.state / "rules.toml").exists()
    done = daemon.act("bounces/classify", reply=reply, by="ann", **{"class": "mailbox full"})
    assert done.facts["rule"] in (daemon.state / "rules.toml").read_text()
    with pytest.raises(ControlError, match="no class"):
        daemon.act("bounces/classify", reply=reply, by="ann", **{"class": "lost"})
    daemon.act("acts/undo", act=done.facts["act"])
    assert done.facts["rule"] not in (daemon.state / "rules.toml").read_text()


def test_the_suppressed_are_paged_and_found_with_who_may_lift_each(daemon: Daemon) -> None:
    for number in range(5):
        daemon.act("suppression/add", address=f"no{number}@c.example", by="ann", why=f"asked {number}")
    first = daemon.control.get(SuppressionPage, "/v1/suppression", {"limit": 2})
    rest = daemon.control.get(SuppressionPage, "/v1/suppression", {"limit": 10, "after": first.after})
    assert [row.address[:3] for row in (*first.rows, *rest.rows)] == ["no4", "no3", "no2", "no1", "no0"]
    assert first.total == 5 and first.rows[0].lift == "an operator"
    jumped = daemon.control.get(SuppressionPage, "/v1/suppression", {"limit": 2, "offset": 3})
    assert [row.address[:3] for row in jumped.rows] == ["no1", "no0"]
    found = daemon.control.get(SuppressionPage, "/v1/suppression", {"q": "no3"})
    assert [row.address for row in found.rows] == ["no3@c.example"]
    assert [row.evidence for row in daemon.control.get(SuppressionPage, "/v1/suppression", {"q": "asked 2"}).rows]
    assert not daemon.control.get(SuppressionPage, "/v1/suppression", {"reason": "complaint"}).rows
    assert "no0@c.example" in daemon.command("suppression", "list").stdout


def test_what_came_back_and_what_no_rule_knows_are_asked_for_where_there_is_nothing_too(daemon: Daemon) -> None:
    assert daemon.control.get(ReceivedPage, "/v1/bounces/received", {"kind": "complaints"}).rows == ()
    assert daemon.control.get(Unclassified, "/v1/bounces/unclassified").classes
    assert len(daemon.control.get(BounceDays, "/v1/bounces", {"days": 3}).days) == 3
    with pytest.raises(ControlError, match="no mail 77"):
        daemon.control.get(ReceivedPage, "/v1/bounces/received/77")

"""Figures for Prometheus: the text is what it reads, everything is in the catalogue, and nobody can make them many."""

import subprocess
from collections.abc import Mapping
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from clock import NOON, FakeClock
from mail_shop import Place, open_store
from prometheus_client.parser import text_string_to_metric_families

from deliverability.reputation.alarms import Level
from engine import config
from engine.audience import figures
from engine.audience.figures import What
from engine.control.lookout import Looked
from engine.control.machine import Machine
from engine.control.observing.catalogue import INDEX, METRICS, OTHER
from engine.control.observing.exposition import by, exposition
from engine.control.observing.facts import certificates
from engine.control.observing.families import families, without_database
from engine.control.observing.gathering import Observer, Seen
from engine.control.observing.health import Facts, judge
from engine.control.observing.health import without_database as no_database
from engine.control.observing.since import SinceStart
from engine.control.protocol.flows import FlowRow
from engine.control.protocol.health import Health, ReasonRow
from engine.control.today import Today
from engine.faults import ConfigFaults
from engine.reputation.gathering import Gatherer
from mta.ports import to_ms
from mta.queue.census import Census, Group, Trouble
from mta.queue.delivery import State, Stream

NOW_MS = to_ms(NOON)
CONFIG = config.parse('hostname = "mail.shop.example"\n')
HEALTH = Health(NOW_MS, "degraded", (ReasonRow("backup", "degraded", "none", ""),))
MANY = 10_000


def group(domain: str, stream: Stream, state: State, count: int, age_s: int) -> Group:
    return Group(domain, stream, "", state, count, NOW_MS - age_s * 1000, ())


GROUPS = (
    group("a.example", Stream.MARKETING, State.QUEUED, 3, 60), group("b.example", Stream.MARKETING, State.QUEUED, 4, 90),
    group("b.example", Stream.TRANSACTIONAL, State.IN_DOUBT, 1, 5),
)  # fmt: skip


def observer(counted: Mapping[Any, int] | None = None) -> Observer:
    """One whose office is what a running one would be."""
    hand = SimpleNamespace(
        name="carrier-1", is_ready=True, figures={"delivered": 40, "connections": 3, "memory_kib": 2048}
    )
    gatherer = Gatherer()
    marketing = int(Stream.MARKETING)
    gatherer.counted.update(
        {
            ("attempt", marketing, "tried"): 10, ("attempt", marketing, "accepted"): 5,
            ("attempt", marketing, "took:0"): 3, ("attempt", marketing, "took:5"): 1, ("attempt", marketing, "took:23"): 1,
            ("attempt", marketing, "deferred:greylisted"): 2, ("attempt", marketing, "expired"): 1,
            ("attempt", marketing, "bounced:invalid recipient"): 1, ("inbound", marketing, "bounced:invalid recipient"): 1,
            ("inbound", marketing, "complained"): 2, ("event", marketing, "unsubscribed"): 4,
        }
    )  # fmt: skip
    gatherer.took_ms[marketing] = 98_765
    office = SimpleNamespace(
        hands={1: hand}, deaths=2, fence_watch=SimpleNamespace(standing=None), gatherer=gatherer, counted=dict(counted or {}),
        conductor=SimpleNamespace(suspensions={("site", 'odd"\\\nname'): None, ("domain", "x"): None}),
        watcher=SimpleNamespace(now_standing=(SimpleNamespace(level=Level.ALARM),)),
        doctor=SimpleNamespace(last=None, web_ends={"web": NOON - timedelta(days=1)}),
    )  # fmt: skip
    house = SimpleNamespace(config=CONFIG, clock=FakeClock())
    return Observer(lambda: cast(Any, house), cast(Any, office), cast(Any, None), cast(Any, None))


def seen(**changes: Any) -> Seen:
    day = Today(NOW_MS, 9, {}, {}, 0, (), 0, 0, (), 1_234_567, {"confirmed": 5}, 6)
    flow = FlowRow("welcome", "Welcome", "active", "marketing", waiting=7, completed=2, goals=1, mails=11)
    machine = Machine(500 << 20, 1 << 40, 4096, 1 << 25, NOON - timedelta(hours=9), {"submission": NOON}, ())
    said = {
        "now": NOON, "started": NOON, "day": day, "flows": (flow,),
        "looked": Looked(machine, timedelta(seconds=12), changes.pop("keys_due", {"shop.example": NOON}), (), 8192),
        "census": Census(NOW_MS, GROUPS, troubles={"mx": Trouble(NOW_MS + 1, ""), "over": Trouble(NOW_MS - 1, "")}),
        "since": {"message": 1, "event": 2, "doubt": 3, "inbound": 4, "list confirmed": 5}, "indexes": {"shop.example": 97},
        "alerts": 1,
    }  # fmt: skip
    return Seen(**{**said, **changes})


def shown(counted: Mapping[Any, int] | None = None, **changes: Any) -> str:
    return exposition(families(observer(counted), seen(**changes), HEALTH))


def parsed(text: str) -> dict[str, float]:
    """As Prometheus' own client reads it."""
    return {
        each.name + "".join(f" {name}={value}" for name, value in sorted(each.labels.items())): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def test_prometheus_own_reader_finds_every_metric_of_the_catalogue_with_its_kind_and_words() -> None:
    found = {family.name: family for family in text_string_to_metric_families(shown())}
    for each in METRICS:
        family = found.pop(each.name.removesuffix("_total") if each.kind == "counter" else each.name)
        assert (family.type, family.documentation) == (each.kind, each.help)
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(each.labels), each.name
    assert found == {}


def test_certificates_are_those_of_the_doors_for_mail_and_of_the_web_and_one_that_is_over_fails_the_health() -> None:
    found = parsed(shown())
    assert found["posthouse_certificate_expiry_timestamp_seconds door=submission"] == NOW_MS / 1000
    assert found["posthouse_certificate_expiry_timestamp_seconds door=web"] == NOW_MS / 1000 - 86_400
    ends = certificates(observer().office, seen().looked)
    judged = judge(Facts(NOON, needs_backup=False, certificates=tuple(ends.items())), NOW_MS)
    assert "that of web is over since 2026-" in " ".join(each.says for each in judged.reasons)


def test_names_are_as_prometheus_wants_them() -> None:
    for each in METRICS:
        assert each.name.endswith("_total") == (each.kind == "counter"), each.name
        assert not each.name.endswith(("_ms", "_minutes", "_hours", "_kib", "_mb", "_percent")), each.name
        assert each.help.endswith(".") and each.name.startswith("posthouse_")


@pytest.mark.peer("promtool")
def test_promtool_finds_nothing_wrong() -> None:
    done = subprocess.run(["promtool", "check", "metrics"], input=shown(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("posthouse_up", 1),
        ("posthouse_health_state", 1),
        ("posthouse_health_reason reason=backup state=degraded", 1),
        ("posthouse_queue_deliveries state=queued stream=marketing", 7),
        ("posthouse_queue_deliveries state=in doubt stream=transactional", 1),
        ("posthouse_queue_oldest_seconds stream=marketing", 90),
        ("posthouse_queue_site_deliveries site=b.example", 5),
        ("posthouse_sites_in_trouble", 1),
        ("posthouse_suspensions scope=site", 1),
        ("posthouse_suspensions scope=stream", 0),
        ("posthouse_attempts_total outcome=delivered stream=marketing", 5),
        ("posthouse_attempts_total outcome=deferred stream=marketing", 1),
        ("posthouse_attempts_total outcome=expired stream=marketing", 1),
        ("posthouse_attempts_total outcome=bounced stream=marketing", 1),
        ("posthouse_attempts_total outcome=other stream=marketing", 2),
        ("posthouse_attempts_total outcome=other stream=transactional", 0),
        ("posthouse_bounces_total class=invalid recipient", 2),
        ("posthouse_deferrals_total class=greylisted", 2),
        ("posthouse_complaints_total stream=marketing", 2),
        ("posthouse_unsubscribes_total", 4),
        ("posthouse_delivery_seconds_bucket le=1 stream=marketing", 3),
        ("posthouse_delivery_seconds_bucket le=32 stream=marketing", 4),
        ("posthouse_delivery_seconds_bucket le=+Inf stream=marketing", 5),
        ("posthouse_delivery_seconds_sum stream=marketing", 98.765),
        ("posthouse_delivery_seconds_count stream=marketing", 5),
        ("posthouse_list_people_total what=confirmed", 5),
        ("posthouse_flow_runs flow=welcome state=waiting", 7),
        ("posthouse_flow_lag_seconds", 12),
        ("posthouse_carrier_deaths_total", 2),
        ("posthouse_carrier_memory_bytes carrier=carrier-1", 2097152),
        ("posthouse_disk_free_bytes", 500 << 20),
        ("posthouse_backup_timestamp_seconds", NOW_MS / 1000 - 9 * 3600),
        ("posthouse_reputation_index domain=shop.example", 97),
        ("posthouse_reputation_alarms level=alarm", 1),
        ("posthouse_contacts", 1234567),
    ],
)
def test_the_figures_are_those_that_were_seen(name: str, figure: float) -> None:
    assert parsed(shown())[name] == figure


def test_ten_thousand_sites_domains_and_flows_make_no_more_lines_than_their_bound() -> None:
    groups = tuple(group(f"d{each}.example", Stream.MARKETING, State.QUEUED, each, 1) for each in range(1, MANY))
    troubles = {f"mx{each}.example": Trouble(NOW_MS + 1, "451") for each in range(MANY)}
    flows = tuple(FlowRow(f"f{each}", "", "active", "marketing", each, each, each, each) for each in range(MANY))
    text = shown(
        census=Census(NOW_MS, groups, troubles=troubles), flows=flows,
        indexes={f"d{each}.example": each % 100 for each in range(MANY)},
        keys_due={f"d{each}.example": NOON + timedelta(hours=each) for each in range(MANY)},
    )  # fmt: skip
    found = parsed(text)
    assert len(found) < 800
    assert found["posthouse_sites_in_trouble"] == MANY
    sites = {name: figure for name, figure in found.items() if name.startswith("posthouse_queue_site_deliveries ")}
    assert len(sites) == 21 and sum(sites.values()) == sum(range(1, MANY))
    assert found[f"posthouse_flow_runs flow={OTHER} state=waiting"] > 0
    assert len([name for name in found if name.startswith("posthouse_reputation_index ")]) == 50
    assert "posthouse_reputation_index domain=d0.example" in found  # the worst are told


def test_what_strangers_wrote_can_forge_no_line() -> None:
    bad = 'x"} 1\nposthouse_up 0\n\x1b]52;\\' + "y" * 500
    text = shown(census=Census(NOW_MS, (group(bad, Stream.MARKETING, State.QUEUED, 1, 1),)))
    assert parsed(text)["posthouse_up"] == 1
    assert "\x1b" not in text and "y" * 101 not in text


def test_the_few_figures_without_a_database_say_that_it_is_down() -> None:
    found = parsed(exposition(without_database(observer(), no_database("disk full", NOW_MS))))
    assert (found["posthouse_up"], found["posthouse_health_state"]) == (0, 2)


def test_a_key_that_can_not_be_read_is_failing_for_that_domains_mail_waits() -> None:
    found = judge(Facts(NOON, needs_backup=False, keys_unread=("shop.example",)), NOW_MS)
    assert (found.state, found.reasons[0].reason) == ("failing", "keys")
    assert "mail of these is not sent: shop.example" in found.reasons[0].says


# -- what happened since the start


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_rows_are_counted_from_the_start_on_and_never_fall(place: Place, clock: FakeClock) -> None:
    store = open_store(place, clock)
    counts = SinceStart()

    def look() -> Mapping[str, int]:
        return store.read_now(lambda tx: counts.look(tx, to_ms(clock.now())))

    def note() -> None:
        sql = "INSERT INTO doubt (delivery_id, at_ms, why) VALUES (1, 1, 'test')"
        store.write_now(lambda tx: tx.execute(sql))

    note()
    assert look()["doubt"] == 0
    note()
    note()
    assert look()["doubt"] == 2
    store.write_now(lambda tx: tx.execute("DELETE FROM doubt"))
    assert look()["doubt"] == 2
    store.close()


def test_people_of_lists_are_counted_over_the_hours_without_reading_old_ones(place: Place, clock: FakeClock) -> None:
    store = open_store(place, clock)
    counts = SinceStart()

    def happen(people: int) -> None:
        store.write_now(lambda tx: figures.happened(tx, 1, What.CONFIRMED, clock.now(), people))

    def look() -> int:
        found = store.read_now(lambda tx: counts.look(tx, to_ms(clock.now())))
        return found.get("list confirmed", 0)

    happen(3)
    assert look() == 0
    happen(2)
    assert look() == 2
    for hour in range(5):
        clock.advance(timedelta(hours=1))
        happen(10)
        assert look() == 12 + hour * 10
    since_ms = to_ms(clock.now() - timedelta(hours=2))
    store.write_now(lambda tx: tx.execute("DELETE FROM list_hour WHERE hour_ms < ?", (since_ms,)))
    assert look() == 52
    clock.advance(timedelta(days=9))
    assert look() == 52
    store.close()


# -- where they are served


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:9925", "*:9925", "[::]:9925", "203.0.113.256:1", "8.8.8.8:9925", "mail.example:9925"]
)
def test_a_listener_that_the_internet_may_reach_is_refused(listen: str) -> None:
    with pytest.raises(ConfigFaults, match=r"posthouse\.toml:2: metrics\.listen"):
        config.parse(f'[metrics]\nlisten = ["{listen}"]\n')


@pytest.mark.parametrize(
    "listen", ["127.0.0.1:9925", "[::1]:9925", "10.1.2.3:9925", "192.168.1.1:9925", "localhost:9925"]
)
def test_private_addresses_are_taken(listen: str) -> None:
    assert config.parse(f'[metrics]\nlisten = ["{listen}"]\n').metrics.listen == (listen,)


def test_names_that_begin_alike_stay_two_series_however_long_they_are() -> None:
    names = [f"{'a' * 60}.{'b' * 60}.{each}.example" for each in ("one", "two")]
    text = exposition([by(INDEX, dict.fromkeys(names, 7)), by(INDEX, {"short.example": 7})])
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(lines) == len({line.rpartition(" ")[0] for line in lines}) == 3
    assert all(len(line) < 150 for line in lines)

"""Figures for Prometheus: the text is what it reads, and the listener is private."""

import re

import pytest

from engine import config
from engine.control.metrics import Family, exposition, families
from engine.control.protocol.house import CarrierRow, Overview
from engine.faults import ConfigFaults
from mta.queue.census import Census, Group, Trouble
from mta.queue.delivery import State, Stream

LINE = re.compile(r'[a-z_]+(?:\{[a-z]+="(?:[^"\\\n]|\\[\\"n])*"(?:,[a-z]+="(?:[^"\\\n]|\\[\\"n])*")*\})? [0-9.]+')
NOW_MS = 1_000_000_000


def group(domain: str, stream: Stream, state: State, count: int, age_s: int) -> Group:
    return Group(domain, stream, "", state, count, NOW_MS - age_s * 1000, ())


def shown() -> str:
    seen = Overview(
        host="h", version="1.0", now_ms=NOW_MS, delivered_today=7, contacts=1_234_567, confirmed=5,
        carriers=(CarrierRow("carrier-1", 1, 40, 3, 2048),),
    )  # fmt: skip
    groups = (
        group("a.example", Stream.MARKETING, State.QUEUED, 3, 60), group("b.example", Stream.MARKETING, State.QUEUED, 4, 90),
        group("b.example", Stream.TRANSACTIONAL, State.IN_DOUBT, 1, 5),
    )  # fmt: skip
    census = Census(NOW_MS, groups, troubles={"mx.b.example": Trouble(NOW_MS + 30_500, "451 later")})
    counted = {(("path", "/confirm/{token}"), ("method", "POST"), ("code", "200")): 9}
    return exposition(families(seen, census, [("site", 'odd"\\\nname')], counted))


def test_every_line_is_one_that_prometheus_reads_and_every_metric_says_what_it_is() -> None:
    lines = shown().splitlines()
    figures = [line for line in lines if not line.startswith("#")]
    assert all(LINE.fullmatch(line) for line in figures), figures
    named = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert {re.split("[ {]", line)[0] for line in figures} <= named
    assert shown().endswith("\n")


@pytest.mark.parametrize(
    "line",
    [
        'posthouse_queue_deliveries{state="queued",stream="marketing"} 7',
        'posthouse_queue_deliveries{state="in doubt",stream="transactional"} 1',
        'posthouse_queue_oldest_seconds{stream="marketing"} 90', 'posthouse_today_deliveries{outcome="delivered"} 7',
        'posthouse_site_wait_seconds{site="mx.b.example"} 30.500', "posthouse_contacts 1234567",
        'posthouse_carrier_memory_bytes{carrier="carrier-1"} 2097152',
        'posthouse_suspended{scope="site",name="odd\\"\\\\\\nname"} 1',
        'posthouse_web_requests_total{path="/confirm/{token}",method="POST",code="200"} 9',
    ],
)  # fmt: skip
def test_the_figures_are_those_of_the_overview(line: str) -> None:
    assert line in shown().splitlines()


def test_a_metric_without_figures_still_says_what_it_is() -> None:
    assert exposition([Family("x", "gauge", "Nothing yet.", ())]) == "# HELP x Nothing yet.\n# TYPE x gauge\n"


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

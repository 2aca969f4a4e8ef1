"""Figures for a monitoring system, as Prometheus reads them: what the overview shows, without a word about any person.

Served on a listener of its own, which the configuration only lets be on a private address: how much mail a shop sends is
nobody's business. Numbers of the queue and of today are counted as the terminal's are, so a poll costs no scan.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from engine.control.protocol.house import Overview
from engine.control.server import ControlServer
from mta.ports import StoreTrouble
from mta.queue.census import Census
from mta.queue.delivery import State

PATH: Final = "/metrics"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"  # Prometheus' exposition format

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its name, type, what it says, and its figures by labels."""

    name: str
    kind: str  # gauge, counter
    help: str
    figures: tuple[tuple[Labels, float], ...]


def build_app(control: ControlServer, counted: Mapping[Labels, int]) -> web.Application:
    """The application that answers PATH. `counted`: requests to the public web, by path, method and status."""

    async def metrics(request: web.Request) -> web.Response:
        try:
            overview, census = await control.look(), await control.census.get()
        except StoreTrouble:
            return web.Response(text=exposition([_up(False)]), headers={"Content-Type": CONTENT_TYPE})
        waits = [(each.scope, each.name) for each in control.suspensions]
        found = [_up(True), *families(overview, census, waits, counted)]
        return web.Response(text=exposition(found), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application()
    app.router.add_get(PATH, metrics)
    return app


def families(
    seen: Overview, census: Census, suspended: Iterable[tuple[str, str]], counted: Mapping[Labels, int]
) -> Iterator[Family]:
    """All metrics but whether the database answers."""
    yield Family("posthouse_info", "gauge", "The running version.", (((("version", seen.version),), 1),))
    yield _queue(census)
    yield _oldest(census, seen.now_ms)
    today = {
        "accepted": seen.accepted_today, "delivered": seen.delivered_today, "deferred": seen.deferred_today,
        "bounced": seen.bounced_today,
    }  # fmt: skip
    yield _by("posthouse_today_deliveries", "outcome", today, "What came of deliveries since midnight UTC.")
    yield _one("posthouse_today_doubts", seen.doubts_today, "Times today that an answer was lost at the dot.")
    yield _one("posthouse_today_events", seen.events_today, "Events since midnight UTC.")
    rows = (((("scope", scope), ("name", name)), 1.0) for scope, name in sorted(suspended))
    yield Family("posthouse_suspended", "gauge", "What is stopped, by an operator or the bounce guard.", tuple(rows))
    troubles = (
        ((("site", site),), max(0.0, (each.retry_ms - seen.now_ms) / 1000))
        for site, each in sorted(census.troubles.items())
    )
    yield Family(
        "posthouse_site_wait_seconds", "gauge", "How long a site in trouble is still waited for.", tuple(troubles)
    )
    yield _one("posthouse_contacts", seen.contacts, "People that are known.")
    states = {"confirmed": seen.confirmed, "unconfirmed": seen.unconfirmed}
    yield _by("posthouse_subscriptions", "state", states, "Subscriptions to lists.")
    yield _one("posthouse_suppressed", seen.suppressed, "Suppressions in force.")
    carriers = {each.name: each for each in seen.carriers}
    yield _by(
        "posthouse_carrier_delivered_total", "carrier", {name: each.delivered for name, each in carriers.items()},
        "Deliveries of a carrier since it started.", "counter",
    )  # fmt: skip
    yield _by(
        "posthouse_carrier_connections", "carrier", {name: each.connections for name, each in carriers.items()},
        "Open connections of a carrier to receiving hosts.",
    )  # fmt: skip
    yield _by(
        "posthouse_carrier_memory_bytes", "carrier", {name: each.memory_kib * 1024 for name, each in carriers.items()},
        "Memory of a carrier.",
    )  # fmt: skip
    requests = tuple((labels, float(count)) for labels, count in sorted(counted.items()))
    yield Family("posthouse_web_requests_total", "counter", "Requests to the public web since the start.", requests)


def exposition(found: Iterable[Family]) -> str:
    """The text that Prometheus reads."""
    lines = []
    for each in found:
        lines += [f"# HELP {each.name} {each.help}", f"# TYPE {each.name} {each.kind}"]
        lines += [f"{each.name}{_written(labels)} {_figure(figure)}" for labels, figure in each.figures]
    return "\n".join(lines) + "\n"


def _figure(figure: float) -> str:
    return str(int(figure)) if figure == int(figure) else f"{figure:.3f}"


def _queue(census: Census) -> Family:
    counts: dict[Labels, float] = {}
    for group in census.groups:
        labels = (("state", State(group.state).word), ("stream", group.stream.word))
        counts[labels] = counts.get(labels, 0) + group.count
    return Family(
        "posthouse_queue_deliveries", "gauge", "Deliveries without an end yet.", tuple(sorted(counts.items()))
    )


def _oldest(census: Census, now_ms: int) -> Family:
    oldest: dict[Labels, float] = {}
    for group in census.groups:
        labels = (("stream", group.stream.word),)
        oldest[labels] = max(oldest.get(labels, 0.0), (now_ms - group.oldest_ms) / 1000)
    return Family(
        "posthouse_queue_oldest_seconds", "gauge", "Age of the oldest delivery.", tuple(sorted(oldest.items()))
    )


def _up(is_up: bool) -> Family:
    return _one("posthouse_up", int(is_up), "Whether the database answers.")


def _one(name: str, figure: float, about: str) -> Family:
    return Family(name, "gauge", about, (((), figure),))


def _by(name: str, label: str, figures: Mapping[str, float], about: str, kind: str = "gauge") -> Family:
    return Family(name, kind, about, tuple((((label, value),), figure) for value, figure in figures.items()))


def _written(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

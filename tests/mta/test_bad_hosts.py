"""Hosts that fail at each stage in each way, by Postfix's smtp-sink: every delivery has an end or waits, and the reason is
kept. One carrier and one sink for each way, all at once.
"""

import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from house_carrier import Carrier, running
from house_hop import Hop
from house_process import free_port, wait_connectable
from mail_shop import Place

from mta.routing.routes import Host, Route

pytestmark = pytest.mark.peer("postfix")

SINK = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin") or "smtp-sink"
STAGES = {"connect": "greeting", "ehlo": "ehlo", "mail": "mail", "rcpt": "rcpt", "data": "data", ".": "dot"}
WAYS = {"soft": "-r", "hard": "-f", "hangs up": "-q", "says 421 and hangs up": "-Q"}


@contextlib.contextmanager
def sink(*options: str) -> Iterator[Host]:
    port = free_port()
    process = subprocess.Popen(
        [SINK, "-u", "nobody", *options, f"127.0.0.1:{port}", "100"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_connectable(port, process)
        yield Host("sink.example", "127.0.0.1", port)
    finally:
        process.kill()
        process.wait()


def expected(way: str, at: str) -> tuple[str, str, str]:
    """Stage, outcome, and how the reply begins."""
    stage = STAGES[at]
    match way:
        case "soft":
            return stage, "deferred", "450 4.3.0 "
        case "hard":
            return stage, "deferred" if stage in ("greeting", "ehlo") else "failed", "500 5.3.0 "
        case "hangs up" if stage == "dot":
            return stage, "in doubt", "the "
        case "hangs up":
            return stage, "deferred", "451 4.4.2 the "
        case _:
            return stage, "deferred", "421 4.0.0 "


@pytest.fixture
async def carrier(place: Place) -> AsyncIterator[Carrier]:
    async with running(place) as carrier:
        yield carrier


async def test_every_failure_at_every_stage_is_named_and_kept(carrier: Carrier) -> None:
    wanted: dict[str, tuple[str, str, str]] = {}
    with contextlib.ExitStack() as stack:
        for number, (way, at) in enumerate((way, at) for way in WAYS for at in STAGES):
            # smtp-sink knows EHLO apart from HELO, to which we fall back when EHLO is refused for good
            host = stack.enter_context(sink("-8", WAYS[way], "ehlo,helo" if at == "ehlo" else at))
            domain = f"d{number}.example"
            carrier.roads.by_domain[domain] = Route(f"site{number}", (host,))
            wanted[domain] = expected(way, at)
            await carrier.hand_over(f"ann@{domain}")
        await carrier.until("SELECT count(*) FROM attempt", (len(wanted),))
        rows = await carrier.rows(
            "SELECT d.domain, a.stage, a.outcome, a.reply, a.host FROM attempt a JOIN delivery d ON d.id = a.delivery_id"
        )
    found: dict[str, Any] = {}
    for domain, stage, outcome, reply, host in rows:
        assert host == "sink.example"
        found[domain] = (stage, outcome, reply[: len(wanted[domain][2])])
    assert found == wanted


@pytest.mark.parametrize(
    ("answers", "is_asked"),
    [
        ({"GREETING": "554 5.3.2 not here"}, True),
        ({"GREETING": "421 4.3.2 going down"}, True),
        ({"GREETING": "this is no SMTP"}, True),
        ({"GREETING": ""}, True),
        ({"EHLO": "451 4.3.0 not now"}, True),
        ({"MAIL": "451 4.3.0 not now"}, False),
        ({"RCPT": "450 4.2.1 later"}, False),
        ({"RCPT": "550 5.1.1 no such user"}, False),
        ({"DATA": "451 4.3.0 not now"}, False),
        ({"DOT": "451 4.3.0 not now"}, False),
    ],
)
async def test_a_second_exchanger_is_asked_only_where_the_first_granted_no_session(
    carrier: Carrier, answers: dict[str, str], is_asked: bool
) -> None:
    async with Hop() as second:
        carrier.hop.answers |= {verb: lambda _, said=said: said for verb, said in answers.items()}
        hosts = (*carrier.hop.route().hosts, *second.route().hosts)
        carrier.roads.anywhere = Route("two", hosts)
        await carrier.hand_over("ann@a.example")
        await carrier.until("SELECT count(*) FROM attempt", (1,))
        assert second.kept == (["ann@a.example"] if is_asked else [])
        assert second.connections == int(is_asked)

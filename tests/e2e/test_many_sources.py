"""Several sources on one machine: real connections from 127.0.0.2 and 127.0.0.3 to a host that looks who comes."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP
from house import Daemon, letter

pytestmark = pytest.mark.e2e

ONE, TWO = "127.0.0.2", "127.0.0.3"


class Mx:
    """Takes mail, and notes from where. To grey@ it says 450 to whoever it does not know, to bad@ 421 to one source."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []  # source, EHLO name, forward-path
        self.known: set[tuple[str, str]] = set()
        self.is_strict = True
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, _: Any) -> str:
        source = session.peer[0]
        if address.startswith("grey") and (source, address) not in self.known:
            self.known.add((source, address))
            return "450 4.2.0 Greylisted, try again later"
        if address.startswith("bad") and source == ONE and self.is_strict:
            return "421 4.7.28 Too many messages from your address, slow down"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.seen += [(session.peer[0], session.host_name, to) for to in envelope.rcpt_tos]
        return "250 2.0.0 ok"

    def start(self) -> str:
        self._thread.start()
        opening = self._loop.create_server(lambda: SMTP(self, loop=self._loop), "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(opening, self._loop).result(60)
        return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, Mx]]:
    mx = Mx()
    settings = {
        "sources": {"one": {"address": ONE, "ehlo": "out1.shop.example"}, "two": {"address": TWO}},
        "pools": {"quick": {"two": 1}, "both": {"one": 1, "two": 1}},
        "streams": {"transactional": "quick", "marketing": "both"},
    }
    with Daemon(tmp_path_factory.mktemp("town"), next_hop=mx.start(), settings=settings) as daemon:
        yield daemon, mx
    mx.stop()


def submit(daemon: Daemon, *to: str, stream: str = "marketing") -> list[int]:
    return [daemon.submit(each, letter(each, X_Posthouse_Stream=stream)) for each in to]


def test_streams_leave_by_their_pools_under_their_names(town: tuple[Daemon, Mx]) -> None:
    daemon, mx = town
    submit(daemon, *(f"n{number}@a.example" for number in range(20)))
    submit(daemon, *(f"t{number}@a.example" for number in range(5)), stream="transactional")
    daemon.until(lambda: len(mx.seen) >= 25)
    marketing = Counter((source, name) for source, name, to in mx.seen if to.startswith("n"))
    assert set(marketing) == {(ONE, "out1.shop.example"), (TWO, "mail.shop.example")}
    assert min(marketing.values()) >= 6
    assert {source for source, _, to in mx.seen if to.startswith("t")} == {TWO}


def test_a_greylist_meets_the_same_source_again(town: tuple[Daemon, Mx]) -> None:
    daemon, mx = town
    numbers = submit(daemon, *(f"grey{number}@g.example" for number in range(8)))
    daemon.until(lambda: all(daemon.rows("SELECT 1 FROM attempt a JOIN delivery d ON d.id = a.delivery_id"
                                         " WHERE d.message_id = ?", number) for number in numbers))  # fmt: skip
    first = set(mx.known)
    daemon.command("lab", "advance", "20m")
    daemon.until(lambda: all(daemon.state_of(number) == "delivered" for number in numbers), 60)
    assert mx.known == first  # nobody came from an address that was not known
    assert {(source, to) for source, _, to in mx.seen if to.startswith("grey")} == first


def test_a_site_that_slows_one_source_down_goes_on_with_the_other(town: tuple[Daemon, Mx]) -> None:
    daemon, mx = town
    submit(daemon, *(f"bad{number}@b.example" for number in range(12)))
    site = daemon.rows("SELECT site FROM destination WHERE domain = 'a.example'")[0][0]
    daemon.until(lambda: daemon.rows("SELECT 1 FROM site WHERE name = ? AND retry_ms > 0", f"{site} by one"))
    daemon.until(lambda: not daemon.rows("SELECT 1 FROM delivery WHERE state < 10 AND domain = 'b.example'"
                                         " AND (id % 1000 * 619) % 1000 >= 500"), 60)  # fmt: skip
    assert {source for source, _, to in mx.seen if to.startswith("bad")} == {TWO}
    assert not daemon.rows("SELECT 1 FROM site WHERE name = ? AND retry_ms > 0", f"{site} by two")
    shown = json.loads(daemon.command("shaping", "show", "b.example", "--json").stdout)
    assert shown["site"] == f"{site} by one"
    told = daemon.command("why", "b.example").stdout
    assert "leaves  from 127.0.0.2 as out1.shop.example (source one): 50 % of marketing" in told
    assert "leaves  from 127.0.0.3 as mail.shop.example (source two): 100 % of transactional, 50 % of marketing" in told
    [waiting] = daemon.rows("SELECT message_id FROM delivery WHERE state = 0 AND domain = 'b.example' LIMIT 1")
    paused = "held by pause: the site rests"  # the heartbeats of carriers say so
    of_one = daemon.until(lambda: paused in (said := daemon.command("why", str(waiting[0])).stdout) and said)
    assert "leaves  from 127.0.0.2 as out1" in of_one
    mx.is_strict = False
    daemon.command("queue", "retry", "b.example")
    daemon.until(lambda: any(source == ONE for source, _, to in mx.seen if to.startswith("bad")), 60)

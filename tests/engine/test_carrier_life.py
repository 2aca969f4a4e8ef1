"""A carrier in the front office's hands: a real one, forked, with the test at the other end of its link."""

import json
import os
import select
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from clock import FakeClock
from house_process import wait_ended

from engine import carrier
from engine.config import parse
from engine.forkserver import Exit, ForkServer
from engine.house import House, composer_of, ensure_state
from engine.store.opening import store_at
from mta.inbound.crowd import shared_table
from mta.ports import StoreFull
from mta.queue import leasing

PATIENCE = 60.0


class Link:
    """The front office's end of the link to one carrier."""

    def __init__(self, server: ForkServer, order: dict[str, Any]) -> None:
        self._server = server
        self.pid, self._end = server.spawn(order)
        self._end.settimeout(PATIENCE)
        self._lines = self._end.makefile("rb")
        self.hear(lambda said: "ready" in said)

    def say(self, **message: Any) -> None:
        self._end.sendall(json.dumps(message).encode() + b"\n")

    def hear(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Read on until it says this."""
        while not wanted(json.loads(self._lines.readline())):
            pass

    def exit(self) -> Exit:
        assert select.select([self._server], [], [], PATIENCE)[0], "it lives"
        (told,) = self._server.exits()
        return told


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Callable[[], Link]]:
    config = parse(f'hostname = "mail.shop.example"\n[daemon]\nstate_dir = "{tmp_path / "state"}"\ndrain = 1\n')
    ensure_state(config)
    store = store_at(config.database_place, FakeClock()).open()
    store.migrate()
    store.close()
    doors: dict[str, list[int]] = {"submission": [], "submissions": [], "inbound": [], "inbound-lmtp": [], "lmtp": []}
    order = {"number": 0, "config": None, "carriers": 1, "doors": doors, "fenced": False, "secret": "00" * 32}
    servers = []

    def begin() -> Link:
        servers.append(
            ForkServer(partial(carrier.run, shared_table(), (config, composer_of(config))), carrier.keep_parser)
        )  # forked now: it has what the test changed
        return Link(servers[-1], order)

    yield begin
    for server in servers:
        server.close()
        assert not wait_ended([server.pid], PATIENCE)
        os.waitpid(server.pid, 0)


def test_told_to_stop_it_goes(spawn: Callable[[], Link]) -> None:
    link = spawn()
    link.say(stop=1)
    assert link.exit() == Exit(link.pid, 0)


def test_one_that_can_hear_no_more_makes_room_for_another(spawn: Callable[[], Link]) -> None:
    link = spawn()
    link.say(clock="soon")
    assert link.exit() == Exit(link.pid, 1)


def test_keys_that_cannot_be_read_now_are_read_later(
    spawn: Callable[[], Link], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, telling = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.settimeout(PATIENCE)
    load_keys = House.load_keys

    def load(*what: Any) -> Any:
        is_full = (tmp_path / "trouble").exists()
        telling.send(b"no room" if is_full else b"read")
        if is_full:
            raise StoreFull("no room")
        return load_keys(*what)

    monkeypatch.setattr(House, "load_keys", load)
    link = spawn()
    assert told.recv(10) == b"read"
    (tmp_path / "trouble").touch()
    link.say(keys=True)
    assert told.recv(10) == b"no room"
    (tmp_path / "trouble").unlink()
    while told.recv(10) != b"read":
        pass
    link.say(stop=1)
    assert link.exit() == Exit(link.pid, 0)


def test_a_lease_that_cannot_be_renewed_now_is_tried_again_soon_and_meanwhile_it_is_not_silent(
    spawn: Callable[[], Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    told, telling = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.settimeout(PATIENCE)

    def renew(*what: Any) -> bool:
        telling.send(b"asked")
        if telling.recv(10) == b"no":
            raise StoreFull("no room")
        return True

    monkeypatch.setattr(leasing, "renew", renew)
    monkeypatch.setattr(carrier, "RENEW_SECONDS", 3600.0)
    link = spawn()
    assert told.recv(10) == b"asked"
    for _ in range(3):
        link.hear(lambda said: "beat" in said)  # the database has not answered yet
    told.send(b"no")
    assert told.recv(10) == b"asked"
    told.send(b"yes")
    link.say(stop=1)
    assert link.exit() == Exit(link.pid, 0)

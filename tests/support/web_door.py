"""A shop's public pages on a socket of their own, and somebody who visits them."""

import contextlib
import socket
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
from clock import NOON, FakeChance, FakeClock
from mail_shop import OCTETS, Place, make_composer, make_list, open_store

from deliverability.address import Address
from engine.audience import consent, subscriptions
from engine.audience.consent import Answer
from engine.audience.tokens import Purpose
from engine.sending.confirmations import Confirmations
from engine.store.groups import GroupStore
from engine.web.routes import build_app
from engine.web.server import WebServer
from mta.ports import Tx, to_ms
from mta.queue.settings import QueueSettings

ANN = Address.parse("ann@example.org")


class Door:
    """A shop's pages on a socket of their own, and somebody who visits them."""

    def __init__(self, place: Place) -> None:
        self.clock = FakeClock()
        self.store: GroupStore = open_store(place, self.clock)
        self.composer = make_composer()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.woken: list[str] = []
        app = build_app(
            self.store, self.clock, FakeChance(), self.composer, proxies=["127.0.0.0/8"], wake=self.woken.extend
        )
        self.server = WebServer(app, [self.listening], stop_seconds=240)
        self.visitor = aiohttp.ClientSession(headers={"User-Agent": "Browser/1"})

    def rows(self, sql: str, *params: object) -> list[tuple[object, ...]]:
        return self.store.read_now(lambda tx: tx.query(sql, params))

    async def ask(self, method: str, path: str, data: object = None, **headers: str) -> tuple[int, str, dict[str, str]]:
        async with self.visitor.request(method, self.url + path, data=data, headers=headers) as answer:
            return answer.status, await answer.text(), dict(answer.headers)

    def state(self) -> str:
        found = self.store.read_now(lambda tx: subscriptions.subscription(tx, 1, 1))
        assert found is not None
        return str(found.state)

    def ledger(self) -> list[consent.Entry]:
        return self.store.read_now(lambda tx: consent.history(tx, 1))

    def confirm_path(self) -> str:
        return "/confirm/" + self.composer.tokens.make(Purpose.CONFIRM, (1, 1, to_ms(NOON)), NOON + timedelta(days=7))

    def unsubscribe_path(self, list_id: int = 1) -> str:
        return "/unsubscribe/" + self.composer.tokens.make(Purpose.UNSUBSCRIBE, (1, list_id))


@contextlib.asynccontextmanager
async def open_door(place: Place) -> AsyncIterator[Door]:
    """The pages of a shop with one list, "tea", which Ann was asked about."""
    door = Door(place)

    def asked(tx: Tx) -> None:
        make_list(tx)
        ask = Confirmations(door.composer, QueueSettings(), OCTETS, NOON)
        subscriptions.subscribe(
            tx, "tea", ANN, answer=Answer("yes", "", "form", salt=b"s"), ask=ask, name="Ann Archer", now=NOON
        )

    door.store.write_now(asked)
    await door.server.start()
    try:
        yield door
    finally:
        await door.visitor.close()
        await door.server.stop()
        door.store.close()

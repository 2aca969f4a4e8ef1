"""Webhooks: what is called, how it is signed, who may not be called, and what a flow makes of the answer."""

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from clock import NOON, FakeChance
from flow_house import FlowHouse

from engine.hooks import calls, signing, trying
from engine.hooks.deliverer import Deliverer
from engine.hooks.poster import Poster
from engine.hooks.settings import HookSettings
from engine.hooks.target import NoTarget, parse
from engine.running.answers import webhook_answered
from engine.system import SystemNet
from mta.routing.resolver import Addresses

PATIENCE = 60.0
KEY = signing.key_of(b"a secret of thirty-two octets...")
PATIENT = HookSettings(timeout=timedelta(seconds=PATIENCE))
HEAD = "name: f\nstream: transactional\ntrigger: {event: my.start}\nsteps:\n"
WAITS = """\
  - webhook: {url: "http://shop.example:PORT/hook?a=1", data: {cart: {from: event.cart}}, wait: true, timeout: 1h}
    id: call
    then: [{if: event.webhook.status == 200, id: seen, then: [{tag: taken}]}]
    else: [{tag: refused}]
"""


class Names:
    """A resolver that knows some names."""

    def __init__(self, **known: str) -> None:
        self.known = {name.replace("_", "."): (ip,) for name, ip in known.items()}

    async def addresses(self, host: str) -> Addresses:
        return Addresses(self.known.get(host, ()))


class Door:
    """Somebody who is called: what was said to it, and what it answers."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.heard: list[tuple[str, dict[str, str], bytes]] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        self.heard.append((first, headers, await reader.readexactly(int(headers["content-length"]))))
        writer.write(self.answers.pop(0) if self.answers else b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()


@asynccontextmanager
async def a_door(*answers: bytes) -> AsyncIterator[Door]:
    door = Door()
    door.answers = list(answers)
    server = await asyncio.start_server(door.serve, "127.0.0.1", 0)
    door.port = server.sockets[0].getsockname()[1]
    try:
        yield door
    finally:
        server.close()


def status(code: int) -> bytes:
    return f"HTTP/1.1 {code} So\r\nContent-Length: 0\r\n\r\n".encode()


def poster(*permit: str, **known: str) -> Poster:
    return Poster(SystemNet(), Names(**known), ssl.create_default_context, [ip_network(each) for each in permit])  # type: ignore[arg-type]


# -- what may be called


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://shop.example/", "no web address"),
        ("https://", "no web address"),
        ("https://u:p@shop.example/", "a user or a password"),
        ("https://shop.example/\r\nHost: x", "printable"),
        ("https://shop.example:99999/", "no web address"),
        ("https://a..b/", "no host"),
    ],
)
def test_what_is_no_web_address_is_refused_in_words(url: str, why: str) -> None:
    with pytest.raises(NoTarget, match=why):
        parse(url)


def test_an_address_is_taken_apart() -> None:
    target = parse("https://Shop.Example:8443/hook?a=1")
    assert (target.host, target.port, target.path, target.authority) == (
        "shop.example", 8443, "/hook?a=1", "shop.example:8443",
    )  # fmt: skip
    assert parse("http://[::1]").authority == "[::1]"


@pytest.mark.parametrize(
    "ip", ["127.0.0.1", "10.1.2.3", "192.168.0.9", "169.254.169.254", "::1", "fe80::1", "::ffff:127.0.0.1", "0.0.0.0"]
)
async def test_private_addresses_are_refused_by_whatever_name(ip: str) -> None:
    for url in (f"https://[{ip}]/" if ":" in ip else f"https://{ip}/", "https://shop.example/"):
        answer = await poster(shop_example=ip).post(url, b"{}", {}, PATIENCE)
        assert (answer.status, answer.is_hopeless) == (0, True) and "hooks.permit" in answer.why


async def test_http_without_tls_is_for_permitted_networks_alone() -> None:
    answer = await poster().post("http://8.8.8.8/", b"{}", {}, PATIENCE)
    assert answer.is_hopeless and "use https" in answer.why


async def test_a_redirect_is_not_followed_and_an_answer_without_sense_is_none() -> None:
    async with a_door(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n", b"220 hello\r\n", b"") as door:
        url = f"http://127.0.0.1:{door.port}/"
        assert (await poster("127.0.0.0/8").post(url, b"{}", {}, PATIENCE)).status == 302
        assert "no HTTP answer" in (await poster("127.0.0.0/8").post(url, b"{}", {}, PATIENCE)).why
        assert "closed before" in (await poster("127.0.0.0/8").post(url, b"{}", {}, PATIENCE)).why
        assert len(door.heard) == 3


# -- signatures, and tries


def test_a_call_is_signed_as_standard_webhooks_says() -> None:
    said = signing.headers(KEY, "msg_1", NOON, b'{"a":1}')
    key = base64.b64decode(signing.shown(KEY).removeprefix("whsec_"))
    signed = f"msg_1.{said['webhook-timestamp']}.".encode() + b'{"a":1}'
    wanted = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert said["webhook-signature"] == f"v1,{wanted}" and said["webhook-id"] == "msg_1"


def test_pauses_grow_are_spread_and_end() -> None:
    far = NOON + timedelta(days=1)
    assert [(trying.next_try(each, NOON, far, 0) or NOON) - NOON for each in (1, 2, 7)] == [
        timedelta(seconds=5), timedelta(seconds=30), timedelta(hours=2),
    ]  # fmt: skip
    assert (trying.next_try(1, NOON, far, 1) or NOON) - NOON == timedelta(seconds=6)
    assert trying.next_try(7, NOON, NOON + timedelta(hours=1), 0) is None
    assert [code for code in (200, 204, 301, 400, 404, 408, 410, 429, 500, 503) if trying.is_final(code)] == [
        301, 400, 404, 410,
    ]  # fmt: skip


# -- from a flow


@pytest.fixture
def house(tmp_path: Path, places: Callable[[], Path | str]) -> Iterator[FlowHouse]:
    made = FlowHouse(tmp_path, HEAD + "  - webhook: https://shop.example/\n", place=places())
    yield made
    made.store.close()


def deliverer(house: FlowHouse) -> Deliverer:
    return Deliverer(
        house.store, poster("127.0.0.0/8", shop_example="127.0.0.1"), house.clock, FakeChance(1), PATIENT, KEY,
        lambda tx, call, code, well: webhook_answered(tx, call, code, well, house.clock.now()), lambda: None,
    )  # fmt: skip


async def call_and_settle(house: FlowHouse) -> None:
    made = deliverer(house)
    await made.turn()
    await made.rest()
    await house.settle()


async def test_a_flow_that_waits_goes_on_with_the_answer(house: FlowHouse) -> None:
    async with a_door(status(503), status(200)) as door:
        house.apply(HEAD + WAITS.replace("PORT", str(door.port)))
        house.tell("my.start", cart="c1")
        await house.settle()
        await call_and_settle(house)
        assert house.path == ["trigger: my.start"]
        house.clock.advance(timedelta(seconds=10))
        await call_and_settle(house)
    assert house.path[1:] == ["call: then", "seen: then", "tag-taken: taken"]
    (first, headers, body), (_, again, _) = door.heard
    assert first == "POST /hook?a=1 HTTP/1.1" and headers["webhook-id"] == again["webhook-id"]
    data = json.loads(body)["data"]
    assert data["values"] == {"cart": "c1"} and data["contact"]["address"] == "ann@example.org" and data["flow"] == "f"
    assert "consent" not in data["contact"]


async def test_a_flow_that_waits_goes_the_other_way_when_it_is_refused_or_too_late(house: FlowHouse) -> None:
    async with a_door(status(410), *[status(500)] * 9) as door:
        house.apply(HEAD + WAITS.replace("PORT", str(door.port)))
        house.tell("my.start", cart="c1")
        house.tell("my.start", "bob@example.org", cart="c2")
        await house.settle()
        await call_and_settle(house)
        assert house.rows("SELECT contact_id, tag FROM tag ORDER BY contact_id") == [(1, "refused")]
        await house.later(hours=1)
        await call_and_settle(house)
    assert house.rows("SELECT contact_id, tag FROM tag ORDER BY contact_id") == [(1, "refused"), (2, "refused")]
    assert house.rows("SELECT state, tries FROM hook_call ORDER BY id") == [("failed", 1), ("failed", 2)]
    assert house.rows("SELECT state, ended_how FROM enrolment") == [("ended", "completed")] * 2


async def test_a_flow_that_does_not_wait_is_over_before_the_call(house: FlowHouse) -> None:
    house.tell("my.start")
    await house.settle()
    assert house.rows("SELECT state FROM enrolment") == [("ended",)]
    assert house.rows("SELECT state, url FROM hook_call") == [("open", "https://shop.example/")]


async def test_what_nobody_could_take_is_retried_when_an_operator_says_so(house: FlowHouse) -> None:
    house.tell("my.start")
    await house.settle()
    made = Deliverer(
        house.store, poster(shop_example="127.0.0.2"), house.clock, FakeChance(1), PATIENT, KEY, lambda *_: None,
        lambda: None,
    )  # fmt: skip
    await made.turn()
    await made.rest()
    [row] = house.store.read_now(lambda tx: calls.listed(tx, 10, only_failed=True))
    assert "a loopback address" in row.why and row.tries == 1
    now = house.clock.now()
    assert house.store.write_now(lambda tx: calls.retry(tx, now, now + timedelta(hours=1))) == 1
    assert house.rows("SELECT state, tries FROM hook_call") == [("open", 0)]


async def test_no_call_is_begun_while_a_fence_stands(house: FlowHouse) -> None:
    house.tell("my.start")
    await house.settle()
    fences = [True]
    made = Deliverer(
        house.store, poster(shop_example="127.0.0.2"), house.clock, FakeChance(1), PATIENT, KEY, lambda *_: None,
        lambda: None, lambda: fences[0],
    )  # fmt: skip
    await made.turn()
    await made.rest()
    assert house.rows("SELECT tries FROM hook_call") == [(0,)]
    fences[0] = False
    await made.turn()
    await made.rest()
    assert house.rows("SELECT tries FROM hook_call") == [(1,)]


async def test_a_call_whose_caller_died_is_made_by_the_next(house: FlowHouse) -> None:
    house.tell("my.start")
    await house.settle()
    now = house.clock.now()
    first = house.store.write_now(lambda tx: calls.claim(tx, now, 5))
    assert len(first) == 1 and house.store.write_now(lambda tx: calls.claim(tx, now, 5)) == []
    later = now + calls.CLAIM
    [again] = house.store.write_now(lambda tx: calls.claim(tx, later, 5))
    assert (again.uid, again.tries) == (first[0].uid, 2)


# -- staff


async def test_staff_are_told_by_mail_in_our_words(tmp_path: Path) -> None:
    house = FlowHouse(tmp_path, HEAD + '  - notify: {to: sales@shop.example, text: "Call {{ contact.name }} back"}\n')
    house.tell("my.start")
    await house.settle()
    assert "mail.staff" in house.alarms[0], "only whom the configuration names"
    (tmp_path / "told").mkdir()
    told = FlowHouse(tmp_path / "told", HEAD + '  - notify: {to: sales@shop.example, text: "Call {{ contact.name }} back"}\n',
                     staff=("sales@shop.example",))  # fmt: skip
    told.tell("my.start")
    await told.settle()
    assert told.alarms == []
    [(to, content)] = told.rows(
        "SELECT d.forward_path, b.content FROM delivery d JOIN body b ON b.message_id = d.message_id"
    )
    assert to == "sales@shop.example" and b"{{ contact.name }}" in content and b"ann@example.org" in content
    assert told.path == ["trigger: my.start", "notify-sales-shop-example: sales@shop.example"]
    for each in (house, told):
        each.store.close()

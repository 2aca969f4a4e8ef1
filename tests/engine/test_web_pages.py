"""The public pages over real sockets: GET changes nothing, POST acts, wrong tokens all look alike, nothing leaks."""

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest
from clock import NOON
from mail_shop import Place
from web_door import ANN, Door, open_door

from deliverability.address import Address
from engine.audience import subscriptions
from engine.audience.consent import Answer
from engine.audience.contacts import ensure_contact
from engine.audience.dossier import erase, merge
from engine.audience.suppression import Reason, is_suppressed, suppress
from engine.audience.tokens import Purpose
from engine.web.desk import BODY_MAX
from engine.web.limits import BURST, WRONG_TOKEN, Limits
from mta.ports import to_ms
from mta.queue.delivery import Stream


@pytest.fixture
async def door(place: Place) -> AsyncIterator[Door]:
    async with open_door(place) as door:
        yield door


async def test_looking_at_the_confirmation_changes_nothing(door: Door) -> None:
    for method in ("GET", "HEAD", "GET"):
        status, page, _ = await door.ask(method, door.confirm_path())
        assert status == 200
    assert "Tea Letters" in page
    assert "One letter a month." in page
    assert '<form method="post"><button>Yes, sign me up</button></form>' in page
    assert "Archer" not in page
    assert "ann@" not in page
    assert door.state() == "unconfirmed"
    assert len(door.ledger()) == 1


async def test_the_button_confirms_and_keeps_the_proof(door: Door) -> None:
    for _ in range(2):
        status, page, _ = await door.ask("POST", door.confirm_path())
        assert (status, "Thank you, all set!" in page) == (200, True)
    assert door.state() == "confirmed"
    _, proof = door.ledger()
    assert (proof.link.act, *(proof.told[name] for name in ("source", "ip", "agent", "locale"))) == (
        "confirmed", "web", "127.0.0.1", "Browser/1", "en",
    )  # fmt: skip
    assert "[Yes, sign me up]" in proof.told["wording"]
    assert "One letter a month." in proof.told["wording"]
    _, page, _ = await door.ask("GET", door.confirm_path())
    assert "Thank you, all set!" in page


async def test_a_link_that_has_expired_or_whose_asking_is_over_is_not_there(door: Door) -> None:
    path = door.confirm_path()
    door.store.write_now(lambda tx: subscriptions.unsubscribe(tx, 1, 1, answer=Answer("bye", salt=b"s"), now=NOON))
    assert [(await door.ask(method, path))[0] for method in ("GET", "POST")] == [404, 404]
    assert door.state() == "unsubscribed"
    door.clock.advance(timedelta(days=8))
    assert (await door.ask("GET", path))[0] == 404


async def test_somebody_suppressed_is_not_confirmed(door: Door) -> None:
    door.store.write_now(lambda tx: suppress(tx, ANN.key, Reason.COMPLAINT, now=NOON))
    assert (await door.ask("POST", door.confirm_path()))[0] == 404
    assert door.state() == "unconfirmed"


async def test_looking_at_the_unsubscribe_page_changes_nothing(door: Door) -> None:
    for method in ("GET", "HEAD"):
        assert (await door.ask(method, door.unsubscribe_path()))[0] == 200
    assert door.state() == "unconfirmed"


@pytest.mark.parametrize("form", ["urlencoded", "multipart"])
async def test_one_click_unsubscribes_without_a_page_before_it(door: Door, form: str) -> None:
    data: object = {"List-Unsubscribe": "One-Click"}
    if form == "multipart":
        data = aiohttp.FormData()
        data.add_field("List-Unsubscribe", "One-Click", content_type="text/plain")
    status, _, headers = await door.ask("POST", door.unsubscribe_path(), data)
    assert (status, "Set-Cookie" in headers, "Location" in headers) == (200, False, False)
    assert door.state() == "unsubscribed"
    assert (door.ledger()[-1].told["source"], door.ledger()[-1].told["wording"]) == (
        "one-click",
        "List-Unsubscribe=One-Click",
    )


async def test_the_button_leaves_one_list_and_the_other_button_all(door: Door) -> None:
    _, page, _ = await door.ask("POST", door.unsubscribe_path())
    assert "You will no longer receive “Tea Letters”" in page
    assert door.store.read_now(lambda tx: is_suppressed(tx, [ANN.key], Stream.MARKETING)) == {}
    _, page, _ = await door.ask("POST", door.unsubscribe_path(), {"all": "1"})
    assert "You will no longer receive news and offers" in page
    assert door.store.read_now(lambda tx: is_suppressed(tx, [ANN.key], Stream.MARKETING)) == {ANN.key: "unsubscribe"}
    assert [each.list_id for each in door.ledger()] == [1, 1, 0]
    assert "[Stop all news and offers]" in door.ledger()[-1].told["wording"]


async def test_an_unsubscribe_link_works_after_years_and_after_its_list_is_gone(door: Door) -> None:
    path = door.unsubscribe_path(list_id=99)
    door.clock.advance(timedelta(days=4000))
    assert (await door.ask("POST", path))[0] == 200
    assert door.store.read_now(lambda tx: is_suppressed(tx, [ANN.key], Stream.MARKETING)) == {ANN.key: "unsubscribe"}


async def test_links_of_somebody_merged_still_leave_and_those_of_somebody_erased_lead_nowhere(door: Door) -> None:
    kept = door.store.write_now(lambda tx: ensure_contact(tx, Address.parse("keep@example.org"), now=NOON))
    door.store.write_now(lambda tx: merge(tx, 1, kept, by="dana", now=NOON))
    assert (await door.ask("GET", door.unsubscribe_path()))[0] == 200
    form = {"List-Unsubscribe": "One-Click"}
    assert (await door.ask("POST", door.unsubscribe_path(), form))[0] == 200
    assert door.rows("SELECT key, reason, list_id, source FROM suppression") == [
        (ANN.key, "unsubscribe", 1, "one-click")
    ]
    assert (await door.ask("GET", door.confirm_path()))[0] == 404
    choices = "/preferences/" + door.composer.tokens.make(Purpose.PREFERENCES, (1,))
    status, page, _ = await door.ask("GET", choices)
    assert status == 200 and "Two of your addresses are one now" in page and "keep@" not in page
    assert (await door.ask("POST", choices, {"pace": ""}))[0] == 400, "what the other address gets is not for this one"
    status, page, _ = await door.ask("POST", choices, {"all": "1"})
    assert status == 200 and "You are unsubscribed" in page
    marketing = door.store.read_now(lambda tx: is_suppressed(tx, [ANN.key, "keep@example.org"], Stream.MARKETING))
    assert marketing == {ANN.key: "unsubscribe"}, "the other address is not left"
    [(shown,)] = door.rows("SELECT facts FROM consent_fact ORDER BY seq DESC LIMIT 1")
    assert "Two of your addresses are one now" in str(shown)
    door.store.write_now(lambda tx: erase(tx, kept, "keep@example.org", salt=b"s" * 16, now=NOON))
    door.store.write_now(lambda tx: ensure_contact(tx, Address.parse("new@example.org"), now=NOON))
    tokens = door.composer.tokens
    assert (await door.ask("GET", door.unsubscribe_path()))[0] == 404
    assert (await door.ask("GET", "/unsubscribe/" + tokens.make(Purpose.UNSUBSCRIBE, (kept, 1))))[0] == 404
    assert (await door.ask("GET", "/preferences/" + tokens.make(Purpose.PREFERENCES, (kept,))))[0] == 404
    assert (await door.ask("GET", "/r/" + tokens.make_short(Purpose.REFERRAL, kept)))[0] == 404


async def test_every_wrong_token_and_every_unknown_page_gets_the_same_answer(door: Door) -> None:
    tokens = door.composer.tokens
    good = door.confirm_path()
    wrong = [
        "/confirm/x", good[:-1], good + "A", good.swapcase(), "/confirm/" + "A" * 3000, "/confirm/%00%0d%0a", "/",
        good.replace("/confirm/", "/unsubscribe/"), door.unsubscribe_path().replace("/unsubscribe/", "/confirm/"),
        "/confirm/" + tokens.make(Purpose.CONFIRM, (1, 1, to_ms(NOON)), NOON - timedelta(seconds=1)),
        "/confirm/" + tokens.make(Purpose.CONFIRM, (2, 1, to_ms(NOON))),
        "/unsubscribe/" + tokens.make(Purpose.UNSUBSCRIBE, (99, 1)), "/wp-login.php", "/confirm", "/confirm/",
    ]  # fmt: skip
    answers = set()
    for path in wrong:
        status, page, headers = await door.ask("GET", path)
        headers.pop("Date")
        answers.add((status, page, tuple(sorted(headers.items()))))
    assert len(answers) == 1
    status, page, _ = answers.pop()
    assert (status, "This link does not work" in page) == (404, True)


async def test_every_answer_forbids_scripts_frames_caching_and_telling_the_address(door: Door) -> None:
    for method, path in (("GET", door.confirm_path()), ("GET", "/none"), ("GET", "/healthz"), ("PUT", "/healthz")):
        _, page, headers = await door.ask(method, path)
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert "script" not in policy
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Server"] == "posthouse"
        assert not re.search(r"<script|javascript:|\son\w+=|https?://|style=", page)


async def test_nothing_in_a_request_finds_its_way_into_a_page(door: Door) -> None:
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example",
            "X-Forwarded-Proto": "gopher", "Referer": "https://evil.example/<b>"}  # fmt: skip
    for path in (door.confirm_path(), "/<script>evil</script>?evil=1"):
        _, page, headers = await door.ask("GET", path, **evil)
        assert "evil" not in page + str(headers)


@pytest.mark.parametrize(
    ("asks", "language", "direction"),
    [
        ("he-IL,he;q=0.9,en;q=0.8", "he", "rtl"),
        ("sw, en;q=0.1", "en", "ltr"),
        ("xx;q=no,,;;,*", "en", "ltr"),
        ("ru-RU", "ru", "ltr"),
        ("zh-CN,zh;q=0.9", "zh", "ltr"),
        ("zh-TW,zh;q=0.9", "zh-Hant", "ltr"),
        ("zh-Hant-HK", "zh-Hant", "ltr"),
        ("zh-SG", "zh", "ltr"),
        ("en;q=0.2, iw;q=0.9", "he", "rtl"),
    ],
)
async def test_a_page_speaks_the_browsers_language(door: Door, asks: str, language: str, direction: str) -> None:
    _, page, _ = await door.ask("GET", door.confirm_path(), **{"Accept-Language": asks})
    assert f'<html lang="{language}" dir="{direction}">' in page


async def test_a_contacts_own_language_comes_before_the_browsers(door: Door) -> None:
    door.store.write_now(lambda tx: tx.execute("UPDATE contact SET locale = 'he-IL'"))
    _, page, _ = await door.ask("GET", door.confirm_path(), **{"Accept-Language": "en"})
    assert "כן, צרפו אותי" in page
    await door.ask("POST", door.confirm_path())
    assert door.ledger()[-1].told["locale"] == "he"
    assert "כן, צרפו אותי" in door.ledger()[-1].told["wording"]


async def test_a_page_can_be_read_in_another_language_and_says_yes_in_it(door: Door) -> None:
    path = door.confirm_path()
    _, page, _ = await door.ask("GET", path)
    links = re.findall(r'<a href="(\?lang=[^"]+)" lang="([^"]+)" hreflang="[^"]+" dir="([^"]+)"[^>]*>([^<]+)</a>', page)
    assert [name for *_, name in links] == ["עברית", "Русский", "简体中文", "繁體中文"]
    assert [direction for *_, direction, _ in links] == ["rtl", "ltr", "ltr", "ltr"]
    door.store.write_now(lambda tx: tx.execute("UPDATE contact SET locale = 'he-IL'"))
    _, page, _ = await door.ask("GET", path + "?lang=zh-Hant")
    assert '<html lang="zh-Hant" dir="ltr">' in page  # what was pressed comes before what is known
    _, page, _ = await door.ask("POST", path + "?lang=zh-Hant")
    assert "謝謝" in page and "<nav" not in page
    assert "[確認訂閱]" in door.ledger()[-1].told["wording"]
    for odd in ("?lang=", "?lang=xx", "?lang=%3Cb%3E", "?lang=" + "x" * 2000, "?lang=en&lang=ru"):
        assert (await door.ask("GET", path + odd))[0] == 200


async def test_a_body_is_small_and_a_method_is_right_or_refused(door: Door) -> None:
    status, page, _ = await door.ask("POST", door.unsubscribe_path(), b"x" * (BODY_MAX + 1))
    assert (status, door.state()) == (413, "unconfirmed")
    assert "We could not read that request" in page
    status, _, headers = await door.ask("DELETE", door.unsubscribe_path())
    assert (status, headers["Allow"]) == (405, "GET,HEAD,POST")
    for body in (b"\xff\x00", b"&" * 5000, b"all", b"List-Unsubscribe=No"):
        assert (await door.ask("POST", door.unsubscribe_path(), body))[0] == 200


async def test_health_is_told_and_trouble_is_ours(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await door.ask("GET", "/healthz"))[:2] == (200, "ok\n")
    door.store.write_now(lambda tx: tx.execute("ALTER TABLE contact RENAME TO elsewhere"))
    status, page, _ = await door.ask("GET", door.confirm_path())
    door.store.write_now(lambda tx: tx.execute("ALTER TABLE elsewhere RENAME TO contact"))
    assert status == 500
    assert "That is on us" in page
    assert not re.search("sqlite|psycopg|Traceback|contact|Error", page)


async def test_guessing_runs_dry_and_another_network_does_not_notice(door: Door) -> None:
    async def guess(address: str) -> int:
        return (await door.ask("GET", "/confirm/" + "A" * 40, **{"X-Forwarded-For": address}))[0]

    answers = [await guess("203.0.113.9") for _ in range(25)]
    assert answers[:18] == [404] * 18
    assert answers[-1] == 429
    assert await guess("203.0.113.10") == 404
    assert (await door.ask("GET", door.confirm_path(), **{"X-Forwarded-For": "203.0.113.9"}))[0] == 429
    door.clock.advance(timedelta(seconds=60))
    assert (await door.ask("GET", door.confirm_path(), **{"X-Forwarded-For": "203.0.113.9"}))[0] == 200


async def test_the_address_kept_as_proof_is_the_one_our_proxy_saw(door: Door) -> None:
    await door.ask("POST", door.confirm_path(), **{"X-Forwarded-For": "10.9.9.9, 198.51.100.4, 127.0.0.2"})
    assert door.ledger()[-1].told["ip"] == "198.51.100.4"


async def test_what_a_proxy_or_a_browser_was_told_wrongly_harms_nothing(door: Door) -> None:
    head = b"Host: x\r\nUser-Agent: \xff\xfe\x80\r\nAccept-Language: \xff\r\nX-Forwarded-For: "
    for told in (b"\xff\xfe", b"nonsense", b"10.9.9.9, unknown", b"[::1]:99", b"198.51.100.4:3128"):
        reader, writer = await asyncio.open_connection(*door.listening.getsockname())
        body = b"address=bob%40example.org&version=%00%FF&ref=%00&locale=%00"
        writer.write(
            b"POST /subscribe/tea HTTP/1.1\r\n" + head + told + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        assert (await asyncio.wait_for(reader.readline(), 60)).startswith(b"HTTP/1.1 200")
        writer.close()
    assert {row[0] for row in door.rows("SELECT network FROM asking")} == {"127.0.0.1"}
    for path in ("/subscribe/%00", "/subscribe/%FF%FE", "/confirm/%00", "/survey/%FF", "/r/%00"):
        assert (await door.ask("GET", path))[0] == 404


async def test_what_is_no_http_is_answered_and_closed(door: Door) -> None:
    for octets in (
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"EHLO x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA" + b"b" * 20_000,
    ):
        reader, writer = await asyncio.open_connection(*door.listening.getsockname())
        writer.write(octets + b"\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), 60)
        assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
        assert b"aiohttp" not in answer
        assert b"Traceback" not in answer
        writer.close()


@pytest.mark.parametrize("begun", [b"Content-Length: 27\r\n\r\nList-Un", b"Transfer-Encoding: chunked\r\n\r\n5\r\nLi"])
@pytest.mark.parametrize("abruptly", [False, True])
async def test_a_client_that_hangs_up_in_the_middle_is_no_fault_of_ours(
    door: Door, caplog: pytest.LogCaptureFixture, begun: bytes, abruptly: bool
) -> None:
    for path in (door.unsubscribe_path(), door.confirm_path()):
        _, writer = await asyncio.open_connection(*door.listening.getsockname())
        if abruptly:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\n".encode() + begun)
        await writer.drain()
        await door.ask("GET", "/healthz")  # by now it was read
        writer.close()
        while len(door.server._runner.server.connections) > 1:
            await door.ask("GET", "/healthz")
    assert [each.message for each in caplog.records if each.levelname != "DEBUG"] == []
    assert door.state() == "unconfirmed"


async def test_a_client_that_says_nothing_whole_is_let_go(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.web.server.PATIENCE_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection(*door.listening.getsockname())
    with contextlib.suppress(ConnectionError):  # as it is where patience is over before we have said anything
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        assert await asyncio.wait_for(reader.read(), 60) == b""
    writer.close()


async def test_one_connection_too_many_is_closed_and_the_next_is_served(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.web.server.CONNECTIONS_MAX", 1)
    _, first = await asyncio.open_connection(*door.listening.getsockname())
    reader, second = await asyncio.open_connection(*door.listening.getsockname())
    assert await asyncio.wait_for(reader.read(), 60) == b""
    first.close()
    second.close()
    await asyncio.wait_for(first.wait_closed(), 60)
    monkeypatch.setattr("engine.web.server.CONNECTIONS_MAX", 500)
    assert (await door.ask("GET", "/healthz"))[0] == 200


async def test_who_has_just_come_when_it_stops_is_answered(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.web.server.HEAR_SECONDS", 60.0)
    reader, writer = await asyncio.open_connection(*door.listening.getsockname())
    serving = door.server._runner.server
    async with asyncio.timeout(60):
        while not (serving and serving.connections):  # noqa: ASYNC110 - the loop accepts it in its own time
            await asyncio.sleep(0)
    stopping = asyncio.create_task(door.server.stop())
    await asyncio.sleep(0)  # it has begun
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: shop\r\n\r\n")
    assert (await asyncio.wait_for(reader.read(), 60)).startswith(b"HTTP/1.1 200 ")
    await stopping
    writer.close()


async def test_stopping_twice_is_harmless(door: Door) -> None:
    await door.server.stop()
    await door.server.stop()


def test_a_neighbourhood_shares_a_bucket_and_the_oldest_is_forgotten() -> None:
    limits = Limits()
    for _ in range(int(BURST / WRONG_TOKEN) + 1):
        limits.charge_wrong_token("2001:db8:1:1::5", 0.0)
    assert not limits.allows("2001:db8:1:1:ffff::1%eth0", 0.0)
    assert limits.allows("2001:db8:1:2::1", 0.0)
    assert limits.allows("2001:db8:1:1::9", 1.0)
    assert limits.allows("no address", 0.0)
    for each in range(20_001):
        limits.allows(f"10.{each >> 16}.{each >> 8 & 255}.{each & 255}", 0.0)
    assert limits.allows("2001:db8:1:1::5", 1.0)

"""Links, pictures and pages of counted mail over real sockets: where they lead, what is counted, and what can't be done."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from clock import NOON
from mail_shop import ORDER, Place
from web_door import ANN, Door, open_door

from engine.audience import dossier, lists
from engine.audience.contacts import contact_facts
from engine.audience.tokens import Purpose, Tokens
from engine.tracking import hits as module
from engine.tracking.hits import Fetch, network_of, record
from engine.tracking.machines import By, Kind
from engine.tracking.marks import Link, Mark, click_token, mark_token
from mta.ports import Tx, to_ms
from mta.queue import keeping, queue
from mta.queue.delivery import State, Stream
from mta.queue.queue import NewMessage, Recipient
from mta.queue.settings import QueueSettings

MARK = Mark(41, 1, "reminder")
TARGET = "https://shop.example/cart/7?a=1&b=2#top"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0"
CART = {**ORDER, "url": TARGET}


@pytest.fixture
async def door(place: Place) -> AsyncIterator[Door]:
    async with open_door(place) as door:
        door.store.write_now(lambda tx: a_letter(tx, door))
        door.clock.advance(timedelta(hours=1))
        yield door


def a_letter(tx: Tx, door: Door) -> int:
    """A mail of the list to Ann, as a flow writes it, delivered at noon; its message."""
    tea = lists.get(tx, "tea")
    assert tea is not None
    mail = door.composer.compose(
        "cart-reminder", contact_facts(tx, 1), {"event": CART}, stream=Stream.MARKETING, now=NOON, octets=b"f" * 16,
        mailing_list=tea, mark=MARK,
    )  # fmt: skip
    queued = queue.enqueue(
        tx,
        NewMessage("hello@shop.example", (Recipient(ANN),), mail.content, Stream.MARKETING, "flow", list_id=tea.id),
        NOON,
        QueueSettings(),
    )
    tx.execute(
        "INSERT INTO sending (message_id, contact_id, enrolment_id, flow, step, occurrence, template)"
        " VALUES (?,1,?,'carts',?,?,'cart-reminder')",
        (queued.message_id, MARK.enrolment_id, MARK.step, MARK.occurrence),
    )
    tx.execute(
        "UPDATE delivery SET state = ?, ended_ms = ? WHERE message_id = ?",
        (int(State.DELIVERED), to_ms(NOON), queued.message_id),
    )
    return queued.message_id


def link(door: Door, number: int = 1, links: int = 4, mark: Mark = MARK, target: str = TARGET) -> str:
    return "/c/" + click_token(door.composer.tokens, Link(mark, number, links, target, "cart"))


async def follow(door: Door, path: str, method: str = "GET", agent: str = BROWSER) -> tuple[int, str | None, bytes]:
    headers = {"User-Agent": agent}
    async with door.visitor.request(method, door.url + path, headers=headers, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location"), await answer.read()


def seen(door: Door) -> list[tuple[str, dict[str, Any], int]]:
    rows = door.rows("SELECT name, data, matched FROM event WHERE name LIKE 'mail.%' ORDER BY id")
    return [(str(name), json.loads(str(data)), int(str(matched))) for name, data, matched in rows]


async def until_seen(door: Door, count: int) -> list[tuple[str, dict[str, Any], int]]:
    """The events, as soon as there are so many: they are written a moment later."""
    for _ in range(6000):
        if len(found := seen(door)) >= count:
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"there are {len(seen(door))} events, not {count}")


async def test_a_link_leads_to_its_target_and_is_an_event(door: Door) -> None:
    assert (await follow(door, link(door)))[:2] == (302, TARGET)
    [(name, data, matched)] = await until_seen(door, 1)
    assert (name, matched, data.pop("evidence")) == ("mail.clicked", 0, [])
    assert data == {
        "message": 2, "flow": "carts", "step": "reminder", "template": "cart-reminder", "list": "tea", "what": "click",
        "by": "person", "campaign": "", "variant": "",
        "agent": BROWSER, "network": "127.0.0.0/24", "url": TARGET, "link": 1, "links": 4, "link_name": "cart",
    }  # fmt: skip


async def test_looking_at_a_links_head_counts_as_nothing(door: Door) -> None:
    assert (await follow(door, link(door), "HEAD"))[:2] == (302, TARGET)
    assert (await follow(door, link(door), "POST"))[0] == 405
    await follow(door, link(door, 2))
    assert [data["link"] for _, data, _ in await until_seen(door, 1)] == [2], "hits are written in their order"


@pytest.mark.parametrize(
    ("name", "value"),
    [("Sec-Purpose", "prefetch;prerender"), ("Purpose", "prefetch"), ("X-Purpose", "preview")],
)
async def test_what_a_browser_fetches_ahead_counts_as_nothing(door: Door, name: str, value: str) -> None:
    headers = {"User-Agent": BROWSER, name: value}
    for path in (link(door), "/o/" + mark_token(door.composer.tokens, Purpose.OPEN, MARK) + ".gif"):
        async with door.visitor.get(door.url + path, headers=headers, allow_redirects=False) as answer:
            assert answer.status in (200, 302)
    await follow(door, link(door, 2))
    assert [data["link"] for _, data, _ in await until_seen(door, 1)] == [2], "hits are written in their order"


async def test_every_token_that_is_not_ours_is_answered_alike(door: Door) -> None:
    good = link(door)
    foreign = click_token(Tokens(b"another secret of 32 octets....."), Link(MARK, 1, 1, "https://evil.example/"))
    wrong = [
        "/c/x", good[:-1], good + "A", "/c/" + foreign, "/c/" + mark_token(door.composer.tokens, Purpose.OPEN, MARK),
        "/c/" + door.composer.tokens.make(Purpose.UNSUBSCRIBE, (1, 1)), good + "?url=https://evil.example/" + "x",
        "/o/" + good.removeprefix("/c/") + ".gif", "/v/" + good.removeprefix("/c/"), "/c/" + "a" * 3900,
    ]  # fmt: skip
    answers = [await follow(door, each) for each in wrong]
    bent = [answer for answer, path in zip(answers, wrong, strict=True) if "?url" not in path]
    assert {answer[:2] for answer in bent} == {(404, None)} and len({answer[2] for answer in bent}) == 1
    assert answers[6][:2] == (302, TARGET), "what is said beside the token changes nothing"


async def test_who_guesses_runs_dry_and_an_office_full_of_readers_does_not(door: Door) -> None:
    for _ in range(320):
        assert (await follow(door, link(door)))[0] == 302
    codes = {(await follow(door, "/c/" + "a" * 40))[0] for _ in range(25)}
    assert codes == {404, 429}


async def test_the_picture_is_a_dot_and_an_event(door: Door) -> None:
    path = "/o/" + mark_token(door.composer.tokens, Purpose.OPEN, MARK) + ".gif"
    status, _, body = await follow(door, path)
    assert (status, body[:6], len(body)) == (200, b"GIF89a", 43)
    await follow(door, path, agent="Mozilla/5.0")
    first, second = await until_seen(door, 2)
    assert (first[0], first[1]["by"], first[2]) == ("mail.opened", "person", 0)
    assert (second[0], second[1]["by"], second[2]) == ("mail.fetched", "proxy", 1)
    assert second[1]["evidence"] == ["agent: apple-privacy-proxy"]


async def test_a_mail_can_be_read_in_the_browser_and_nothing_in_it_runs(door: Door) -> None:
    path = "/v/" + mark_token(door.composer.tokens, Purpose.VIEW, MARK)
    status, page, headers = await door.ask("GET", path)
    assert (status == 200 and "Your cart" in page) or "Still thinking" in page
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "sandbox" in policy and "script-src" not in policy
    assert headers["Referrer-Policy"] == "no-referrer"
    [leave] = re.findall(r'href="https://mail.shop.example(/unsubscribe/[^"]+)"', page)
    assert (await door.ask("POST", leave, {"List-Unsubscribe": "One-Click"}))[0] == 200
    assert door.state() == "unsubscribed"


async def test_a_mail_that_is_no_longer_kept_says_so_kindly(door: Door) -> None:
    path = "/v/" + mark_token(door.composer.tokens, Purpose.VIEW, MARK)
    door.store.write_now(lambda tx: keeping.drop_bodies(tx, [2]))
    status, page, _ = await door.ask("GET", path)
    assert (status, "no longer here" in page) == (410, True)
    assert (await follow(door, link(door)))[:2] == (302, TARGET), "its links still work"


async def test_who_was_forgotten_is_not_counted_and_their_links_still_lead_on(door: Door) -> None:
    door.store.write_now(lambda tx: dossier.erase(tx, 1, ANN.key, salt=b"s", now=NOON))
    assert (await follow(door, link(door)))[:2] == (302, TARGET)
    other = Fetch(Kind.CLICK, MARK, NOON, BROWSER, "192.0.2.7", 1, 1, TARGET)
    assert door.store.write_now(lambda tx: record(tx, [other])) == 0
    await door.server.stop()  # what it gathered is written
    assert [name for name, _, _ in seen(door)] == []


# -- what is written, without sockets


def fetch(door: Door, after: float, number: int = 1, agent: str = BROWSER, kind: Kind = Kind.CLICK) -> Fetch:
    return Fetch(kind, MARK, NOON + timedelta(seconds=after), agent, "192.0.2.7", number, 4, TARGET)


def write(door: Door, *fetches: Fetch) -> list[str]:
    door.store.write_now(lambda tx: record(tx, fetches))
    return [data["by"] for _, data, _ in seen(door)]


def engaged(door: Door) -> tuple[object, ...]:
    """(clicks, seconds after noon of the last click, of anything)."""
    [(clicks, clicked, last)] = door.rows("SELECT clicks, clicked_ms, engaged_ms FROM contact WHERE id = 1")
    noon = to_ms(NOON)
    return clicks, *(None if each is None else (int(str(each)) - noon) / 1000 for each in (clicked, last))


async def test_late_evidence_turns_what_was_written_before_and_takes_its_engagement_back(door: Door) -> None:
    assert write(door, fetch(door, 600, 1)) == [By.PERSON]
    assert write(door, fetch(door, 3600, 1)) == [By.PERSON, By.PERSON]
    assert engaged(door) == (2, 3600, 3600)
    door.store.write_now(lambda tx: tx.execute("UPDATE event SET matched = 1"))
    assert write(door, fetch(door, 3601.5, 2), fetch(door, 3603, 3)) == [By.PERSON, *[By.MACHINE] * 3]
    names = [(name, matched) for name, _, matched in seen(door)]
    assert names == [("mail.clicked", 1), ("mail.fetched", 0), ("mail.fetched", 1), ("mail.fetched", 1)]
    assert "3 links within 5 s" in seen(door)[1][1]["evidence"]
    assert engaged(door) == (1, 600, 600)


async def test_what_machines_and_proxies_fetch_is_never_engagement(door: Door) -> None:
    for agent in ("", "curl/8.5.0", "Mozilla/5.0", "GoogleImageProxy"):
        write(door, fetch(door, 3600, agent=agent), fetch(door, 3600, kind=Kind.OPEN, agent=agent))
    write(door, fetch(door, 3), fetch(door, 8))
    assert {name for name, _, _ in seen(door)} == {"mail.fetched"}
    assert engaged(door) == (0, None, None)


async def test_somebody_who_reloads_for_ever_writes_so_many_events_and_no_more(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_MAX", 5)
    for second in range(4):
        write(door, *(fetch(door, 3600 + second, 1) for _ in range(3)))
    assert len(seen(door)) == 5


async def test_what_machines_fetched_is_forgotten_after_its_time_and_what_people_did_is_not(door: Door) -> None:
    write(door, fetch(door, 3600, agent="curl/8.5.0"), fetch(door, 3600))
    when = NOON + timedelta(seconds=3600)
    assert not door.store.read_now(lambda tx: module.has_old(tx, when))
    assert door.store.read_now(lambda tx: module.has_old(tx, when + timedelta(seconds=1)))
    door.store.write_now(lambda tx: module.drop_old(tx, when + timedelta(seconds=1)))
    assert [name for name, _, _ in seen(door)] == ["mail.clicked"]


async def test_what_a_browser_says_of_itself_is_kept_clean_and_short(door: Door) -> None:
    write(door, fetch(door, 3600, agent="Browser\x1b[2J\r\nX: y" + "z" * 1000))
    [(_, data, _)] = seen(door)
    assert len(data["agent"]) == 200 and "\x1b" not in data["agent"] and "\n" not in data["agent"]


@pytest.mark.parametrize(
    ("peer", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("", ""),
        ("unix", ""),
        ("fe80::1%eth0", "fe80::/48"),
    ],
)
def test_of_a_visitors_address_the_network_is_kept(peer: str, network: str) -> None:
    assert network_of(peer) == network


async def test_a_full_database_keeps_nobody_from_following_a_link(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    from mta.ports import StoreFull

    real: Callable[..., Any] = door.store.write
    broken = True

    async def write(work: Any) -> Any:
        if broken:
            raise StoreFull("no space left")
        return await real(work)

    monkeypatch.setattr(door.store, "write", write)
    monkeypatch.setattr("engine.tracking.recorder.AGAIN_SECONDS", 0.01)
    assert (await follow(door, link(door)))[:2] == (302, TARGET)
    broken = False
    assert len(await until_seen(door, 1)) == 1

"""Commands of the control socket that change much, or in several commits: what a refusal, a trouble, somebody who is gone
and a run that ends by itself leave behind."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from campaign_house import NEWS
from clock import NOON, FakeChance, FakeClock
from mail_shop import SECRET, Place, make_list, open_store

from deliverability.address import Address
from engine.acts import keeping
from engine.audience.contacts import contact_facts, ensure_contact
from engine.campaigns import runs
from engine.campaigns.book import CampaignBook
from engine.campaigns.runs import Run
from engine.campaigns.states import RunState
from engine.commands import bounce_received, flow_simulate
from engine.config import parse
from engine.control import (
    bounces,
    calendar,
    calendar_flows,
    campaigns,
    flow_people,
    flows,
    journal,
    lately,
    list_acts,
    lists,
    lookout,
    people,
    proofs,
    suppressed,
    views,
)
from engine.control.acts import ACTS
from engine.control.asked import Asked
from engine.control.observing.since import SinceStart
from engine.control.protocol.acts import Done
from engine.control.protocol.journal import ActRow
from engine.control.refusal import Refusal
from engine.control.registry import ChainWalk, Headcount
from engine.control.today import DayCount
from engine.control.work import Office
from engine.doctor.visit import Report
from engine.flow.definition import Definition, recall
from engine.house import House
from mta.ports import StoreFull, Tx, to_ms
from mta.queue.delivery import Stream
from mta.queue.queue import NewMessage, Recipient, enqueue
from mta.queue.settings import QueueSettings

ANN = Address.parse("Ann@Example.org")
SOON = "when: 2026-03-10T10:00\n"


class Desk:
    """A house with a list, and an office with campaigns and nothing else."""

    def __init__(self, folder: Path, place: Place) -> None:
        (folder / "secret").write_bytes(SECRET)
        config = parse(f'hostname = "mail.shop.example"\n[daemon]\nstate_dir = "{folder}"\n')
        self.clock, self.book = FakeClock(), CampaignBook()
        self.house = House.build(config, open_store(place, self.clock), self.clock, FakeChance())
        self.house.store.write_now(make_list)
        self.office = cast(
            Office,
            SimpleNamespace(
                tell=lambda **words: None,
                campaigns=SimpleNamespace(book=self.book, ring=lambda: None),
                doctor=SimpleNamespace(glance=self._glance),
            ),
        )

    async def _glance(self, domain: str) -> Report:
        return Report(NOON, (), ())

    async def act(self, path: str, **body: Any) -> Done:
        return await journal.perform(self.house, self.office, path, ACTS[path], body, "olga")

    async def acts(self) -> tuple[ActRow, ...]:
        return (await journal.acts_page(self.house, Asked({}))).rows

    def people(self, count: int) -> list[int]:
        def work(tx: Tx) -> list[int]:
            return [ensure_contact(tx, Address.parse(f"p{each}@x.example"), now=NOON) for each in range(count)]

        return self.house.store.write_now(work)

    def tags(self, contact_id: int) -> list[str]:
        return list(self.house.store.read_now(lambda tx: contact_facts(tx, contact_id)["tags"]))

    def run(self, name: str) -> Run:
        return self.house.store.read_now(lambda tx: runs.latest(tx, name, self.book))

    async def schedule(self, name: str, more: str = SOON, **words: Any) -> Run:
        await self.act(
            "campaigns/schedule", source=NEWS.replace("name: news", f"name: {name}") + more, by="olga", override="a test",
            **words,
        )  # fmt: skip
        return self.run(name)


@pytest.fixture
async def desk(tmp_path: Path, place: Place) -> AsyncIterator[Desk]:
    made = Desk(tmp_path, place)
    yield made
    made.house.store.close()


# -- people


async def test_who_is_forgotten_is_in_no_act_where_there_was_no_contact_either(desk: Desk) -> None:
    message = NewMessage(
        "s@shop.example", (Recipient(ANN),), b"Subject: x\r\n\r\nx\r\n", Stream.TRANSACTIONAL, "submission"
    )
    desk.house.store.write_now(lambda tx: enqueue(tx, message, NOON, QueueSettings()))
    await desk.act("suppression/add", address=str(ANN), by="olga", why="asked by telephone")
    await desk.act("people/erase", address=str(ANN), by="olga")
    rows = await desk.acts()
    assert [(each.what, each.about, each.why_not) for each in rows] == [
        ("people/erase", "", keeping.ERASED), ("suppression/add", "", keeping.ERASED),
    ]  # fmt: skip
    assert "ann@" not in "".join(each.told + each.done for each in rows).lower()


async def test_a_tag_is_pinned_to_all_who_are_still_there(desk: Desk) -> None:
    ids = desk.people(45)
    desk.house.store.write_now(lambda tx: tx.execute("DELETE FROM contact WHERE id = ?", (ids[41],)))
    done = await desk.act("people/tag", contacts=ids, tag="vip")
    assert done.facts["done"] == 44
    assert desk.tags(ids[0]) == desk.tags(ids[44]) == ["vip"]
    assert [each.what for each in await desk.acts()] == ["people/tag"]
    await desk.act("acts/undo")
    assert desk.tags(ids[0]) == desk.tags(ids[44]) == []


async def test_an_act_that_the_database_broke_off_stays_as_one_of_which_nobody_knows(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, write = desk.people(45), desk.house.store.write
    count = 0

    async def full(work: Any, **words: Any) -> Any:
        nonlocal count
        count += 1
        if count == 4:  # the act is written down, and two parts are done
            raise StoreFull("disk full")
        return await write(work, **words)

    monkeypatch.setattr(desk.house.store, "write", full)
    with pytest.raises(StoreFull):
        await desk.act("people/tag", contacts=ids, tag="vip")
    assert (desk.tags(ids[0]), desk.tags(ids[44])) == (["vip"], [])
    desk.clock.advance(keeping.LAPSE + timedelta(seconds=1))
    assert [(each.what, each.state) for each in await desk.acts()] == [("people/tag", "unknown")]


# -- campaigns


async def test_all_campaigns_stop_also_where_one_of_them_ends_by_itself_meanwhile(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await desk.schedule("first"), await desk.schedule("second")
    found = runs.open_runs

    def ended_since(tx: Tx, book: CampaignBook) -> list[Run]:
        told = found(tx, book)
        tx.execute("UPDATE campaign_run SET state = 'done', ended_ms = ? WHERE id = ?", (to_ms(NOON), first.id))
        return told

    monkeypatch.setattr(runs, "open_runs", ended_since)
    monkeypatch.setattr(desk.house.store, "read", desk.house.store.write)  # so that what is read may change something
    done = await desk.act("campaigns/stop", all=True, by="olga")
    monkeypatch.undo()
    assert done.facts["stopped"] == 1
    assert (desk.run("first").state, desk.run("second").state) == (RunState.DONE, RunState.STOPPED)
    assert second.state is RunState.SCHEDULED


async def test_a_text_without_a_time_leaves_a_run_its_time(desk: Desk) -> None:
    run = await desk.schedule("spring", "", at="2026-03-10T10:00")
    other = NEWS.replace("name: news", "name: spring") + "when: 2026-03-12T09:00\n"
    await desk.act("campaigns/keep", source=other)
    assert str(desk.run("spring").civil) == "2026-03-12 09:00:00"
    await desk.act("acts/undo")
    again = desk.run("spring")
    assert again.version_id == run.version_id
    assert (str(again.civil), str(again.due)) == ("2026-03-12 09:00:00", "2026-03-12 09:00:00+00:00")
    assert again.due > desk.clock.now()


async def test_a_run_that_goes_on_says_how_many_wait_before_anybody_writes_to_them(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await desk.schedule("spring")
    await desk.act("campaigns/recall", campaign="spring", by="olga")
    states: list[RunState] = []
    count = campaigns.figures.count

    def counted(tx: Tx, *words: Any) -> int:
        states.append(runs.by_id(tx, run.id, desk.book).state)
        return count(tx, *words)

    monkeypatch.setattr(campaigns.figures, "count", counted)
    await desk.act("campaigns/retry", campaign="spring", by="olga")
    assert states == [RunState.RECALLED]
    assert desk.run("spring").state is RunState.SCHEDULED


async def test_a_campaign_that_never_comes_again_is_not_kept(desk: Desk) -> None:
    with pytest.raises(Refusal, match="never comes again"):
        await desk.schedule("over", 'when: {rrule: "FREQ=DAILY;COUNT=1", at: "10:00", from: 2020-01-01}\n')
    assert desk.house.store.read_now(lambda tx: tx.query("SELECT name FROM campaign")) == []
    assert await desk.acts() == ()


# -- flows, lists

TEA = """name: tea
stream: transactional
trigger: {event: order.placed}
steps:
  - wait: 1d
  - tag: regular
"""


def standing(desk: Desk) -> tuple[str, str]:
    """The flow's state, and how its active version waits."""
    row = desk.house.store.read_now(
        lambda tx: tx.one("SELECT f.state, v.source FROM flow f JOIN flow_version v ON v.id = f.version_id")
    )
    assert row is not None
    return row[0], "2d" if "wait: 2d" in row[1] else "1d"


async def test_a_flow_that_was_archived_is_so_again_in_the_commit_that_takes_its_version_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.act("flows", source=TEA)
    await desk.act("flows/state", flow="tea", state="archived")
    await desk.act("flows", source=TEA.replace("1d", "2d"))
    assert standing(desk) == ("active", "2d")
    write, count = desk.house.store.write, 0

    async def cut(work: Any, **words: Any) -> Any:
        nonlocal count
        count += 1
        if count > 3:  # the act is begun, the other is claimed, the version is taken back
            raise StoreFull("disk full")
        return await write(work, **words)

    monkeypatch.setattr(desk.house.store, "write", cut)
    await desk.act("acts/undo")
    assert standing(desk) == ("archived", "1d")


async def test_taking_a_version_back_leaves_a_flow_that_somebody_let_go_on_since_as_it_is(desk: Desk) -> None:
    await desk.act("flows", source=TEA)
    await desk.act("flows/state", flow="tea", state="paused")
    applied = await desk.act("flows", source=TEA.replace("1d", "2d"))
    await desk.act("flows/state", flow="tea", state="active")
    await desk.act("acts/undo", act=applied.facts["act"])
    assert standing(desk) == ("active", "1d")


async def test_of_more_people_than_are_remembered_it_is_said_why_there_is_no_way_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_acts, "UNDO_MOST", 2)
    desk.house.store.write_now(lambda tx: make_list(tx, "news", "single"))
    ids = desk.people(3)
    for each in range(3):
        await desk.act("lists/subscribe", list="news", address=f"p{each}@x.example", wording="yes")
    await desk.act("lists/remove", list="news", contacts=ids, by="olga", why="a test")
    assert "not kept who they were" in (await desk.acts())[0].why_not


# -- questions, whichever database answers them


async def test_questions_about_people_lists_flows_and_mail_are_answered(desk: Desk) -> None:
    house, office, store = desk.house, desk.office, desk.house.store
    office.headcount, office.chain = Headcount(store), ChainWalk(store)
    store.write_now(lambda tx: make_list(tx, "news", "single"))
    await desk.act("flows", source=TEA)
    await desk.act("lists/subscribe", list="news", address=str(ANN), wording="yes", name="Ann")
    await desk.act("people/set", address=str(ANN), locale="he", zone="Asia/Jerusalem", tags=["vip"])
    await desk.act("flows/start", flow="tea", address=str(ANN), by="olga")
    message = NewMessage(
        "s@shop.example", (Recipient(ANN),), b"Subject: x\r\n\r\nx\r\n", Stream.TRANSACTIONAL, "submission"
    )
    mail = store.write_now(lambda tx: enqueue(tx, message, NOON, QueueSettings()))
    store.write_now(
        lambda tx: tx.execute(
            "INSERT INTO inbound (at_ms, reverse_path, forward_path, content, verdict) VALUES (?,'','a@x.example',?,'unread')",
            (to_ms(NOON), b"Subject: late\r\n\r\nno\r\n"),
        )
    )
    found = await people.one(house, str(ANN))
    assert [each.list for each in found.seats] == ["news"] and found.runs and found.mails and found.events
    assert (await people.export(house, str(ANN))).octets
    assert (await proofs.of_person(house, office, str(ANN))).rows
    assert (await proofs.file(house, str(ANN))).sha256
    assert {each.name: each.confirmed for each in (await lists.every(house, office)).rows} == {"news": 1, "tea": 0}
    assert (await lists.one(house, "news")).answers
    assert (await lists.members(house, "news", Asked({"q": "ann"}))).rows
    assert (await lists.people(house, office, Asked({}))).total == 1
    text = await flows.text(house, "tea", "")
    assert (await flows.text(house, "tea", text.version[:8])).is_active
    assert (await flows.changes(house, "tea")).rows
    assert (await flow_people.people(house, "tea", Asked({"q": "ann"}))).rows
    assert flow_simulate._source("tea", text.version[:8], store) == text.source
    assert flow_simulate._other(text.version[:8], recalled(TEA), store).name == "tea"
    life = store.read_now(lambda tx: views.message_life(tx, mail.message_id, NOON, Path()))
    assert life is not None and life.content
    [row] = (await bounces.received(house, Asked({}))).rows
    assert row.subject == "late" and (await bounces.one(house, row.id)).size
    assert store.read_now(lambda tx: bounce_received._rows(tx, 5, False))
    assert (await bounces.days(house, Asked({}))).days
    assert (await suppressed.page(house, Asked({"q": "a"}), 0)).rows == ()
    zone, soon = ZoneInfo("Asia/Jerusalem"), NOON + timedelta(days=9)
    trial = calendar.Trial()
    assert store.read_now(lambda tx: calendar._entries(tx, office, NOON, soon, NOON, zone, trial)) == []
    assert store.read_now(lambda tx: calendar_flows.flow_rows(tx, NOON, soon, NOON, zone)) == []
    assert (await lately.Lately(lambda: store, lambda: desk.clock).look()).cells == {}
    assert store.read_now(lambda tx: DayCount().count(tx, NOON)).contacts == 1
    assert store.read_now(lambda tx: SinceStart().look(tx, to_ms(NOON)))["inbound"] == 0
    assert store.read_now(lambda tx: lookout._lag(tx, NOON)) == timedelta()


def recalled(text: str) -> Definition:
    found = recall(text, "tea.yaml")
    assert isinstance(found, Definition)
    return found

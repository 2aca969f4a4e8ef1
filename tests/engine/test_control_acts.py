"""Commands of the control socket that change much, or in several commits: what a refusal, a trouble, somebody who is gone
and a run that ends by itself leave behind."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from campaign_house import NEWS
from clock import NOON, FakeChance, FakeClock
from mail_shop import SECRET, make_list, open_store

from deliverability.address import Address
from engine.acts import keeping
from engine.audience.contacts import contact_facts, ensure_contact
from engine.campaigns import runs
from engine.campaigns.book import CampaignBook
from engine.campaigns.runs import Run
from engine.config import parse
from engine.control import journal
from engine.control.acts import ACTS
from engine.control.asked import Asked
from engine.control.protocol.acts import Done
from engine.control.protocol.journal import ActRow
from engine.control.work import Office
from engine.doctor.visit import Report
from engine.house import House
from mta.ports import StoreFull, Tx
from mta.queue.delivery import Stream
from mta.queue.queue import NewMessage, Recipient, enqueue
from mta.queue.settings import QueueSettings

ANN = Address.parse("Ann@Example.org")
SOON = "when: 2026-03-10T10:00\n"


class Desk:
    """A house with a list, and an office with campaigns and nothing else."""

    def __init__(self, folder: Path) -> None:
        (folder / "secret").write_bytes(SECRET)
        config = parse(f'hostname = "mail.shop.example"\n[daemon]\nstate_dir = "{folder}"\n')
        self.clock, self.book = FakeClock(), CampaignBook()
        self.house = House.build(config, open_store(folder, self.clock), self.clock, FakeChance())
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
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
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

"""Domains over the control socket: keys changed step by step by one command each, and undone, with a real name server."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from clock import NOON, FakeChance, FakeClock
from lab_thread import LabThread
from mail_shop import SECRET, open_store

from engine.commands import run
from engine.config import parse
from engine.control import domain_views, journal
from engine.control.acts import ACTS
from engine.control.asked import Asked
from engine.control.protocol.acts import Done
from engine.control.protocol.domains import DomainAnswer
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.doctor.visit import Report
from engine.domains.keeper import KeyKeeper
from engine.house import House
from engine.intake.reports_in import keep
from engine.lab import zones

DOMAIN = "shop.example"
pytestmark = pytest.mark.usefixtures("patient_dns")


class Shop:
    """A house with keys, a keeper of them, and a name server to publish at."""

    def __init__(self, folder: Path, lab: LabThread) -> None:
        self.clock, self.lab = FakeClock(), lab
        (folder / "secret").write_bytes(SECRET)
        config = parse(
            f'hostname = "mail.shop.example"\n[daemon]\nstate_dir = "{folder}"\n[lab]\nenabled = true\n[dkim]\nswitch = false\n'
            f'[bounces]\ndomain = "bounce.shop.example"\n[routing]\nresolvers = ["{lab.dns_address}"]\n'
        )
        config.keys_path.mkdir()
        self.house = House.build(config, open_store(folder, self.clock), self.clock, FakeChance())
        self.keeper = KeyKeeper(self.house.store, self.clock, config, lambda: None)  # type: ignore[arg-type]
        self.doctor = SimpleNamespace(last=None, examine=self._examine)
        self.told: list[str] = []  # to the carriers, and that they did it
        self.office = cast(
            Office,
            SimpleNamespace(
                key_keeper=self.keeper,
                doctor=self.doctor,
                tell=lambda **words: self.told.extend(words),
                heeded=self._heeded,
            ),
        )

    async def _heeded(self) -> None:
        self.told.append("heeded")

    async def _examine(self) -> Report:
        return Report(NOON, (), ())

    async def act(self, path: str, **body: Any) -> Done:
        return await journal.perform(self.house, self.office, path, ACTS[path], body, "olga")

    async def look(self) -> DomainAnswer:
        return await domain_views.one(self.house, self.office, DOMAIN)

    async def check(self) -> DomainAnswer:
        await self.act("domains/check", domain=DOMAIN)
        return await self.look()

    async def publish(self) -> None:
        for each in (await self.look()).records:
            if "._domainkey." in each.name:
                zones.publish(self.lab.state, each.name, "TXT", each.value)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    with LabThread(tmp_path / "lab") as lab:
        made = Shop(tmp_path, lab)
        yield made
        made.house.store.close()


def at(found: DomainAnswer) -> dict[str, str]:
    """Where each step stands."""
    return {each.step: each.at for each in found.steps}


def states(found: DomainAnswer) -> list[str]:
    return [each.state for each in found.keys]


async def test_keys_are_changed_step_by_step_and_each_says_whose_turn_it_is(shop: Shop) -> None:
    await shop.act("domains/rotate", domain=DOMAIN)
    assert shop.told == ["keys", "heeded"]  # the next mail is signed with them
    await shop.publish()
    found = await shop.check()
    assert states(found) == ["active", "active"] and at(found)["make"] == "next"
    assert all(server.fault == "" for key in found.keys for server in key.servers) and found.keys[0].servers

    shop.clock.advance(timedelta(days=1))
    await shop.act("domains/rotate", domain=DOMAIN)
    found = await shop.check()
    assert at(found) == {
        "make": "done", "publish": "now", "seen": "waits", "remembered": "next", "sign": "next", "rest": "next",
        "withdraw": "next",
    }  # fmt: skip
    assert any(server.fault for key in found.keys if key.state == "new" for server in key.servers)
    with pytest.raises(Refusal, match="not shown by every name server"):
        await shop.act("domains/switch", domain=DOMAIN)

    await shop.publish()
    found = await shop.check()
    assert (at(found)["publish"], at(found)["remembered"]) == ("done", "waits")
    with pytest.raises(Refusal, match="first seen a moment ago"):
        await shop.act("domains/switch", domain=DOMAIN)
    shop.clock.advance(timedelta(hours=2))
    assert at(await shop.check())["sign"] == "now"

    await shop.act("domains/switch", domain=DOMAIN)
    found = await shop.check()
    assert (at(found)["sign"], at(found)["rest"]) == ("done", "waits")
    assert sorted(states(found)) == ["active", "active", "retiring", "retiring"]
    assert all(each.rests_until_ms for each in found.keys if each.state == "retiring")

    shop.clock.advance(timedelta(days=9))
    found = await shop.check()
    assert at(found)["withdraw"] == "now" and sorted(states(found)) == ["active", "active", "gone", "gone"]
    assert [each.value for each in found.records if each.why.startswith("DKIM: withdraws")] == ["v=DKIM1; p="] * 2


async def test_new_keys_are_forgotten_when_their_making_is_undone(shop: Shop) -> None:
    await shop.act("domains/rotate", domain=DOMAIN)
    first = {each.selector for each in (await shop.look()).keys}
    shop.clock.advance(timedelta(days=1))
    made = await shop.act("domains/rotate", domain=DOMAIN)
    again = await shop.act("domains/rotate", domain=DOMAIN)
    assert "has new keys already" in again.text
    await shop.act("acts/undo", act=made.facts["act"])
    found = await shop.look()
    assert {each.selector for each in found.keys} == first
    assert len(list(shop.house.config.keys_path.iterdir())) == 2


async def test_a_switch_is_undone_while_the_old_records_stand(shop: Shop) -> None:
    await shop.act("domains/rotate", domain=DOMAIN)
    old = {each.selector for each in (await shop.look()).keys}
    shop.clock.advance(timedelta(days=1))
    await shop.act("domains/rotate", domain=DOMAIN)
    await shop.publish()
    done = await shop.act("domains/switch", domain=DOMAIN, now=True)
    await shop.act("acts/undo", act=done.facts["act"])
    assert {each.selector for each in (await shop.look()).keys if each.state == "active"} == old


async def test_keys_that_somebody_needs_are_not_forgotten(shop: Shop) -> None:
    await shop.act("domains/rotate", domain=DOMAIN)
    name = (await shop.look()).keys[0].selector
    with pytest.raises(Refusal, match=r"signs shop\.example's mail"):
        await shop.act("domains/drop", domain=DOMAIN, selectors=[name])
    with pytest.raises(Refusal, match="selectors are keys of"):
        await shop.act("domains/drop", domain=DOMAIN, selectors=["other"])
    with pytest.raises(Refusal, match=r"there are no keys for other\.example"):
        await shop.act("domains/switch", domain="other.example.")


async def test_each_domain_says_in_a_line_how_its_keys_stand(shop: Shop) -> None:
    assert (await domain_views.every(shop.house, shop.office)).rows == ()
    await shop.act("domains/rotate", domain=DOMAIN)
    shop.clock.advance(timedelta(days=1))
    await shop.act("domains/rotate", domain=DOMAIN)
    [row] = (await domain_views.every(shop.house, shop.office)).rows
    assert (row.domain, row.turn) == (DOMAIN, "now") and row.keys.startswith("publish the 2 records of")


async def test_reports_about_foreign_domains_are_told_apart(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await shop.act("domains/rotate", domain=DOMAIN)
    for number, domain in enumerate(["shop.example", "news.shop.example", "elsewhere.example"]):
        row = ("192.0.2.9", domain, "pass", "fail", "none", 7)
        report = {
            "kind": "dmarc-aggregate", "org": "mx", "report_id": f"r{number}", "domain": domain, "begin": 0, "end": 1,
            "total": 7, "failed": 0, "details": {}, "senders": [row],
        }  # fmt: skip
        shop.house.store.write_now(lambda tx, report=report: keep(tx, report, shop.clock.now()))  # type: ignore[misc]
    found = await domain_views.reported(shop.house, Asked({}))
    assert {each.header_from for each in found.senders} == {"shop.example", "news.shop.example"}
    assert (found.foreign_senders, found.foreign_reports) == (1, 1)
    others = await domain_views.reported(shop.house, Asked({"foreign": "1"}))
    assert [each.domain for each in others.reports] == ["elsewhere.example"]

    file = tmp_path / "posthouse.toml"
    file.write_text(f'hostname = "mail.shop.example"\n[daemon]\nstate_dir = "{tmp_path}"\n')
    monkeypatch.setenv("POSTHOUSE_CONFIG", str(file))
    assert run(["report", "sources", "--since", "3000 days"]) == 0
    said = capsys.readouterr().out
    assert "elsewhere.example" not in said and "1 more about domains that are none of ours" in said
    assert run(["report", "received", "--since", "3000 days", "--foreign"]) == 0
    assert "elsewhere.example" in capsys.readouterr().out
    assert run(["report", "sources", "--since", "3000 days", "--json"]) == 0
    assert sum(each["foreign"] for each in json.loads(capsys.readouterr().out)) == 1

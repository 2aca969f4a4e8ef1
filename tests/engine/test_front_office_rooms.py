"""What the front office keeps in mind between two questions: how many contacts there are, templates, what is played over the
past, and the days of the calendar."""

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from clock import FakeChance, FakeClock
from mail_shop import SECRET, Place, open_store

from engine.config import parse
from engine.control import registry
from engine.control.calendar import stretch
from engine.control.flow_trials import FAILED, TrialRoom
from engine.control.mail_room import MailRoom, times_of
from engine.control.registry import Headcount
from engine.house import House
from engine.proofs.proving import Prover
from engine.proofs.samples import Reader
from engine.sending.resources import Resources
from engine.store.groups import GroupStore


def put(store: GroupStore, *numbers: int) -> None:
    store.write_now(
        lambda tx: tx.executemany(
            "INSERT INTO contact (id, key, address, name, locale, zone, fields, created_ms, orders, spent, opens, clicks,"
            " replies, visits) VALUES (?,?,?,'','','','{}',0,0,0,0,0,0,0)",
            [(each, f"p{each}@x.example", f"p{each}@x.example") for each in numbers],
        )
    )


async def test_people_are_counted_whose_number_is_seen_after_a_higher_one(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "PART", 4)
    store = open_store(place)
    count = Headcount(store)
    assert await count.get() == 0
    put(store, 1, 2, 3, 5)
    assert await count.get() == 4
    put(store, 4)  # another connection had its number before 5 was given, and committed after it
    assert await count.get() == 5
    put(store, *range(6, 30))
    assert await count.get() == 29
    store.write_now(lambda tx: tx.execute("DELETE FROM contact WHERE id = 2"))
    store.write_now(lambda tx: tx.execute("INSERT INTO former_contact (contact_id, address) VALUES (2, '')"))
    assert await count.get() == 28
    store.close()


async def test_a_trial_for_which_no_process_can_be_made_has_failed_and_is_in_nobodys_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def none(*_: object, **__: object) -> Any:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", none)
    room = TrialRoom(FakeClock())
    for number in (1, 2):
        trial = await room.start({"since": "90d"}, "cart", "abc", "olga")
        assert trial.id == number and room._task is not None
        await asyncio.gather(room._task, return_exceptions=True)
        assert room.get(number).state == FAILED
        assert "Resource temporarily unavailable" in room.get(number).trouble


async def test_a_proof_is_made_by_the_settings_of_the_last_reload(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(SECRET)
    store, room = open_store(tmp_path), MailRoom()

    def house(sender: str) -> House:
        config = parse(
            f'hostname = "mail.shop.example"\n[daemon]\nstate_dir = "{tmp_path}"\n[mail]\nfrom = "Shop <{sender}>"\n'
        )
        return House.build(config, store, FakeClock(), FakeChance())

    def sender(prover: Prover) -> str:
        composed = prover.proof("newsletter", "en", Reader.USUAL).composed
        assert composed is not None
        return composed.header_from

    first, second = house("old@shop.example"), house("new@shop.example")
    assert "old@shop.example" in await room.ask(first, sender)
    assert "new@shop.example" in await room.ask(second, sender)
    assert "new@shop.example" in await room.ask_to_send(second, sender)
    store.close()


def test_a_template_that_is_exchanged_this_moment_stops_no_look(tmp_path: Path) -> None:
    class Gone(type(tmp_path)):  # type: ignore[misc]
        def is_file(self) -> bool:
            return True

    class Folder(type(tmp_path)):  # type: ignore[misc]
        def rglob(self, pattern: str) -> Any:
            return [Gone(self / ".confirm.toml.new"), *Path(self).rglob(pattern)]

    (tmp_path / "brand.toml").write_text("")
    resources = cast(Resources, SimpleNamespace(folders=[Folder(tmp_path)]))
    assert list(times_of(resources)) == [tmp_path / "brand.toml"]


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC)),  # a day of 25 hours
        (datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)),  # a day of 23 hours
    ],
)
def test_a_day_of_the_calendar_ends_at_its_midnight_when_clocks_are_put(since: datetime, until: datetime) -> None:
    days, end = stretch(since, 1, ZoneInfo("Europe/Berlin"))
    assert end == until and len(days) == 1
    days, _ = stretch(since, 3, ZoneInfo("Europe/Berlin"))
    assert days == [date(days[0].year, days[0].month, days[0].day + each) for each in range(3)]

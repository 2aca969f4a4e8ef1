"""The import desk of the front office: parts in order, words for every fault, stopped and gone on with, also after a restart."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from clock import FakeChance
from exchange_desk import Desk
from mail_shop import Place

from engine.exchange.desk import KEEP, DeskError, ImportDesk
from engine.exchange.errands import Errand, State
from mta.ports import StoreBusy, Tx

T = TypeVar("T")

OPTIONS = {"lists": ["tea"], "source": "a fair", "wording": "Yes."}


@pytest.fixture
def shop(tmp_path: Path, place: Place) -> Iterator[Desk]:
    made = Desk(place, tmp_path)
    yield made
    made.store.close()


def at_desk(shop: Desk, folder: Path) -> ImportDesk:
    return ImportDesk(shop.store, shop.clock, FakeChance(len(list(folder.glob("*"))) + 1), folder)


async def brought(desk: ImportDesk, octets: bytes, name: str = "people.csv") -> Errand:
    errand = desk.come(name, len(octets), "mia")
    return desk.part(errand.id, 0, octets)


async def done(desk: ImportDesk) -> None:
    """When nothing is being done any more."""
    await asyncio.gather(*desk._tasks)


async def test_parts_come_in_order_and_a_file_is_whole_before_anything_is_done_with_it(
    shop: Desk, tmp_path: Path
) -> None:
    desk = at_desk(shop, tmp_path / "desk")
    errand = desk.come("../../etc/people\x1b.csv", 10, "mia")
    assert errand.file.parent == errand.folder and "\x1b" not in errand.name
    with pytest.raises(DeskError, match="is coming"):
        desk.try_out(errand.id, OPTIONS)
    desk.part(errand.id, 0, b"email\n")
    for offset, octets in ((0, b"x"), (7, b"x"), (6, b"too many octets")):
        with pytest.raises(DeskError, match="does not follow"):
            desk.part(errand.id, offset, octets)
    assert desk.part(errand.id, 6, b"a@b.").state is State.READY
    for size in (0, -1, 1 << 40):
        with pytest.raises(DeskError):
            desk.come("x", size, "mia")


async def test_a_file_of_this_machine_is_copied_if_everybody_may_read_it(shop: Desk, tmp_path: Path) -> None:
    desk = at_desk(shop, tmp_path / "desk")
    file = shop.file("email\nann@example.org\n")
    file.chmod(0o640)
    with pytest.raises(DeskError, match="not everybody may read"):
        await desk.at(str(file), "mia")
    file.chmod(0o644)
    errand = await desk.at(str(file), "mia")
    assert errand.state is State.READY and errand.file.read_bytes() == file.read_bytes() and errand.file != file
    (tmp_path / "link.csv").symlink_to(file)
    for wrong in (tmp_path / "nothing", tmp_path / "link.csv", tmp_path, Path("relative.csv")):
        with pytest.raises(DeskError):
            await desk.at(str(wrong), "mia")
    assert list(desk.errands) == [errand.id]


async def test_parts_of_a_file_that_a_restart_cut_off_come_again_and_it_is_what_was_sent(
    shop: Desk, tmp_path: Path
) -> None:
    folder, content = tmp_path / "desk", b"email\nann@example.org\n"
    desk = at_desk(shop, folder)
    errand = desk.come("people.csv", len(content), "mia")
    desk.part(errand.id, 0, content[:10])
    again = at_desk(shop, folder)
    assert again.errands[errand.id].come == 0
    again.part(errand.id, 0, content[:4])
    assert again.part(errand.id, 4, content[4:]).file.read_bytes() == content


@pytest.mark.parametrize("name", ["errand.json", "errand.json.new", "\u674e" * 120, "...", "\U0001f642" * 200 + ".csv"])
async def test_a_file_of_whatever_name_is_taken_and_found_again(shop: Desk, tmp_path: Path, name: str) -> None:
    folder, content = tmp_path / "desk", b"email\nann@example.org\noops\n"
    desk = at_desk(shop, folder)
    errand = await brought(desk, content, name)
    await desk.start(errand.id, OPTIONS)
    await done(desk)
    assert (errand.state, errand.taken, errand.refused) == (State.DONE, 1, 1), errand.why
    assert errand.file.read_bytes() == content
    assert at_desk(shop, folder).errands[errand.id].name == errand.name


async def test_a_file_that_can_t_be_kept_is_refused_in_words_and_leaves_nothing(shop: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    folder.write_bytes(b"no folder")
    desk = at_desk(shop, folder)
    with pytest.raises(DeskError, match="can't be kept"):
        desk.come("people.csv", 10, "mia")
    assert desk.errands == {}


async def test_a_file_is_gone_after_two_weeks_though_nobody_brings_another(
    shop: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.exchange.desk.SWEEP_SECONDS", 0.0)
    desk = at_desk(shop, tmp_path / "desk")
    errand = await brought(desk, b"email\nann@example.org\n")
    running = asyncio.create_task(desk.run())
    shop.clock.advance(KEEP - timedelta(minutes=1))
    await asyncio.sleep(0)
    assert errand.file.exists()
    shop.clock.advance(timedelta(minutes=2))
    async with asyncio.timeout(60):
        while errand.folder.exists():  # noqa: ASYNC110 - what another task does, in its own time
            await asyncio.sleep(0)
    assert desk.errands == {}
    running.cancel()


async def test_of_two_who_start_at_the_same_moment_one_does(shop: Desk, tmp_path: Path) -> None:
    desk = at_desk(shop, tmp_path / "desk")
    errand = await brought(desk, b"email\nann@example.org\n")
    other = await brought(desk, b"email\nbob@example.org\n")
    came = await asyncio.gather(
        *(desk.start(each.id, OPTIONS) for each in (errand, errand, other)), return_exceptions=True
    )
    await done(desk)
    assert [isinstance(each, DeskError) for each in came] == [False, True, True]
    assert [each["address"] for each in shop.contacts()] == ["ann@example.org"]


async def test_a_dry_run_writes_nothing_and_faults_are_words(shop: Desk, tmp_path: Path) -> None:
    desk = at_desk(shop, tmp_path / "desk")
    errand = await brought(desk, b"email,name\nann@example.org,Ann\nnobody,X\n\x1b[2J@x.example,Y\n")
    desk.try_out(errand.id, OPTIONS)
    await done(desk)
    assert (errand.state, errand.tried.rows, errand.tried.good) == (State.TRIED, 3, 1)
    assert [each.number for each in errand.tried.faults] == [3, 4]
    assert all(letter.isprintable() for each in errand.tried.faults for letter in each.cells)
    assert shop.contacts() == []
    broken = await brought(desk, b"\x00\x01\x02\x03" * 40, "people.bin")
    desk.try_out(broken.id, OPTIONS)
    await done(desk)
    assert broken.state is State.FAILED and broken.why
    with pytest.raises(DeskError, match="none of"):
        desk.try_out(errand.id, {"kind": "excel"})
    with pytest.raises(DeskError, match="come by"):
        await desk.start(errand.id, {"lists": ["tea"]})
    with pytest.raises(DeskError, match="no purpose"):
        shop.store.write_now(lambda tx: tx.execute("UPDATE list SET purpose = ''"))
        await desk.start(errand.id, {"lists": ["tea"], "source": "a fair"})


async def test_what_was_stopped_goes_on_after_a_restart_and_nobody_is_taken_twice(shop: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    desk = at_desk(shop, folder)
    rows = "".join(f"r{n}@example.org\n" for n in range(3000))
    errand = await brought(desk, f"email\n{rows}oops\n".encode())
    await desk.start(errand.id, OPTIONS)
    with pytest.raises(DeskError, match="another import runs"):
        other = await brought(desk, b"email\nx@example.org\n")
        await desk.start(other.id, OPTIONS)
    with pytest.raises(DeskError, match="cancel it first"):
        desk.drop(errand.id)
    await desk.stop()
    again = at_desk(shop, folder)
    errand = again.errands[errand.id]
    assert errand.state in (State.STOPPED, State.DONE)
    if errand.state is State.STOPPED:
        await again.start(errand.id)
        await done(again)
    assert (errand.state, errand.taken, errand.refused) == (State.DONE, 3000, 1)
    assert errand.entry is not None and errand.faults[0].number == 3002
    assert len(shop.contacts()) == 3000
    again.drop(errand.id)
    assert not errand.folder.exists()
    with pytest.raises(DeskError, match="no import"):
        again.cancel(errand.id)


async def test_an_import_goes_on_by_itself_where_the_database_was_held_for_a_while(
    shop: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = at_desk(shop, tmp_path / "desk")
    errand = await brought(desk, b"email\nann@example.org\noops\n")
    write, held = shop.store.write_now, [StoreBusy("another process holds the database")] * 2

    def write_later(work: Callable[[Tx], T]) -> T:
        if held:
            raise held.pop()
        return write(work)

    monkeypatch.setattr(shop.store, "write_now", write_later)
    await desk.start(errand.id, OPTIONS)
    await done(desk)
    assert (errand.state, errand.taken, errand.refused) == (State.DONE, 1, 1), errand.why
    assert held == [] and len(errand.faults) == 1


async def test_the_same_file_is_not_taken_twice_and_a_broken_note_of_an_errand_is_passed_over(
    shop: Desk, tmp_path: Path
) -> None:
    folder = tmp_path / "desk"
    desk = at_desk(shop, folder)
    for state in (State.DONE, State.FAILED):
        errand = await brought(desk, b"email\nann@example.org\n")
        await desk.start(errand.id, OPTIONS)
        await done(desk)
        assert errand.state is state
    assert "already" in errand.why
    (errand.folder / "errand.json").write_text("{not json")
    assert errand.id not in at_desk(shop, folder).errands

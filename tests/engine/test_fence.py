"""The fence: a database that is older than its state folder, or another one's, sends nothing until somebody says so."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clock import NOON, FakeChance
from mail_shop import Place, make_list, open_store

from engine import fence
from engine.store.groups import GroupStore
from mta.ports import StoreBusy, Tx

CHANCE = FakeChance()


def start(store: GroupStore, state: Path) -> str:
    """A front office begins; why it sends nothing, or ""."""
    fence.enter(store.write_now, state, CHANCE.octets, NOON)
    standing = store.read_now(fence.standing)
    return standing.why if standing else ""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


@pytest.fixture
def store(place: Place) -> Iterator[GroupStore]:
    store = open_store(place)
    yield store
    store.close()


@pytest.fixture
def copied(store: GroupStore, places: Callable[[], Place]) -> Iterator[Callable[[], GroupStore]]:
    """Makes a copy of the database, as it is now."""
    made: list[GroupStore] = []

    def copy() -> GroupStore:
        made.append(open_store(places()))
        for table in ("meta", "contact"):
            for row in store.read_now(lambda tx, table=table: tx.query(f"SELECT * FROM {table}")):  # type: ignore[misc]
                sql = f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})"
                made[-1].write_now(lambda tx, sql=sql, row=row: tx.execute(sql, row))  # type: ignore[misc]
        return made[-1]

    yield copy
    for each in made:
        each.close()


def test_start_after_start_sends(store: GroupStore, state: Path) -> None:
    assert [start(store, state) for _ in range(3)] == ["", "", ""]


async def test_a_backup_of_the_run_that_is_going_on_is_older_too(
    store: GroupStore, state: Path, copied: Callable[[], GroupStore]
) -> None:  # fmt: skip
    start(store, state)
    await fence.renew(store.write, state, CHANCE.octets, NOON)
    old = copied()
    await fence.renew(store.write, state, CHANCE.octets, NOON)
    assert start(store, state) == ""
    await fence.renew(store.write, state, CHANCE.octets, NOON)
    assert start(old, state) == fence.OLDER


async def test_a_crash_within_a_renewal_puts_up_no_fence_and_the_next_one_ends_it(
    store: GroupStore, state: Path
) -> None:
    start(store, state)

    async def crashes(work: Callable[[Tx], bool]) -> bool:
        raise StoreBusy("as if it were over here")

    for _ in range(3):
        with pytest.raises(StoreBusy):
            await fence.renew(crashes, state, CHANCE.octets, NOON)
    assert len(json.loads((state / fence.FILE).read_text())["runs"]) == 2
    await fence.renew(store.write, state, CHANCE.octets, NOON)
    assert len(json.loads((state / fence.FILE).read_text())["runs"]) == 1
    assert start(store, state) == ""


async def test_an_older_database_that_is_put_in_place_under_a_running_daemon_is_fenced_and_its_number_kept(
    store: GroupStore, state: Path, copied: Callable[[], GroupStore]
) -> None:
    start(store, state)
    old = copied()
    await fence.renew(store.write, state, CHANCE.octets, NOON)
    await fence.renew(old.write, state, CHANCE.octets, NOON)
    standing = old.read_now(fence.standing)
    assert standing is not None and standing.why == fence.OLDER
    assert store.read_now(fence.standing) is None
    old.write_now(fence.lift)
    assert start(old, state) == fence.OLDER


async def test_a_fence_that_went_up_under_a_running_daemon_can_be_lifted_there(
    store: GroupStore, state: Path, copied: Callable[[], GroupStore]
) -> None:
    start(store, state)
    old = copied()
    await fence.renew(store.write, state, CHANCE.octets, NOON)
    for _ in range(3):
        await fence.renew(old.write, state, CHANCE.octets, NOON)
        assert old.read_now(fence.standing) is not None
    assert old.write_now(fence.lift)
    for _ in range(3):
        await fence.renew(old.write, state, CHANCE.octets, NOON)
        assert old.read_now(fence.standing) is None
    assert start(old, state) == ""


async def test_without_its_file_nothing_is_renewed(store: GroupStore, state: Path) -> None:
    await fence.renew(store.write, state, CHANCE.octets, NOON)
    assert not (state / fence.FILE).exists()


def test_a_backup_that_came_back_does_not_send_until_the_fence_is_lifted(
    store: GroupStore, state: Path, copied: Callable[[], GroupStore]
) -> None:
    start(store, state)
    old = copied()
    start(store, state)
    assert start(old, state) == fence.OLDER
    assert start(old, state) == fence.OLDER  # whatever is restarted
    assert old.write_now(fence.lift)
    assert start(old, state) == ""
    assert not old.write_now(fence.lift)


def test_a_copy_on_another_machine_does_not_send(
    store: GroupStore, state: Path, tmp_path: Path, copied: Callable[[], GroupStore]
) -> None:
    start(store, state)
    (tmp_path / "elsewhere").mkdir()
    copy = copied()
    assert start(copy, tmp_path / "elsewhere") == fence.FOREIGN
    assert start(store, state) == ""


def test_a_new_database_in_the_place_of_the_one_that_was_run_on_does_not_send(
    store: GroupStore, state: Path, places: Callable[[], Place]
) -> None:
    """Whose configuration names another file by mistake has an empty house, where nobody left and nobody bounced."""
    start(store, state)
    new = open_store(places())
    assert start(new, state) == fence.EMPTY
    new.write_now(fence.lift)
    assert start(new, state) == ""
    new.close()


def test_a_database_from_before_there_were_fences_is_believed_once(store: GroupStore, state: Path) -> None:
    store.write_now(make_list)
    assert start(store, state) == ""


def test_an_old_database_without_any_number_is_not_believed_beside_a_file(
    store: GroupStore, state: Path, copied: Callable[[], GroupStore]
) -> None:
    store.write_now(
        lambda tx: tx.execute(
            "INSERT INTO contact (key, address, name, locale, zone, fields, created_ms, orders, spent)"
            " VALUES ('a@b.example', 'a@b.example', '', '', '', '{}', 0, 0, 0)"
        )
    )
    old = copied()
    start(store, state)
    assert start(old, state) == fence.OLDER


@pytest.mark.parametrize("moment", ["before the database", "after the database"])
def test_a_crash_in_the_middle_of_a_start_puts_up_no_fence(store: GroupStore, state: Path, moment: str) -> None:
    start(store, state)

    def dies(work: object) -> None:
        if moment == "after the database":
            store.write_now(work)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fence.enter(dies, state, CHANCE.octets, NOON)
    assert start(store, state) == ""


def test_a_file_that_is_damaged_is_no_proof(store: GroupStore, state: Path) -> None:
    start(store, state)
    (state / fence.FILE).write_text("{}")
    assert start(store, state) == fence.FOREIGN


def test_a_pipe_in_its_place_is_no_proof_and_holds_up_no_start(store: GroupStore, state: Path) -> None:
    start(store, state)
    (state / fence.FILE).unlink()
    os.mkfifo(state / fence.FILE)
    assert start(store, state) == fence.FOREIGN


def test_a_folder_that_was_copied_with_its_file_does_not_send(
    store: GroupStore, state: Path, tmp_path: Path, copied: Callable[[], GroupStore]
) -> None:
    start(store, state)
    shutil.copytree(state, tmp_path / "elsewhere")
    assert start(copied(), tmp_path / "elsewhere") == fence.FOREIGN
    assert start(store, state) == ""


def test_a_folder_that_was_moved_sends(store: GroupStore, state: Path, tmp_path: Path) -> None:
    start(store, state)
    assert start(store, state.rename(tmp_path / "moved")) == ""
    shutil.copytree(tmp_path / "moved", tmp_path / "larger disk")
    shutil.rmtree(tmp_path / "moved")
    assert start(store, (tmp_path / "larger disk").rename(tmp_path / "moved")) == ""  # the new disk is mounted there


async def test_a_file_from_before_there_were_marks_is_believed_and_gets_them(store: GroupStore, state: Path) -> None:
    start(store, state)
    said = json.loads((state / fence.FILE).read_text())
    marks = said.pop("marks")
    (state / fence.FILE).write_text(json.dumps(said))
    assert start(store, state) == ""
    await fence.renew(store.write, state, CHANCE.octets, NOON)
    assert json.loads((state / fence.FILE).read_text())["marks"] == marks


def test_the_command_that_lifts_it_is_shown_as_it_works() -> None:
    home = Path(__file__).parents[2]
    shown = [home / "CHANGELOG.md", *(home / "docs").glob("*.md"), *(home / "engine").rglob("*.py")]
    assert [each for each in shown if "`posthouse fence lift`" in each.read_text("utf-8")] == []

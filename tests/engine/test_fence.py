"""The fence: a database that is older than its state folder, or another one's, sends nothing until somebody says so."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clock import NOON, FakeChance
from mail_shop import make_list, open_store

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
def store(state: Path) -> Iterator[GroupStore]:
    store = open_store(state)
    yield store
    store.close()


def backup(state: Path, into: Path) -> Path:
    """A copy of the database file, as it is now."""
    into.mkdir()
    copied = open_store(state)
    copied.write_now(lambda tx: None)
    copied.close()
    shutil.copy(state / "posthouse.db", into / "posthouse.db")
    if (state / "posthouse.db-wal").exists():
        shutil.copy(state / "posthouse.db-wal", into / "posthouse.db-wal")
    return into


def test_start_after_start_sends(store: GroupStore, state: Path) -> None:
    assert [start(store, state) for _ in range(3)] == ["", "", ""]


async def test_a_backup_of_the_run_that_is_going_on_is_older_too(
    store: GroupStore, state: Path, tmp_path: Path
) -> None:  # fmt: skip
    start(store, state)
    await fence.renew(store.write, state, CHANCE.octets)
    old = open_store(backup(state, tmp_path / "backup"))
    await fence.renew(store.write, state, CHANCE.octets)
    assert start(store, state) == ""
    await fence.renew(store.write, state, CHANCE.octets)
    assert start(old, state) == fence.OLDER
    old.close()


async def test_a_crash_within_a_renewal_puts_up_no_fence_and_the_next_one_ends_it(
    store: GroupStore, state: Path
) -> None:
    start(store, state)

    async def crashes(work: Callable[[Tx], bool]) -> bool:
        raise StoreBusy("as if it were over here")

    for _ in range(3):
        with pytest.raises(StoreBusy):
            await fence.renew(crashes, state, CHANCE.octets)
    assert len(json.loads((state / fence.FILE).read_text())["runs"]) == 2
    await fence.renew(store.write, state, CHANCE.octets)
    assert len(json.loads((state / fence.FILE).read_text())["runs"]) == 1
    assert start(store, state) == ""


async def test_another_database_s_number_is_not_written_over(store: GroupStore, state: Path, tmp_path: Path) -> None:
    start(store, state)
    old = open_store(backup(state, tmp_path / "backup"))
    await fence.renew(store.write, state, CHANCE.octets)
    await fence.renew(old.write, state, CHANCE.octets)
    assert start(old, state) == fence.OLDER
    old.close()


async def test_without_its_file_nothing_is_renewed(store: GroupStore, state: Path) -> None:
    await fence.renew(store.write, state, CHANCE.octets)
    assert not (state / fence.FILE).exists()


def test_a_backup_that_came_back_does_not_send_until_the_fence_is_lifted(
    store: GroupStore, state: Path, tmp_path: Path
) -> None:
    start(store, state)
    old = open_store(backup(state, tmp_path / "backup"))
    start(store, state)
    assert start(old, state) == fence.OLDER
    assert start(old, state) == fence.OLDER  # whatever is restarted
    assert old.write_now(fence.lift)
    assert start(old, state) == ""
    assert not old.write_now(fence.lift)
    old.close()


def test_a_copy_on_another_machine_does_not_send(store: GroupStore, state: Path, tmp_path: Path) -> None:
    start(store, state)
    (tmp_path / "elsewhere").mkdir()
    copy = open_store(backup(state, tmp_path / "copy"))
    assert start(copy, tmp_path / "elsewhere") == fence.FOREIGN
    assert start(store, state) == ""
    copy.close()


def test_a_database_from_before_there_were_fences_is_believed_once(store: GroupStore, state: Path) -> None:
    store.write_now(make_list)
    assert start(store, state) == ""


def test_an_old_database_without_any_number_is_not_believed_beside_a_file(
    store: GroupStore, state: Path, tmp_path: Path
) -> None:
    store.write_now(
        lambda tx: tx.execute(
            "INSERT INTO contact (key, address, name, locale, zone, fields, created_ms, orders, spent)"
            " VALUES ('a@b.example', 'a@b.example', '', '', '', '{}', 0, 0, 0)"
        )
    )
    old = open_store(backup(state, tmp_path / "backup"))
    start(store, state)
    assert start(old, state) == fence.OLDER
    old.close()


@pytest.mark.parametrize("place", ["before the database", "after the database"])
def test_a_crash_in_the_middle_of_a_start_puts_up_no_fence(store: GroupStore, state: Path, place: str) -> None:
    start(store, state)

    def dies(work: object) -> None:
        if place == "after the database":
            store.write_now(work)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fence.enter(dies, state, CHANCE.octets, NOON)
    assert start(store, state) == ""


def test_a_file_that_is_damaged_is_no_proof(store: GroupStore, state: Path) -> None:
    start(store, state)
    (state / fence.FILE).write_text("{}")
    assert start(store, state) == fence.FOREIGN

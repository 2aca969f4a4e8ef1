"""One secret for all that serve a database: who comes with another one is refused while somebody serves."""

import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from clock import NOON
from mail_shop import Place, open_store

from engine import common_secret
from engine.lock import AlreadyRunning
from engine.store.groups import GroupStore
from mta.queue import leasing

CHANGED = "the secret is another than before"


@pytest.fixture
def store(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[GroupStore]:
    # A server's clock is its own: what is to be under way is so however long this process stands still.
    monkeypatch.setattr(common_secret, "START_SECONDS", 3600)
    monkeypatch.setattr(leasing, "LEASE", timedelta(hours=1))
    store = open_store(place)
    yield store
    store.close()


@pytest.fixture
def secrets(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "one").write_bytes(b"1" * 32)
    (tmp_path / "two").write_bytes(b"2" * 32)
    return tmp_path / "one", tmp_path / "two"


def is_shared(store: GroupStore) -> bool:
    """Whether several front offices may serve it; an SQLite file is locked."""
    return store.read_now(lambda tx: tx.dialect) == "postgresql"


def forget_the_start(store: GroupStore) -> None:
    """As if it were long ago."""
    sql = "UPDATE meta SET value = replace(value, '\"until_ms\": ', '\"until_ms\": -') WHERE key = ?"
    assert store.write_now(lambda tx: tx.execute(sql, (common_secret.KEY,))) == 1


def test_the_same_secret_is_welcome_again_and_beside_itself(
    store: GroupStore, secrets: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        common_secret.agree(store, secrets[0])
    assert CHANGED not in caplog.messages


def test_another_secret_is_refused_while_somebody_begins_or_serves_and_said_afterwards(
    store: GroupStore, secrets: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    one, two = secrets
    common_secret.agree(store, one)
    if is_shared(store):
        with pytest.raises(AlreadyRunning, match=f"with another secret: copy .* to {re.escape(str(two))}"):
            common_secret.agree(store, two)
        forget_the_start(store)
        owner = store.write_now(
            lambda tx: leasing.register(tx, "carrier-1", 1, leasing.Host(*tx.lease_time()), NOON, "1")
        )
        with pytest.raises(AlreadyRunning, match="come again in 3600 seconds"):
            common_secret.agree(store, two)
        store.write_now(lambda tx: leasing.take_away(tx, owner))
    common_secret.agree(store, two)
    assert caplog.messages == [CHANGED]
    common_secret.agree(store, two)
    assert caplog.messages == [CHANGED]


def test_the_database_does_not_tell_the_secret(store: GroupStore, secrets: tuple[Path, Path]) -> None:
    common_secret.agree(store, secrets[0])
    [(kept,)] = store.read_now(lambda tx: tx.query("SELECT value FROM meta WHERE key = ?", (common_secret.KEY,)))
    assert "1" * 32 not in kept and (b"1" * 32).hex() not in kept

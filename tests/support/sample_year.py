"""A small year of the sample shop in a database of its own, laid down as `posthouse lab shop` lays down a large one."""

from datetime import UTC, datetime
from pathlib import Path

from clock import FakeClock

from engine.scene.year import Laid, lay
from engine.store.groups import GroupStore
from engine.store.opening import store_at

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
PICTURES = "http://127.0.0.1:2700"


def sample_year(place: Path | str, *, contacts: int = 50, days: int = 365, seed: int = 1) -> tuple[GroupStore, Laid]:
    """The store, open, and how much is in it."""
    store = store_at(place, FakeClock(NOW)).open()
    store.migrate()
    return store, lay(store, contacts=contacts, days=days, seed=seed, now=NOW, pictures=PICTURES)

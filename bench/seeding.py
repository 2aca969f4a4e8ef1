"""What is in a store before its Posthouse starts, written by the code that writes it in earnest."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.config import load
from engine.store.groups import GroupStore
from engine.store.opening import store_at
from engine.system import SystemClock


@contextmanager
def opened(config: Path) -> Iterator[GroupStore]:
    """The store of this configuration, migrated."""
    store = store_at(load(config).database_place, SystemClock()).open()
    try:
        store.migrate()
        yield store
    finally:
        store.close()

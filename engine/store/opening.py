"""Which store: a file's path means SQLite, an address means PostgreSQL."""

import re
import sys
from pathlib import Path
from typing import Final

from engine.store.database import Database
from engine.store.groups import GroupStore
from engine.system import SystemChance
from mta.ports import Clock, StoreTrouble

POSTGRES: Final = re.compile(r"postgres(?:ql)?://")


class NoDriver(StoreTrouble):
    """PostgreSQL is wanted and its driver is not installed."""


def no_driver(err: ImportError) -> str:
    """What is said where the driver is not there, with the Python that wants it: the service has one of its own."""
    return f"a PostgreSQL database needs its driver ({err}): {sys.executable} -m pip install 'psycopg[binary]'"


def store_at(place: Path | str, clock: Clock) -> GroupStore:
    """The store at a place, not opened yet. NoDriver, or another StoreTrouble for an address that can't be one."""
    if isinstance(place, Path):
        return Database(place, clock)
    try:
        from engine.store.postgres import PostgresDatabase
    except ImportError as err:
        raise NoDriver(no_driver(err)) from None
    return PostgresDatabase(place, clock, SystemChance())

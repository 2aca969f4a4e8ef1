"""The lab's clock: the machine's time moved as far as the daemon's was.

`posthouse lab advance` writes an offset into the daemon's database. The lab reads it there anew at each need, so that
greylists and rates see the same hour as the daemon which retries. Without a database, or before it exists, lab time is
the machine's.
"""

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from mta.ports import Clock

_OFFSET = "SELECT value FROM meta WHERE key = 'clock_offset_ms'"


class LabClock:
    """A Clock whose civil time carries the daemon's offset; its other readings are the machine's."""

    def __init__(self, clock: Clock, database: Path | str | None = None) -> None:
        """`database`: an SQLite file, or the address of a PostgreSQL database."""
        self._clock = clock
        self._database = database
        self._connection: _Connection | None = None

    def now(self) -> datetime:
        return self._clock.now() + self.offset()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def boottime_ms(self) -> int:
        return self._clock.boottime_ms()

    def offset(self) -> timedelta:
        """How far the daemon's clock was moved; zero when the database can't be read or says nothing."""
        if self._database is None:
            return timedelta(0)
        try:
            if self._connection is None:
                self._connection = _connect(self._database)
            row = self._connection.execute(_OFFSET).fetchone()
            return timedelta(milliseconds=int(row[0])) if row else timedelta(0)
        except (sqlite3.Error, _Away, ValueError, OverflowError):
            self.close()  # not there yet, or replaced: look again at the next need
            return timedelta(0)

    def close(self) -> None:
        """Let go of the database. The next reading opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Connection(Protocol):
    """As much of a connection as both drivers have in common."""

    def execute(self, sql: str, /) -> Any: ...

    def close(self) -> None: ...


def _connect(database: Path | str) -> _Connection:
    if isinstance(database, str):
        return _Server(database)
    uri = f"{database.absolute().as_uri()}?mode=ro"  # never create it: the daemon owns it
    return sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)


class _Away(Exception):
    """A server does not answer, or not what was asked."""


class _Server:
    """A PostgreSQL database. Its driver is loaded where there is one only."""

    def __init__(self, url: str) -> None:
        import psycopg

        try:
            self._connection = psycopg.connect(url, autocommit=True, connect_timeout=2)
        except psycopg.Error as err:
            raise _Away from err

    def execute(self, sql: str, /) -> Any:
        import psycopg

        try:
            return self._connection.execute(sql.encode())
        except psycopg.Error as err:
            raise _Away from err

    def close(self) -> None:
        self._connection.close()

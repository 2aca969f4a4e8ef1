"""An SQLite file before anybody writes into it: whose it is, and what SQLite's words about it mean.

To open a file for use changes it (its journal becomes a write-ahead log). So it is read first, by a connection that can't
write.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from engine.store.migrate import want_no_others
from mta.ports import StoreBusy, StoreFull, StoreTrouble

_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY name"


def applied_in(file: Path, seconds: float) -> list[str]:
    """The migrations that made the tables of a file, in order; none of one without a table. Locked, it is waited for so
    long. Foreign for another program's tables; StoreTrouble."""
    try:
        opened = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=seconds)
        with closing(opened):
            tables = [str(name) for (name,) in opened.execute(_TABLES)]
            if "schema_migration" in tables:
                return [str(name) for (name,) in opened.execute("SELECT name FROM schema_migration ORDER BY name")]
    except sqlite3.Error as err:
        raise in_words(err, file) from err
    want_no_others(str(file), tables, "let database.path name a file of Posthouse's own")
    return []


def in_words(err: sqlite3.Error, file: Path) -> Exception:
    """What an error says of the file, and what mends it; the error itself where it is a fault of our own."""
    words = str(err).lower()
    if "full" in words:
        return StoreFull("no room is left on the database's disk")
    if "locked" in words or "busy" in words:
        return StoreBusy("another process holds the database")
    if isinstance(err, sqlite3.OperationalError) and ("i/o" in words or "readonly" in words):
        return StoreTrouble(f"the database can't be written: {err} (`ls -l {file}`; `dmesg`)")
    if "unable to open" in words:
        return StoreTrouble(f"the database {file} can't be opened: is it a file, and this user's? (`ls -l {file}`)")
    if "not a database" in words or "malformed" in words:
        return StoreTrouble(
            f"the database {file} is damaged, or no SQLite file ({err}): look whether database.path names the right one;"
            " if it does, `posthouse restore` puts a backup in its place and keeps it beside that"
        )
    return err

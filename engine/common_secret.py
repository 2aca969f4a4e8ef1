"""One secret for all that serve a database: links in people's mail and bounce addresses are made with it, so front offices with
different ones would each refuse what the other made, and everybody who clicked would be told that the link is wrong.

The database holds a mark of the secret, which does not tell it. On PostgreSQL, where several may serve, whoever comes with
another one is refused while somebody serves, or has begun to within START_SECONDS; nobody who is alone is refused, but it
is said that the secret is another than before.
"""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any, Final

from engine import fence, houselog
from engine.lock import AlreadyRunning
from engine.own_folder import in_words
from engine.store.groups import GroupStore
from mta.plain_file import read_plain
from mta.ports import Tx

KEY: Final = "secret"  # of meta: JSON, the mark, and until when its last start is under way
START_SECONDS: Final = 30
_WHAT: Final = b"posthouse: which secret this is"


def agree(store: GroupStore, path: Path) -> None:
    """Let the database know our secret, which is in the file at `path`. AlreadyRunning where others serve with another one."""
    with in_words(path):
        mark = hmac.new(read_plain(path), _WHAT, hashlib.sha256).hexdigest()
    if not store.write_now(lambda tx: _note(tx, mark, path)):
        houselog.secret_changed(str(path))


def is_in(path: Path, secret: bytes) -> bool:
    """Whether the file has this secret; not where it can't be read."""
    try:
        return read_plain(path) == secret
    except OSError:
        return False


def _note(tx: Tx, mark: str, path: Path) -> bool:
    """Whether it is the one of before, or the first."""
    counted_by, at_ms = tx.lease_time()
    said = json.dumps({"mark": mark, "by": counted_by, "until_ms": at_ms + START_SECONDS * 1000})
    if tx.execute("INSERT INTO meta (key, value) VALUES (?,?) ON CONFLICT (key) DO NOTHING", (KEY, said)) == 1:
        return True
    row = tx.one("SELECT value FROM meta WHERE key = ?" + tx.for_update(), (KEY,))
    before: dict[str, Any] = json.loads(row[0]) if row else {"mark": mark}
    is_same = bool(before["mark"] == mark)
    if not is_same and tx.dialect == "postgresql":
        begins = before["by"] == counted_by and before["until_ms"] > at_ms
        if begins or fence.has_company(tx):
            raise AlreadyRunning(
                "another Posthouse serves this database with another secret: copy its state folder's file `secret` to"
                f" {path}, and its keys beside it; or give this one a database of its own (database.url)."
                f" If none runs any more, come again in {START_SECONDS} seconds"
            )
    tx.execute("UPDATE meta SET value = ? WHERE key = ?", (said, KEY))
    return is_same

"""PostgreSQL's own tools: pg_dump and pg_restore."""

import os
import subprocess
from typing import Final

from engine.backup.folder import BackupError

_SAID: Final = 500  # characters of what a tool says that are shown


def run_tool(tool: str, address: str, *words: str) -> None:
    """Run one of them on a database. BackupError with what it says.

    The password goes by the environment: other users of the machine can read a command line.
    """
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    parts = conninfo_to_dict(address)
    password = str(parts.pop("password", "") or "")
    environment = os.environ | ({"PGPASSWORD": password} if password else {})
    asked = (tool, *words, f"--dbname={make_conninfo('', **parts)}")
    try:
        done = subprocess.run(
            asked, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env=environment
        )
    except FileNotFoundError:
        raise BackupError(f"{tool} is not here: install PostgreSQL's client programs (postgresql-client)") from None
    if done.returncode != 0:
        raise BackupError(f"{tool} failed: {done.stderr.strip()[:_SAID]}")

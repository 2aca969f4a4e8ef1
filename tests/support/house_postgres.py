"""A PostgreSQL server of the tests' own: a data folder of its own, a socket and a port on loopback, fsync on.

    with Postgres() as server:
        store_at(server.url(), clock)      # a database; each name is made when first asked for
        server.crash(); server.start()

PostgreSQL refuses to run as root, so as root it runs as `postgres` or `nobody`. Started and ended by process id.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from glob import glob
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
from house_process import free_port, kill, wait_ended

PROGRAMS = ":".join(sorted(glob("/usr/lib/postgresql/*/bin"), reverse=True))
_PATH = os.environ.get("PATH", os.defpath) + ":" + PROGRAMS
_PATIENCE = 600.0  # a stop syncs every file that was written to, and a disk may be busy
# Whoever was killed may have asked for a commit that is still under way.
_END_OTHERS = f"""
SELECT pg_terminate_backend(pid, {_PATIENCE * 1000:.0f}) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""
_EMPTY = """
DO $$ DECLARE each text; BEGIN
  FOR each IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migration' LOOP
    EXECUTE format('DELETE FROM %I', each);
  END LOOP;
  PERFORM setval(seqrelid, 1, false) FROM pg_sequence WHERE pg_sequence_last_value(seqrelid) IS NOT NULL
    AND CAST(CAST(seqrelid AS regclass) AS text) NOT LIKE 'schema_migration%';
END $$"""
_SETTINGS = {"fsync": "on", "shared_buffers": "32MB", "max_connections": "200", "log_min_messages": "fatal"}


class Postgres:
    """One server, on one data folder."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="posthouse-postgres-"))  # pytest's own is closed to other users
        self.port = free_port()
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = _user()
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self._process: subprocess.Popen[bytes] | None = None
        self._made = {"postgres"}

    def __enter__(self) -> Self:
        try:
            self._run("initdb", "--pgdata", str(self._data), "--username", "posthouse", "--auth", "trust",
                      "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync")  # fmt: skip
            return self.start()
        except BaseException:
            self._clear()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(signal.SIGQUIT)  # as `pg_ctl stop -m immediate`: nothing of it is kept, so nothing need be synced
        self._clear()

    # -- its life

    def start(self) -> Self:
        """Start it, and wait until it answers."""
        settings = _SETTINGS | {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self._folder),
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        program = shutil.which("postgres", path=PROGRAMS) or "postgres"
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-D", str(self._data), *words], cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, **self._as,
            )  # fmt: skip
        asking = subprocess.run(
            [
                shutil.which("pg_isready", path=_PATH) or "pg_isready",
                "-q",
                "-h",
                str(self._folder),
                "-p",
                str(self.port),
            ],
            check=False,
        )
        while asking.returncode != 0:
            assert self._process.poll() is None, self.log()
            asking = subprocess.run(asking.args, check=False)
        return self

    def stop(self) -> None:
        """As `pg_ctl stop -m fast`: open transactions are rolled back, sessions are told."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """As a power cut: nothing is written any more, by any of its processes."""
        assert self._process is not None
        # It is held while its children are counted: one that it forked meanwhile would live on in the same memory.
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """As `pg_ctl restart`."""
        self.stop()
        self.start()

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        sessions = _children(self._process.pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, number)
        self._process.wait(_PATIENCE)
        if number is signal.SIGKILL:
            kill(sessions)  # they notice by themselves, but not at once
        assert not wait_ended(sessions, _PATIENCE)
        self._process = None

    # -- its databases

    def url(self, database: str = "postgres") -> str:
        """The address of a database, which is made if need be."""
        if database not in self._made:
            with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {database}".encode())
            self._made.add(database)
        return self._address(database)

    def empty(self, database: str) -> str:
        """The address of a database that has the tables, perhaps, and no row; numbers begin at 1."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(_END_OTHERS)
            connection.execute(_EMPTY)
        return self._address(database)

    def _address(self, database: str) -> str:
        return f"postgresql://posthouse@127.0.0.1:{self.port}/{database}"

    def ask_passwords_of(self, role: str) -> None:
        """Let nobody in as this one without its password; all others are trusted."""
        rules = self._data / "pg_hba.conf"
        rules.write_text(f"host all {role} 127.0.0.1/32 scram-sha-256\n" + rules.read_text("utf-8"), "utf-8")
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute("SELECT pg_reload_conf()")
        while not self._asks(role):
            pass

    def _asks(self, role: str) -> bool:
        """Whether the server has read its rules anew."""
        try:
            psycopg.connect(self._address("postgres").replace("posthouse@", f"{role}@")).close()
        except psycopg.OperationalError:
            return True
        return False

    def log(self) -> str:
        return (self._folder / "log").read_text("utf-8", "replace")

    # -- helpers

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _run(self, name: str, *words: str) -> None:
        program = shutil.which(name, path=PROGRAMS) or name
        done = subprocess.run([program, *words], cwd="/", capture_output=True, text=True, check=False, **self._as)
        assert done.returncode == 0, done.stdout + done.stderr

    def _clear(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise AssertionError("no unprivileged user is there that could run PostgreSQL")


def _children(pid: int) -> list[int]:
    words = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return [int(word) for word in words]

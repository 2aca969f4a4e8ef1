"""What others can see of a running daemon: its log, command lines, environments, answers. No secret is in it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from house import Daemon
from house_postgres import Postgres
from house_process import session
from house_sink import Sink

pytestmark = [pytest.mark.e2e, pytest.mark.peer("postgresql")]

DATABASE, RELAY = "hunter2-database", "hunter2-relay"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Daemon]:
    """One that was given the password to its database as systemd gives it, and one to a next hop in a file."""
    folder = tmp_path_factory.mktemp("kept")
    given = folder / "credentials"
    given.mkdir(mode=0o700)
    for path, secret in ((given / "database", DATABASE), (folder / "relay", RELAY)):
        path.write_text(f"{secret}\n")
        path.chmod(0o400)
    settings = {
        "database": {"url": str(postgres.empty("kept")), "secret": "credential:database"},
        "routing": {"hops": {"relay.example": {"user": "shop", "secret": str(folder / "relay")}}},
    }
    with Sink(folder) as sink:
        daemon = Daemon(folder, next_hop=sink.address, environment={"CREDENTIALS_DIRECTORY": str(given)})
        daemon.configure({"routing": {"transport": {"relay.example": "relay.example"}}})
        daemon.configure(settings)
        with daemon:
            daemon.submit("ann@example.org")
            yield daemon


def test_no_secret_is_in_what_others_can_see(daemon: Daemon) -> None:
    key = (daemon.state / "secret").read_bytes().hex()
    with pytest.raises(Exception):  # noqa: B017 - an answer is all that matters here
        daemon.act("no-such-act", password=DATABASE)
    seen = [daemon.log_tail(), repr(daemon.log.so_far()), repr(daemon.notes), repr(daemon.overview())]
    for each in session(daemon.pid):
        with contextlib.suppress(OSError):  # it ended meanwhile
            for name in ("cmdline", "environ", "comm"):
                seen.append(Path(f"/proc/{each}/{name}").read_text("utf-8", "replace"))
    for words in (("doctor", "--json"), ("queue", "--json"), ("alert", "--json")):
        done = daemon.command(*words)
        seen += [done.stdout, done.stderr]
    assert [secret for secret in (DATABASE, RELAY, key) for text in seen if secret in text] == []


def held(process: int) -> list[str]:
    """What a process holds beside its standard streams; nothing where it closed some of it meanwhile."""
    try:
        return [os.readlink(each) for each in Path(f"/proc/{process}/fd").iterdir() if int(each.name) > 2]
    except FileNotFoundError:
        return []


def test_a_keeper_holds_its_line_and_nothing_else(daemon: Daemon) -> None:
    keepers = daemon.processes()["keeper"]
    assert len(keepers) == len(daemon.carriers())
    for keeper in keepers:
        # Its first act is to close what it was forked with.
        [line] = daemon.until(lambda keeper=keeper: len(found := held(keeper)) == 1 and found)  # type: ignore[misc]
        assert line.startswith("socket:")

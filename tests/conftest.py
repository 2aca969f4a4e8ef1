"""What all tests share: real peers that only a system package brings, and the two back ends of the store.

A test that asks for `place` or `places` runs twice: on SQLite, and on a PostgreSQL server that is the tests' own. What
both must do stands in one test; `pytest -k "sqlite or postgresql"` is the whole conformance suite.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from house_postgres import Postgres

# No test depends on how fast the machine is just now, nor on luck: a change is judged by the same examples each time.
# `pytest --hypothesis-profile=chance` looks for others.
settings.register_profile("chance", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("posthouse", settings.get_profile("chance"), derandomize=True)
settings.load_profile("posthouse")

Place = Path | str  # a folder for an SQLite file, or the address of a PostgreSQL database

PEERS = {  # a peer: the programs that it is, and the command that brings them
    "postfix": (("postfix", "postconf"), "apt-get install postfix"),
    "swaks": (("swaks",), "apt-get install swaks libnet-ssleay-perl"),
    "opendkim": (("opendkim", "opendkim-testmsg"), "apt-get install opendkim opendkim-tools"),
    "exim": (("exim4",), "tests/support/fetch_exim.sh"),
    "chromium": (("chromium",), "apt-get install chromium"),
    "postgresql": (("postgres", "initdb"), "apt-get install postgresql"),
    "systemd": (("systemd-analyze",), "apt-get install systemd"),
    "groff": (("groff",), "apt-get install groff-base"),
    "promtool": (("promtool",), "apt-get install prometheus"),
}
EXIM = Path(__file__).parents[1] / "build" / "exim" / "usr" / "sbin"
SYSTEM_PATH = ":".join(
    (os.environ.get("PATH", os.defpath), "/usr/sbin:/sbin", str(EXIM), *glob("/usr/lib/postgresql/*/bin"))
)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """`@pytest.mark.peer("postfix")`: skip where the peer is not installed; fail where POSTHOUSE_REQUIRE_PEERS is
    set."""
    for mark in item.iter_markers("peer"):
        programs, command = PEERS[mark.args[0]]
        if all(shutil.which(each, path=SYSTEM_PATH) for each in programs):
            continue
        words = f"{mark.args[0]} is not installed: {command}"
        if os.environ.get("POSTHOUSE_REQUIRE_PEERS"):
            pytest.fail(words, pytrace=False)
        pytest.skip(words)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than processors: what waits for a disk, a clock or a peer leaves its processor to another."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.fixture(scope="session", autouse=True)
def _stores_are_patient() -> None:
    """No store of a test's own process tells anybody to come again because that, or a disk, stood still for ten seconds."""
    from engine.store import groups

    groups.BUSY_SECONDS = 600.0


@pytest.fixture(scope="session")
def postgres() -> Iterator["Postgres"]:
    """A PostgreSQL server for the whole run. Who waits there for a process that stands still waits on."""
    from house_postgres import Postgres

    from engine.store import postgres_tx

    postgres_tx._SETTINGS |= {"lock_timeout": "10min", "idle_in_transaction_session_timeout": "10min"}
    with Postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.peer("postgresql"))])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Place]:
    """Makes places for databases, each of them empty and its own."""
    made = 0

    def new_folder() -> Place:
        nonlocal made
        made += 1
        (tmp_path / f"place-{made}").mkdir()
        return tmp_path / f"place-{made}"

    def new_database() -> Place:
        nonlocal made
        made += 1
        server: Postgres = request.getfixturevalue("postgres")
        return server.empty(f"place_{made}")

    return new_folder if request.param == "sqlite" else new_database


@pytest.fixture
def place(places: Callable[[], Place]) -> Place:
    """A place for a database."""
    return places()


@pytest.fixture
def patient_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks a name server waits a minute for it; who asks 127.0.0.250, where none is, finds that out at once."""
    import dns.asyncquery

    from engine.doctor import asking
    from mta.routing import authority

    ask = dns.asyncquery.udp_with_fallback

    def asked(query: Any, where: str, timeout: float, **more: Any) -> Any:
        return ask(query, where, timeout=0.1 if where == "127.0.0.250" else timeout, **more)

    monkeypatch.setattr(dns.asyncquery, "udp_with_fallback", asked)
    for module in (asking, authority):
        monkeypatch.setattr(module, "DEADLINE", 60.0)

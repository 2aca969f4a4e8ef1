"""The daemon under its unit's sandbox: what the kernel would refuse a service, it refuses here, and nothing is missing."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from house_lab import WRITER, LabTown, lab_town
from house_sandbox import allowed, within

from engine.control.client import Control
from engine.control.protocol.flows import Trial

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.peer("systemd"),
]

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "systemd" / "posthouse.service"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabTown]:
    with lab_town(tmp_path_factory.mktemp("sandbox"), within=within(UNIT)) as town:
        yield town
        assert town.daemon.audit().balances
        troubles = [line for line in town.daemon.log.so_far() if line["level"] in ("error", "warning")]
        assert [line for line in troubles if line["what"] != "a rule turned red"] == []  # there is no key to sign with


def tried(code: str) -> str:
    """What Python says in the sandbox."""
    done = subprocess.run((*within(UNIT), sys.executable, "-c", code), capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import ctypes; c = ctypes.CDLL(None, use_errno=True); c.mount(b'a', b'/', b'tmpfs', 0, None);"
         " print('errno', ctypes.get_errno())", "errno 1"),
        ("import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", "PermissionError"),
        ("import mmap; mmap.mmap(-1, 4096, prot=7)", "PermissionError"),
        ("import os; os.setuid(12345)", "PermissionError"),
        ("import os; os.chown('/', 1, 1)", "PermissionError"),
        ("import socket; socket.create_server(('127.0.0.1', 0)); print('served')", "served"),
    ],
    ids=["mount", "netlink", "write and run", "another user", "another's file", "a door"],
)  # fmt: skip
def test_the_sandbox_of_these_tests_is_one(code: str, says: str) -> None:
    assert says in tried(code)


def test_it_leaves_out_what_a_service_has_no_business_with() -> None:
    left = allowed(UNIT)
    assert left.isdisjoint({"mount", "ptrace", "reboot", "init_module", "bpf", "setuid", "chroot", "swapon"})
    assert {"sched_setaffinity", "nice", "sendfile", "fsync", "clone", "prlimit64"} <= left


def test_mail_goes_out_and_carriers_have_not_died_of_it(town: LabTown) -> None:
    number = town.submit("ann@shop.lab")
    town.daemon.until(lambda: town.daemon.state_of(number) == "delivered")
    assert not town.daemon.log.so_far("carrier died, another takes its place")


def test_a_bounce_that_comes_later_is_read_by_the_parser(town: LabTown) -> None:
    town.submit("later-bounce.box@shop.lab")
    town.daemon.until(lambda: town.is_suppressed("later-bounce.box@shop.lab"))
    assert town.mail_for(WRITER)


def test_a_simulation_is_played_beside_it(town: LabTown) -> None:
    source = (ROOT / "templates" / "flows" / "order-thanks.yaml").read_text("utf-8")
    done = town.daemon.act("flows/trial", source=source, file="order-thanks.yaml", since="1d")
    control = Control(town.daemon.state / "control.sock")
    path = f"/v1/flow-trials/{done.facts['id']}"
    ended = town.daemon.until(lambda: (found := control.get(Trial, path)).state != "running" and found)
    assert (ended.state, ended.trouble) == ("done", "")


def test_a_reload_and_a_backup_work_there(town: LabTown, tmp_path: Path) -> None:
    town.daemon.signal(signal.SIGHUP)
    assert town.daemon.logged("reloaded")
    code = "import sys; from engine.commands import run; raise SystemExit(run(sys.argv[1:]))"
    words = ("backup", "make", "--into", str(tmp_path), "--config", str(town.daemon.config_path))
    unit = ROOT / "systemd" / "posthouse-backup.service"
    done = subprocess.run((*within(unit), sys.executable, "-c", code, *words), capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr

"""The units: what they name exists, descriptors have the names that the daemon looks for, and the sandbox holds its score.

systemd-analyze judges where it is installed (Debian's package systemd).
"""

import configparser
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from engine import sockets
from engine.config import Config
from engine.control.place import SYSTEM_CONFIG, SYSTEM_SOCKET
from mta.inbound.settings import parse_endpoint

FOLDER = Path(__file__).resolve().parents[1] / "systemd"
SOCKETS = sorted(FOLDER.glob("*.socket"))
SERVICE = FOLDER / "posthouse.service"
SERVICES = sorted(FOLDER.glob("*.service"))
TIMERS = sorted(FOLDER.glob("*.timer"))
MOST = 15  # tenths: the exposure that systemd-analyze may find

needs_analyze = pytest.mark.peer("systemd")


class Unit(configparser.RawConfigParser):
    """A unit file. A key that stands there twice has both values, one a line."""

    def __init__(self, path: Path) -> None:
        super().__init__(strict=False, delimiters=("=",), comment_prefixes=("#",), dict_type=_Collecting)
        self.optionxform = str  # type: ignore[assignment,method-assign]
        self.read(path, encoding="utf-8")


class _Collecting(dict):  # type: ignore[type-arg]
    """configparser hands each value over as a list of lines: a second one for the same key is added."""

    def __setitem__(self, key: object, value: object) -> None:
        if isinstance(value, list) and isinstance(self.get(key), list):
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units with programs that are there, since /opt/posthouse is not on this machine."""
    for file in (*SERVICES, *SOCKETS, *TIMERS):
        program = shutil.which("true") or sys.executable
        text = re.sub("/opt/posthouse/bin/posthoused?", program, file.read_text("utf-8"))
        (tmp_path / file.name).write_text(text, encoding="utf-8")
    return tmp_path


# -- what they say


def test_there_is_a_socket_for_each_door() -> None:
    doors = re.findall(
        r'(?:_at\(|given.get\()"([a-z-]+)"', (FOLDER.parent / "engine" / "listening.py").read_text("utf-8")
    )
    assert {Unit(file)["Socket"]["FileDescriptorName"] for file in SOCKETS} == set(doors) - {"metrics"}  # for loopback


@pytest.mark.parametrize("file", SOCKETS, ids=lambda file: file.stem)
def test_a_descriptor_bears_the_name_that_the_daemon_looks_for(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = Unit(file)["Socket"]["FileDescriptorName"]
    assert file.stem in (f"posthouse-{name}", f"posthouse-{name}-public")
    listening = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setattr(sockets, "_FIRST_FD", listening.fileno())
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_FDNAMES", name)
    monkeypatch.delenv("LISTEN_PID", raising=False)
    found = sockets.handed_over()
    listening.detach()
    for each in found.pop(name):
        each.close()
    assert found == {}


@pytest.mark.parametrize("file", SOCKETS, ids=lambda file: file.stem)
def test_a_socket_starts_the_service_and_takes_what_the_daemon_would(file: Path) -> None:
    unit = Unit(file)["Socket"]
    assert unit["Service"] == SERVICE.name
    if not unit["ListenStream"].startswith("/"):
        assert int(unit["Backlog"]) == sockets.BACKLOG


@pytest.mark.parametrize("file", SOCKETS, ids=lambda file: file.stem)
def test_a_start_by_hand_opens_the_enabled_doors_again_that_systemd_gave_up_on(file: Path) -> None:
    assert Unit(file)["Install"]["WantedBy"].split() == ["sockets.target", SERVICE.name]


def test_a_wrong_configuration_is_told_by_the_daemon_itself_which_is_not_started_again() -> None:
    unit = Unit(SERVICE)["Service"]
    assert "ExecStartPre" not in unit  # RestartPreventExitStatus is about the main process alone
    assert unit["RestartPreventExitStatus"] == "2"


def test_the_doors_are_where_the_configuration_has_them() -> None:
    settings = Config(hostname="mail.shop.example")
    for door, listen in (("submission", settings.submission.listen), ("web", settings.web.listen)):
        streams = Unit(FOLDER / f"posthouse-{door}.socket")["Socket"]["ListenStream"].split()
        assert set(listen) <= set(streams)
        assert all(parse_endpoint(each) for each in streams)


def test_the_control_socket_is_where_commands_look_and_for_operators_only() -> None:
    unit = Unit(FOLDER / "posthouse-control.socket")["Socket"]
    assert unit["ListenStream"] == str(SYSTEM_SOCKET)
    assert unit["RemoveOnStop"] == "yes"  # a path that leads nowhere says that it is there
    assert (unit["SocketMode"], unit["SocketGroup"]) == ("0660", "posthouse")
    folder = (FOLDER / "tmpfiles.d" / "posthouse.conf").read_text("utf-8")
    assert re.search(rf"^d {SYSTEM_SOCKET.parent} 0750 root posthouse -$", folder, re.MULTILINE)


def test_the_service_runs_the_daemon_as_its_own_user() -> None:
    unit = Unit(SERVICE)["Service"]
    project = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text("utf-8"))
    program, command, *_ = unit["ExecStart"].split()
    assert Path(program).name in project["project"]["scripts"]
    assert command == "serve"
    assert unit["ExecStart"].endswith(f"--config {SYSTEM_CONFIG}")
    assert unit["User"] == unit["Group"] == "posthouse"
    assert re.search(r"^u posthouse ", (FOLDER / "sysusers.d" / "posthouse.conf").read_text("utf-8"), re.MULTILINE)
    assert unit["StateDirectory"] == Config(hostname="a.example").daemon.state_dir.name


@pytest.mark.parametrize("timer", TIMERS, ids=lambda file: file.stem)
def test_a_timer_starts_a_command_that_there_is(timer: Path) -> None:
    unit = Unit(timer.with_suffix(".service"))["Service"]
    program, command, *words = unit["ExecStart"].split()
    assert Path(program).name == "posthouse"
    module = import_module(f"engine.commands.{command}")
    assert words[0] in {each.name or each.callback.__name__ for each in module.app.registered_commands}
    assert words[-2:] == ["--config", str(SYSTEM_CONFIG)]
    assert unit["User"] == unit["Group"] == "posthouse"


def test_a_stop_is_given_more_time_than_the_daemon_takes() -> None:
    from engine.crew import LATE_SECONDS

    drain = Config(hostname="a.example").daemon.drain
    assert int(Unit(SERVICE)["Service"]["TimeoutStopSec"]) > drain + LATE_SECONDS + 10  # and the rest of it


def test_the_watchdog_is_slower_than_the_daemon_feeds_it() -> None:
    from engine.upkeep import WATCH_SECONDS

    unit = Unit(SERVICE)["Service"]
    assert unit["Type"] == "notify"
    assert int(unit["WatchdogSec"]) >= 3 * WATCH_SECONDS


def test_what_the_daemon_reads_is_not_hidden_from_it() -> None:
    unit = Unit(SERVICE)["Service"]
    assert "ProcSubset" not in unit  # engine.system.boot_id
    assert "PrivateUsers" not in unit  # engine.control.server asks the kernel who an operator is
    assert "AF_UNIX" in unit["RestrictAddressFamilies"].split()


# -- what systemd says


@needs_analyze
def test_systemd_finds_nothing_wrong(installed: Path) -> None:
    files = [str(file) for file in sorted(installed.iterdir())]
    done = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "posthouse" in line]
    assert ours == []


@needs_analyze
@pytest.mark.parametrize("service", SERVICES, ids=lambda file: file.stem)
def test_the_sandbox_holds_its_score(installed: Path, service: Path) -> None:
    words = ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST}", str(installed / service.name)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if "unrecognized option" in done.stderr or "Unknown" in done.stderr:
        pytest.skip("this systemd-analyze can't judge offline")
    assert done.returncode == 0, done.stdout.splitlines()[-1]


@pytest.mark.parametrize("path", [*SERVICES, *SOCKETS, *TIMERS], ids=lambda path: path.name)
def test_no_unit_sets_twice_what_only_the_last_one_decides(path: Path) -> None:
    once = (
        "MemoryHigh",
        "MemoryMax",
        "TasksMax",
        "User",
        "Group",
        "UMask",
        "Type",
        "Restart",
        "WatchdogSec",
        "KillMode",
    )
    names = [line.partition("=")[0] for line in path.read_text("utf-8").splitlines()]
    assert [name for name in once if names.count(name) > 1] == []

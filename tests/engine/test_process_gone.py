"""Whether a process has ended: only who is counted by the same PID namespace of the same boot can tell."""

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.system import boot_id, is_gone, own_process

ROOT = Path(__file__).parents[2]
TELL = "from engine.system import own_process; print(own_process(), flush=True); input()"


@pytest.fixture
def other() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process, and what it says it is."""
    process = subprocess.Popen(
        [sys.executable, "-c", TELL], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    yield process, process.stdout.readline().strip()
    process.kill()
    process.communicate()


def test_one_that_runs_is_not_gone(other: tuple[subprocess.Popen[str], str]) -> None:
    _, name = other
    assert not is_gone(name) and not is_gone(own_process())
    assert name.split()[:2] == own_process().split()[:2] and name != own_process()


def test_one_that_was_killed_is_gone_before_and_after_it_is_buried(other: tuple[subprocess.Popen[str], str]) -> None:
    process, name = other
    handle = os.pidfd_open(process.pid)
    process.kill()
    select.select([handle], [], [])  # it ended, and waits for its parent
    os.close(handle)
    assert is_gone(name)
    process.wait()
    assert is_gone(name)


def test_another_process_with_its_number_is_not_it() -> None:
    counted, pid, started = own_process().rsplit(" ", 2)
    assert is_gone(f"{counted} {pid} {int(started) - 1}")


@pytest.mark.parametrize("name", ["", "x", "1 2", "a b c d", "a b -1 d"])
def test_of_what_is_no_process_nothing_is_known(name: str) -> None:
    assert not is_gone(name)


def test_who_is_counted_elsewhere_may_live() -> None:
    _, namespace, pid, _ = own_process().split()
    assert not is_gone(f"another-boot {namespace} {pid} 1")
    assert not is_gone(f"{boot_id()} pid:[1] {pid} 1")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a PID namespace")
def test_in_another_pid_namespace_nobody_here_is_known_to_be_gone(other: tuple[subprocess.Popen[str], str]) -> None:
    process, name = other
    process.kill()
    process.wait()
    ask = f"from engine.system import is_gone, own_process; print(is_gone({name!r}), repr(own_process()))"
    for how in (["--mount-proc"], []):  # with a /proc of its own, and with one that counts for another namespace
        asked = subprocess.run(
            ["unshare", "--pid", "--fork", "--propagation", "unchanged", *how, sys.executable, "-c", ask],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if asked.returncode != 0 and "unshare" in asked.stderr:
            pytest.skip(asked.stderr)
        told, own = asked.stdout.split(" ", 1)
        assert told == "False"
        assert (own.strip() == "''") == (not how)

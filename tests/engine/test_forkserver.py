"""The fork server: it makes carriers, tells of their deaths, and takes nobody with it that should stay."""

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from house_process import free_port, wait_ended

from engine.forkserver import Exit, ForkServer

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0


def carrier(order: dict[str, Any], link: socket.socket, to_keeper: socket.socket) -> int:
    """Does what its order says."""
    match order["do"]:
        case "say":
            link.sendall(f"{order['words']} {os.getpid()}".encode())
            link.recv(1)  # until the other end closes
            return int(order.get("code", 0))
        case "ask the keeper":
            to_keeper.sendall(b"are you there?")
            link.sendall(to_keeper.recv(100))
        case "list descriptors":
            link.sendall(" ".join(sorted(os.listdir("/proc/self/fd"), key=int)).encode())
        case "signals":
            told = [signal.getsignal(each) == signal.SIG_DFL for each in (signal.SIGTERM, signal.SIGCHLD)]
            link.sendall(repr(told).encode())
        case "raise":
            raise RuntimeError("a carrier's fault")
    return 0


def keeper(from_carrier: socket.socket) -> None:
    while from_carrier.recv(100):
        from_carrier.sendall(b"yes")


@pytest.fixture
def server() -> Iterator[ForkServer]:
    made = ForkServer(carrier, keeper)
    yield made
    made.close()
    assert not wait_ended([made.pid], PATIENCE), "it outlives its front office"
    os.waitpid(made.pid, 0)


def spawn(server: ForkServer, do: str, **more: Any) -> tuple[int, socket.socket]:
    pid, link = server.spawn({"do": do, **more})
    link.settimeout(PATIENCE)
    return pid, link


def deaths(server: ForkServer, count: int = 1) -> list[Exit]:
    told: list[Exit] = []
    while len(told) < count:
        assert select.select([server], [], [], PATIENCE)[0], "nobody told of a death"
        told += server.exits()
    return told


def test_a_carrier_gets_its_order_and_a_link(server: ForkServer) -> None:
    pid, link = spawn(server, "say", words="hello", code=3)
    with link:
        assert link.recv(100) == f"hello {pid}".encode()
    assert deaths(server) == [Exit(pid, 3)]


def test_an_order_may_be_as_long_as_any_configuration(server: ForkServer) -> None:
    pid, link = spawn(server, "say", words="hello", config="x" * 5_000_000)
    with link:
        assert link.recv(100) == f"hello {pid}".encode()


def test_a_carrier_has_a_keeper_of_its_own(server: ForkServer) -> None:
    _, link = spawn(server, "ask the keeper")
    with link:
        assert link.recv(100) == b"yes"


def test_a_killed_carrier_is_told_with_its_signal_and_the_others_live_on(server: ForkServer) -> None:
    links = [spawn(server, "say", words="here") for _ in range(3)]
    for _, link in links:
        link.recv(100)
    os.kill(links[1][0], signal.SIGKILL)
    assert deaths(server) == [Exit(links[1][0], -signal.SIGKILL)]
    for _, link in (links[0], links[2]):
        link.close()
    assert sorted(deaths(server, 2), key=lambda each: each.pid) == sorted(
        [Exit(links[0][0], 0), Exit(links[2][0], 0)], key=lambda each: each.pid
    )


def test_many_deaths_at_once_are_all_told(server: ForkServer) -> None:
    links = [spawn(server, "say", words="x") for _ in range(30)]
    for pid, _ in links:
        os.kill(pid, signal.SIGKILL)
    assert {each.pid for each in deaths(server, 30)} == {pid for pid, _ in links}
    for _, link in links:
        link.close()


def test_a_carrier_that_raises_ends_with_1(server: ForkServer) -> None:
    pid, link = spawn(server, "raise")
    link.close()
    assert deaths(server) == [Exit(pid, 1)]


def test_a_carrier_inherits_no_other_carriers_link_and_answers_signals_by_itself(server: ForkServer) -> None:
    _, one = spawn(server, "list descriptors")
    mine = one.recv(1000).split()
    others = [spawn(server, "say", words="x")[1] for _ in range(5)]
    _, two = spawn(server, "list descriptors")
    assert len(two.recv(1000).split()) == len(mine), "descriptors leak from one carrier to the next"
    _, three = spawn(server, "signals")
    assert three.recv(100) == b"[True, True]"
    for each in (one, two, three, *others):
        each.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_signals_to_the_whole_group_do_not_end_it(server: ForkServer, number: signal.Signals) -> None:
    """A terminal's ctrl-c and systemd's SIGTERM reach every process: the front office decides."""
    spawn(server, "say", words="it has begun")[1].close()
    os.kill(server.pid, number)
    pid, link = spawn(server, "say", words="still here")
    with link:
        assert link.recv(100) == f"still here {pid}".encode()


def test_when_it_is_gone_the_front_office_knows(server: ForkServer) -> None:
    os.kill(server.pid, signal.SIGKILL)
    assert select.select([server], [], [], PATIENCE)[0]
    with pytest.raises(OSError, match="the fork server is gone"):
        server.exits()
    with pytest.raises(OSError):
        server.spawn({"do": "say", "words": "x"})


def test_it_ends_when_there_is_nobody_left_to_be_told_of_a_death(server: ForkServer) -> None:
    pid, link = spawn(server, "say", words="x")
    server._exits.close()  # as a front office that is killed meanwhile
    os.kill(pid, signal.SIGKILL)
    assert not wait_ended([server.pid], PATIENCE)
    link.close()


def test_it_and_its_keepers_end_with_a_front_office_that_was_killed(tmp_path: Path) -> None:
    """Carriers see their link close and end in their own time; here they do it at once."""
    office = subprocess.Popen([sys.executable, "-c", _OFFICE], cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True)
    assert office.stdout is not None
    pids = [int(each) for each in office.stdout.readline().split()]
    office.kill()
    office.wait()
    office.stdout.close()
    assert wait_ended(pids, PATIENCE) == set()


_OFFICE = """
import os
from engine.forkserver import ForkServer

def carrier(order, link, to_keeper):
    link.sendall(str(os.getppid()).encode())
    link.recv(1)
    return 0

def keeper(from_carrier):
    while from_carrier.recv(1):
        pass

server = ForkServer(carrier, keeper)
made = [server.spawn({}) for _ in range(2)]
for _, link in made:
    link.recv(10)
print(server.pid, *(pid for pid, _ in made), flush=True)
made[0][1].recv(1)
"""


def test_a_carrier_that_outlives_the_front_office_does_not_hold_the_sockets_that_it_never_served() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as pages:  # which nobody else takes meanwhile
        made, address = ForkServer(carrier, keeper, [pages]), pages.getsockname()
        _, link = spawn(made, "say", words="alive as")
        assert link.recv(100).startswith(b"alive as")
    with socket.create_server(address):  # "Address already in use" where the carrier held it
        pass
    link.close()
    made.close()
    os.waitpid(made.pid, 0)

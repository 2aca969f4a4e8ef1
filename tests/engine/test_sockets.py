"""Unix sockets: what nobody has is replaced, what anybody has is left to them."""

import socket
from pathlib import Path

import pytest

from engine.sockets import CannotListen, handed_over, listen_unix

KINDS = {"datagram": socket.SOCK_DGRAM, "packets": socket.SOCK_SEQPACKET, "stream": socket.SOCK_STREAM}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_socket_that_anybody_has_is_left_to_them_at_once_and_named(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX, KINDS[kind]) as theirs:
        theirs.bind(str(path))
        if kind != "datagram":
            theirs.listen()
        before = path.stat().st_ino
        with pytest.raises(CannotListen, match=rf"control.socket: a program serves {path}"):
            listen_unix(path)
        assert path.stat().st_ino == before


def test_one_who_has_no_room_for_another_caller_is_there_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as theirs, socket.socket(socket.AF_UNIX) as caller:
        theirs.bind(str(path))
        theirs.listen(0)
        caller.connect(str(path))
        with pytest.raises(CannotListen, match="a program serves"):
            listen_unix(path)


def test_a_socket_that_nobody_has_any_more_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path))
    listen_unix(path).close()


@pytest.mark.parametrize("count", ["-1", "9" * 5000, "abc", "\u0663"])
def test_a_supervisor_that_says_no_number_is_told_so(count: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_FDS", count)
    monkeypatch.delenv("LISTEN_PID", raising=False)
    with pytest.raises(CannotListen, match="is no number of sockets"):
        handed_over()

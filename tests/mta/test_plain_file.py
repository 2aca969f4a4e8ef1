"""Where a file is expected, a pipe, a device, a socket or a folder is refused in words, at once."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from mta.plain_file import open_plain, read_plain, read_text


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def make_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (os.mkfifo, "a pipe is no file"),
        (os.mkdir, "Is a directory"),
        (make_device, "a device is no file"),
        (make_socket, "No such device"),
    ],
)
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, make: Callable[[Path], None], said: str) -> None:
    path = tmp_path / "named"
    make(path)
    with pytest.raises(OSError, match=said) as refused:
        open_plain(path)
    assert str(refused.value.filename) == str(path)


def test_a_file_is_read_by_whatever_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"one\r\ntwo\n")
    (tmp_path / "link").symlink_to("file")
    assert read_plain(tmp_path / "link") == b"one\r\ntwo\n"
    assert read_plain(tmp_path / "link", 3) == b"one"
    assert read_text(tmp_path / "link") == "one\ntwo\n"


def test_what_a_shell_hands_over_is_read() -> None:
    """As in `posthouse flow check <(generate)`."""
    near, far = os.pipe()
    os.write(far, b"name: f\n")
    os.close(far)
    assert read_text(Path(f"/dev/fd/{near}")) == "name: f\n"
    os.close(near)

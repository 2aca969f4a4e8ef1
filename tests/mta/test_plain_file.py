"""Where a file is expected, a pipe, a device, a socket or a folder is refused in words, at once."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from mta.plain_file import open_anew, open_plain, read_plain, read_text, why, write_plain


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
        (make_socket, "a socket is no file"),
    ],
)
@pytest.mark.parametrize("open_it", [open_plain, open_anew])
def test_what_is_no_file_is_refused_at_once(
    tmp_path: Path, make: Callable[[Path], None], said: str, open_it: Callable[[Path], object]
) -> None:
    path = tmp_path / "named"
    make(path)
    with pytest.raises(OSError, match=said) as refused:
        open_it(path)
    assert str(refused.value.filename) == str(path)
    assert why(refused.value) == refused.value.strerror


def test_a_pipe_that_somebody_reads_is_no_file_either(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(OSError, match="a pipe is no file"):
        write_plain(tmp_path / "pipe", b"one")
    os.close(reader)


def test_a_file_is_written_anew_and_what_a_shell_hands_over_is_written_on(tmp_path: Path) -> None:
    for octets in (b"the first", b"next"):
        write_plain(tmp_path / "file", octets)
        assert (tmp_path / "file").read_bytes() == octets
    near, far = os.pipe()
    write_plain(Path(f"/dev/fd/{far}"), b"piped")
    assert os.read(near, 10) == b"piped"
    os.close(near)
    os.close(far)


def test_a_file_is_read_by_whatever_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"one\r\ntwo\n")
    (tmp_path / "link").symlink_to("file")
    assert read_plain(tmp_path / "link") == b"one\r\ntwo\n"
    assert read_plain(tmp_path / "link", 3) == b"one"
    assert read_text(tmp_path / "link") == "one\ntwo\n"


def test_what_is_no_text_is_told_by_its_octet(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"caf\xe9")
    with pytest.raises(UnicodeDecodeError) as refused:
        read_text(tmp_path / "file")
    assert why(refused.value) == "octet 0xe9 is no UTF-8 (save the file as UTF-8)"


def test_what_a_shell_hands_over_is_read() -> None:
    """As in `posthouse flow check <(generate)`."""
    near, far = os.pipe()
    os.write(far, b"name: f\n")
    os.close(far)
    assert read_text(Path(f"/dev/fd/{near}")) == "name: f\n"
    os.close(near)

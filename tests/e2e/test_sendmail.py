"""`posthouse sendmail` against a real daemon, up or down: the mail is safe when it says so, and comes once."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from house import Daemon
from house_sink import Sink

from engine import spool
from engine.spool import Envelope

pytestmark = pytest.mark.e2e

KEY = "00112233445566778899aabbccddeeff"
CODE = str(Path(spool.__file__).resolve().parents[1])


def sendmail(daemon: Daemon, text: str | bytes, *words: str) -> subprocess.CompletedProcess[bytes]:
    content = text.encode() if isinstance(text, str) else text
    environment = os.environ | {"PYTHONPATH": CODE, "POSTHOUSE_CONFIG": str(daemon.config_path), "LOGNAME": "tester"}
    return subprocess.run(
        [sys.executable, "-m", "engine.commands.sendmail", *words], input=content, env=environment, capture_output=True,
        timeout=60, check=False, cwd=daemon.folder,
    )  # fmt: skip


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Not started yet; all its mail goes to a sink."""
    with Sink(tmp_path) as sink:
        made = Daemon(tmp_path, next_hop=sink.address)
        yield made
        made.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One for all tests that leave it as they found it."""
    folder = tmp_path_factory.mktemp("running")
    with Sink(folder) as sink, Daemon(folder, next_hop=sink.address) as daemon:
        yield daemon


def messages(daemon: Daemon) -> list[tuple[str, str, str]]:
    return daemon.rows(
        "SELECT m.reverse_path, d.forward_path, m.subject FROM message m JOIN delivery d ON d.message_id = m.id ORDER BY 2"
    )


def test_the_daemon_takes_it_at_once(daemon: Daemon) -> None:
    with daemon:
        done = sendmail(
            daemon, "To: Ann <ann@example.org>, bob@example.org\nBcc: cat@example.org\nSubject: Hello\n\n.\nline\n",
            "-t", "-i", "-f", "shop@shop.example", "-F", "The Shop",
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, b"")
        assert messages(daemon) == [
            ("shop@shop.example", f"{name}@example.org", "Hello") for name in ("ann", "bob", "cat")
        ]
        [(content,)] = daemon.rows("SELECT content FROM body")
        head, body = content.split(b"\r\n\r\n", 1)
        assert body == b".\r\nline\r\n"
        assert b"Bcc" not in head and b"From: The Shop <shop@shop.example>\r\n" in head
        assert f"(local user {os.getuid()})".encode() in head and b"with LMTP;" in head


def test_what_was_left_while_the_daemon_was_down_is_picked_up_once(daemon: Daemon) -> None:
    with daemon:
        pass
    for number in range(3):
        done = sendmail(daemon, f"Subject: n{number}\n\nHello\n", "-oi", "-fshop@shop.example", "ann@example.org")
        assert (done.returncode, done.stderr) == (0, b"")
    assert len(list((daemon.state / "spool").iterdir())) == 3
    with daemon:
        daemon.until(lambda: not list((daemon.state / "spool").iterdir()))
        assert sorted(row[2] for row in messages(daemon)) == ["n0", "n1", "n2"]
        daemon.until(lambda: daemon.rows("SELECT count(*) FROM spooled") == [(0,)])
        daemon.until_idle()


def test_a_file_whose_message_is_known_is_removed_and_nothing_else(daemon: Daemon) -> None:
    """As a crash between the commit and the removal leaves it; or a client whose answer was lost."""
    with daemon:
        text = "Subject: once\n\nHello\n"
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(daemon.state / "lmtp.sock"))
            lines = f"LHLO a\r\nMAIL FROM:<> XPOSTHOUSEKEY={KEY}\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n{text}\r\n.\r\nQUIT\r\n"
            client.sendall(lines.encode())
            while client.recv(4096):
                pass
        spool.write(daemon.state / "spool", KEY, Envelope("", ["ann@example.org"]), text.replace("\n", "\r\n").encode())
        daemon.until(lambda: not list((daemon.state / "spool").iterdir()))
        assert len(messages(daemon)) == 1


def test_a_kill_while_it_picks_up_neither_loses_nor_doubles(daemon: Daemon) -> None:
    with daemon:
        pass
    for number in range(60):
        content = f"Subject: n{number:02}\r\n\r\nHello\r\n".encode()
        spool.write(daemon.state / "spool", f"{number:032x}", Envelope("", ["ann@example.org"]), content)
    daemon.start()
    daemon.until(lambda: len(messages(daemon)) >= 5)
    daemon.kill_all()
    daemon.start()
    daemon.until(lambda: not list((daemon.state / "spool").iterdir()))
    assert sorted(row[2] for row in messages(daemon)) == [f"n{number:02}" for number in range(60)]
    assert daemon.stop() == 0


def test_an_answer_lost_after_the_dot_leaves_the_mail_in_the_spool_under_its_key(daemon: Daemon) -> None:
    daemon.state.mkdir()
    (daemon.state / "spool").mkdir()
    said: list[bytes] = []

    def hang_up_after_the_dot(listening: socket.socket) -> None:
        client, _ = listening.accept()
        with client, client.makefile("rb") as lines:
            client.sendall(b"220 x LMTP\r\n")
            for answer in (b"250 x\r\n", b"250 x\r\n", b"250 x\r\n", b"354 x\r\n"):
                said.append(lines.readline())
                client.sendall(answer)
            while lines.readline() != b".\r\n":
                pass

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(daemon.state / "lmtp.sock"))
        listening.listen()
        thread = threading.Thread(target=hang_up_after_the_dot, args=(listening,))
        thread.start()
        done = sendmail(daemon, "Subject: x\n\nHello\n", "ann@example.org")
        thread.join()
    assert done.returncode == 0, done.stderr
    (path,) = (daemon.state / "spool").iterdir()
    assert f"XPOSTHOUSEKEY={path.stem}".encode() in said[1]
    assert spool.read(path, 1 << 20).envelope.recipients == ["ann@example.org"]


def test_without_an_lmtp_door_the_spool_does(daemon: Daemon) -> None:
    daemon.configure({"lmtp": {"socket": ""}})
    with daemon:
        assert sendmail(daemon, "Subject: no door\n\nHello\n", "ann@example.org").returncode == 0
        daemon.until(lambda: [row for row in messages(daemon) if row[2] == "no door"])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no envelope", "no envelope"),
        (b'{"sender": "", "recipients": []}\nSubject: x\r\n\r\n', "no recipient"),
        (b'{"sender": "", "recipients": ["nonsense"]}\nSubject: x\r\n\r\n', "Not an address"),
        (b'{"sender": 1, "recipients": ["ann@example.org"]}\n', "no envelope"),
        (b'{"sender": "", "recipients": [["ann@example.org"]]}\n', "no envelope"),
        (b'{"sender": "", "recipients": ["ann@example.org"], "uid": 0}\n', "no envelope"),
        (b'{"sender": "", "recipients": ["ann@example.org"]}\na\0b\r\n', "NUL"),
        (b"[" * 100_000 + b"\n", "no envelope"),
    ],
)
def test_a_bad_file_is_set_aside_and_holds_nobody_up(running: Daemon, content: bytes, why: str) -> None:
    folder, key = running.state / "spool", hashlib.sha256(content).hexdigest()
    bad = folder / f"{key[:32]}.mail"
    (running.folder / "bad").write_bytes(content)
    (running.folder / "bad").rename(bad)  # whole from the first moment: the daemon may look at any
    spool.write(folder, key[32:], Envelope("", ["ann@example.org"]), f"Subject: good {key}\r\n\r\n".encode())
    running.until(lambda: bad.with_suffix(".bad").exists())
    running.until(lambda: [row for row in messages(running) if row[2] == f"good {key}"])
    [line] = running.logged("a spool file was not taken on", file=str(bad))
    assert why in line["why"]


def test_a_link_in_the_spool_is_not_followed(daemon: Daemon) -> None:
    with daemon:
        folder = daemon.state / "spool"
        secret = daemon.folder / "secret.mail"
        secret.write_text(json.dumps({"sender": "", "recipients": ["ann@example.org"]}) + "\nsecret")
        (folder / f"{'1' * 32}.mail").symlink_to(secret)
        os.link(secret, folder / f"{'2' * 32}.mail")
        assert len(daemon.logged("a spool file was not taken on", 2)) == 2
        assert messages(daemon) == []


@pytest.mark.parametrize(
    ("words", "text", "code", "said"),
    [
        (("ann@example.org", "-x"), "", 64, b"there is no option -x"),
        (("-bs",), "", 64, b"-bs"),
        ((), "Subject: x\n\n", 64, b"no recipient"),
        (("-t",), "Subject: x\n\n", 64, b"no recipient"),
        (("-f",), "", 64, b"-f needs a value"),
        (("a b@example.org",), "Subject: x\n\n", 67, b"may not stand before the @"),
        (("ann@example.org",), "Subject: x\n\na\0b", 65, b"NUL"),
        (("-R", "some", "ann@example.org"), "", 64, b"full or hdrs"),
    ],
)
def test_what_makes_no_sense_has_its_exit_code(
    daemon: Daemon, words: tuple[str, ...], text: str, code: int, said: bytes
) -> None:
    done = sendmail(daemon, text, *words)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr


def test_where_it_can_be_kept_nowhere_it_says_so(daemon: Daemon) -> None:
    done = sendmail(daemon, "Subject: x\n\nHello\n", "ann@example.org")  # there is no state folder at all
    assert done.returncode == 73 and b"NOT taken on" in done.stderr


def test_old_habits_are_understood(daemon: Daemon) -> None:
    with daemon:
        for number, words in enumerate(
            (
                ["-oem", "-oi", "-odb", "ann@example.org"],
                ["-bm", "-Am", "-i", "--", "ann@example.org"],
                ["ann@example.org"],
            )
        ):
            assert sendmail(daemon, f"Subject: n{number}\n\nHello\n.\nnever seen\n", *words).returncode == 0
        assert sendmail(daemon, "no header, as echo writes it\n", "ann@example.org").returncode == 0
        contents = [row[0] for row in daemon.rows("SELECT content FROM body ORDER BY message_id")]
        assert [b"never seen" in content for content in contents] == [True, True, False, False]
        assert contents[3].endswith(b"\r\n\r\nno header, as echo writes it\r\n")
        assert b"From: tester@mail.shop.example\r\n" in contents[3]
        for words in (["-bi"], ["-q"], ["-q30m"]):
            assert sendmail(daemon, "", *words).returncode == 0


def test_the_socket_is_gone_after_a_stop_and_a_stale_one_is_replaced(daemon: Daemon) -> None:
    with daemon:
        assert (daemon.state / "lmtp.sock").is_socket()
        daemon.signal(signal.SIGKILL)
        daemon.kill_all()
    daemon.start()
    assert daemon.stop() == 0
    assert not (daemon.state / "lmtp.sock").exists()

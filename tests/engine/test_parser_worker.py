"""The parser worker: whatever a mail does to its reader, the answer comes in time and the next mail is read."""

import asyncio
import codecs
import ctypes
import errno
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import parser
from engine.intake.returns import read_return
from engine.intake.wants import Wants, read_mail
from engine.parser import STARVED, Parser, keep

SECONDS, LATE = 3, "took more than 3 s of work"  # for what may take for ever; on a busy machine anything may be late
LONG = 600  # for all else
NOBODY = 65534
codecs.lookup("ascii")  # before a keeper becomes somebody who may not read this Python


def endless(content: bytes) -> None:
    while True:
        pass


def memory_hoard(content: bytes) -> int:
    hoard = []
    while True:
        hoard.append(bytearray(16 * 1024 * 1024))


def recursion(content: bytes) -> Any:
    return recursion(content)


def fault(content: bytes) -> None:
    raise ValueError("the mail said \N{BELL} something odd")


def crash(content: bytes) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def reach(content: bytes) -> dict[str, Any]:
    """What a worker that was taken over would try, and what came of each."""

    def tried(deed: Callable[[], object]) -> str:
        try:
            return f"done: {deed()!r}"
        except OSError as err:
            return errno.errorcode[err.errno or 0]

    libc = ctypes.CDLL(None)
    return {
        "has landlock": libc.syscall(444, None, 0, 1) >= 1,
        "reads what is ours": tried(Path(content.decode()).read_text),
        "reads what is the system's": tried(Path("/etc/passwd").read_text),
        "may gain rights": libc.prctl(39, 0, 0, 0, 0) == 0,
        "a codec that nobody asked for yet": b"\xa4".decode("iso8859-15"),
    }


def ending(content: bytes) -> None:
    os._exit(0)


def file_writer(content: bytes) -> int:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with os.fdopen(os.memfd_create("file"), "wb") as file:
        file.write(content)
        file.flush()
        return 1


def forker(content: bytes) -> int:
    children = 0
    while True:
        if os.fork() == 0:
            os._exit(0)
        children += 1


READERS: dict[str, Callable[[bytes], Any]] = {
    "size": len, "pid": lambda content: os.getpid(), "text": lambda content: content.decode(),
    "not json": lambda content: {1, 2}, "large": lambda content: "x" * 5_000_000,
    "endless": endless, "memory hoard": memory_hoard, "recursion": recursion, "fault": fault, "crash": crash,
    "ending": ending, "reach": reach, "file writer": file_writer, "forker": forker,
    "mail": lambda content: read_mail(Wants(True, (), True).request(content)), "report": read_return,
}  # fmt: skip


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, int]]:
    """The carrier's end of a line to a keeper, and the keeper's pid. The keeper is forked as a carrier's is. Its worker has
    little time where a test gives it what has no end, or stops it; who asks has always enough."""
    never_works = "never_gets" in request.node.name
    may_last = never_works or any(each in request.node.name for each in ("endless", "bomb", "no_processor"))
    monkeypatch.setattr(parser, "SECONDS", SECONDS if may_last else LONG)
    monkeypatch.setattr(parser, "SLOWEST", 1 if never_works else LONG)
    monkeypatch.setattr(parser, "WAIT_SECONDS", LONG)
    monkeypatch.setattr(parser, "MAILS", 5)
    to_keeper, from_carrier = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        try:
            to_keeper.close()
            if "forker" in request.node.name and os.geteuid() == 0:
                os.setuid(NOBODY)  # as in service: this limit does not bind root
            keep(from_carrier, READERS)
        finally:
            os._exit(0)
    from_carrier.close()
    monkeypatch.setattr(parser, "SECONDS", LONG)  # the keeper has its own
    yield to_keeper, pid
    to_keeper.close()
    os.waitpid(pid, 0)  # a keeper ends with its carrier, or this hangs


@pytest.fixture
async def reader(line: tuple[socket.socket, int]) -> Parser:
    return Parser(line[0])


async def read_at_last(reader: Parser, kind: str, content: bytes) -> Any:
    """What is read of it. Where little time is given a worker may be late, and is replaced."""
    async with asyncio.timeout(60):
        while "read" not in (answer := await reader.read(kind, content)):
            assert answer in ({"unread": LATE}, {"unread": STARVED})
    return answer["read"]


async def ask_next(reader: Parser) -> None:
    """The next mail is read."""
    assert await read_at_last(reader, "size", b"next") == 4


async def test_a_mail_is_read(reader: Parser) -> None:
    assert await reader.read("size", b"x" * 100_000) == {"read": 100_000}
    assert await reader.read("text", "שלום".encode()) == {"read": "שלום"}


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("endless", LATE),
        ("memory hoard", "MemoryError"),
        ("recursion", "RecursionError"),
        ("fault", "ValueError: the mail said"),
        ("not json", "TypeError"),
        ("crash", f"the parser ended with {-signal.SIGSEGV}"),
        ("ending", "the parser ended with 0"),
        ("file writer", "File too large"),
        ("forker", "BlockingIOError"),
        ("text", "UnicodeDecodeError"),
        ("no such reader", ""),
    ],
)
async def test_a_mail_that_breaks_its_reader_is_unread_and_the_next_one_is_fine(
    reader: Parser, kind: str, why: str
) -> None:
    for _ in range(1 if kind == "endless" else 2):
        answer = await reader.read(kind, b"\xff\xfe hostile")
        assert list(answer) == ["unread"]
        assert why in answer["unread"]
        await ask_next(reader)
    assert not reader.is_gone


async def test_a_worker_that_gets_no_processor_is_waited_for_and_its_mail_is_read(reader: Parser) -> None:
    """Its time is what it works. Here it has little, and stands still for longer."""
    pid = await read_at_last(reader, "pid", b"")
    os.kill(pid, signal.SIGSTOP)
    asked = asyncio.ensure_future(reader.read("pid", b""))
    await asyncio.wait([asked], timeout=SECONDS + 0.5)
    os.kill(pid, signal.SIGCONT)
    assert await asked == {"read": pid}


async def test_of_a_worker_that_never_gets_any_it_is_said_that_it_waited_not_that_it_worked(reader: Parser) -> None:
    """And the same mail may be read another time: an application is not told that it is wrong."""
    pid = await read_at_last(reader, "pid", b"")
    os.kill(pid, signal.SIGSTOP)
    assert await reader.read("pid", b"") == {"unread": STARVED}
    assert STARVED in parser.TROUBLES
    await ask_next(reader)


async def test_large_answers_and_large_mails_pass_whole(reader: Parser) -> None:
    assert len((await reader.read("large", b""))["read"]) == 5_000_000
    assert await reader.read("size", b"x" * 20_000_000) == {"read": 20_000_000}
    assert await reader.read("size", b"x" * parser.LONGEST) == {"unread": "too large"}


async def test_requests_at_once_each_get_their_own_answer(reader: Parser) -> None:
    answers = await asyncio.gather(*(reader.read("size", b"x" * number) for number in range(50)))
    assert [answer["read"] for answer in answers] == list(range(50))


async def test_a_worker_is_replaced_after_so_many_mails(reader: Parser) -> None:
    pids = [(await reader.read("pid", b""))["read"] for _ in range(11)]
    assert [len(set(pids[:5])), len(set(pids[5:10])), len(set(pids))] == [1, 1, 3]


async def test_a_worker_that_dies_between_two_mails_costs_one_answer_at_most(reader: Parser) -> None:
    os.kill((await reader.read("pid", b""))["read"], signal.SIGKILL)
    answer = await reader.read("size", b"next")
    assert "unread" in answer
    assert await reader.read("size", b"next") == {"read": 4}


async def test_a_worker_can_do_nothing_but_read_and_answer(reader: Parser, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2")
    came = (await reader.read("reach", str(tmp_path / "secret").encode()))["read"]
    assert not came["may gain rights"]
    assert came["a codec that nobody asked for yet"] == "€"
    if not came["has landlock"]:
        pytest.skip("this kernel keeps no files from a process (Landlock)")
    assert (came["reads what is ours"], came["reads what is the system's"]) == ("EACCES", "EACCES")


async def test_without_a_keeper_mail_is_unread_at_once_and_the_carrier_knows(
    line: tuple[socket.socket, int], reader: Parser
) -> None:
    os.kill(line[1], signal.SIGKILL)
    assert await reader.read("size", b"x") == {"unread": "no parser"}
    assert reader.is_gone
    assert await reader.read("size", b"x") == {"unread": "no parser"}


async def test_a_caller_that_is_cancelled_does_not_leave_its_answer_to_the_next(reader: Parser) -> None:
    asking = asyncio.ensure_future(reader.read("text", b"mine"))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await reader.read("size", b"four") == {"read": 4}


BOMBS = {
    "nested multiparts": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (depth, depth) for depth in range(5000)
    ),
    "a million parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n\r\n" * 300_000,
    "a long header": b"Subject: " + b"=?utf-8?q?" + b"a" * 900_000 + b"?=\r\n\r\n",
    "deep JSON": b'Content-Type: text/html\r\n\r\n<script type="application/ld+json">' + b"[" * 400_000,
    "deep HTML": b"Content-Type: text/html\r\n\r\n"
    + b"<div>" * 400_000
    + b'<script type="application/ld+json">{}</script>',
    "many addresses": b"To: " + b"(" * 200_000 + b"\r\n\r\n",
    "nothing": b"",
    "no header end": b"x" * 1_000_000,
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("kind", ["mail", "report"])
async def test_the_real_readers_answer_any_bomb_and_go_on(reader: Parser, kind: str, name: str) -> None:
    assert set(await reader.read(kind, BOMBS[name])) < {"read", "unread"}
    await ask_next(reader)

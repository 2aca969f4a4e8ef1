"""The application in a real pseudo-terminal: what it writes, and how it leaves."""

import asyncio
import fcntl
import os
import pty
import signal
import struct
import sys
import termios
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import pytest
from canned_daemon import CannedDaemon, canned

from engine.control.stream import AT_LEAST_SECONDS

ROOT = Path(__file__).resolve().parents[2]
NEVER_CLOSES = """
import asyncio
from textual.app import App
async def for_ever(self): await asyncio.Event().wait()
App._close_messages = for_ever
"""
PATIENCE = 60.0  # seconds for a fact; a slow machine needs some


@dataclass
class Terminal:
    """The far end of the line."""

    end: int
    process: asyncio.subprocess.Process
    daemon: CannedDaemon
    written: bytearray = field(default_factory=bytearray)
    more: asyncio.Event = field(default_factory=asyncio.Event)

    def read(self) -> None:
        try:
            octets = os.read(self.end, 65536)
        except OSError:
            octets = b""
        if not octets:
            asyncio.get_running_loop().remove_reader(self.end)
        self.written += octets
        self.more.set()

    async def see(self, text: str, since: int = 0) -> int:
        """Read until `text` has been written; where it begins."""
        async with asyncio.timeout(PATIENCE):
            while (at := self.written.find(text.encode(), since)) < 0:
                self.more.clear()
                await self.more.wait()
        return at

    async def left(self) -> int:
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()


async def beat(daemon: CannedDaemon) -> None:
    """As the real one: whom nothing is told for long takes it for gone, and asks again what was not answered in time."""
    while True:
        await asyncio.sleep(AT_LEAST_SECONDS)
        daemon.push()


@asynccontextmanager
async def terminal(
    folder: Path, *, ignore_hangup: bool = False, before: str = "", **environ: str
) -> AsyncIterator[Terminal]:
    """`before`: statements that run before the application does."""
    path = folder / "s"
    near_and_far = pty.openpty()
    far, near = near_and_far
    fcntl.ioctl(near, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    code = f"{before}\nimport sys; from tui.cli import main; sys.exit(main())"
    if ignore_hangup:
        code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + code
    home = {name: str(folder / name) for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME")}
    async with canned(path) as daemon:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            code,
            "--socket",
            str(path),
            stdin=near,
            stdout=near,
            stderr=near,
            cwd=ROOT,
            env={
                **os.environ,
                "TERM": "xterm-256color",
                "COLORTERM": "truecolor",
                "LC_ALL": "C.UTF-8",
                **home,
                **environ,
            },
            start_new_session=True,
        )
        os.close(near)
        one = Terminal(far, process, daemon)
        beating = asyncio.create_task(beat(daemon))
        asyncio.get_running_loop().add_reader(far, one.read)
        try:
            yield one
        finally:
            beating.cancel()
            if process.returncode is None:
                process.kill()
                await process.wait()
            asyncio.get_running_loop().remove_reader(far)
            os.close(far)


CLEAN = ("\x1b[?1049l", "\x1b[?25h", "\x1b[?1000l", "\x1b[?2004l")  # main screen, cursor, no mouse, no paste marks


@pytest.mark.e2e
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_it_and_leaves_a_clean_terminal(tmp_path: Path, sign: signal.Signals) -> None:
    async with terminal(tmp_path) as one:
        await one.see("live")
        one.process.send_signal(sign)
        assert await one.left() == 128 + sign
        for mark in CLEAN:
            await one.see(mark)


@pytest.mark.e2e
async def test_q_ends_it_and_leaves_a_clean_terminal(tmp_path: Path) -> None:
    async with terminal(tmp_path) as one:
        await one.see("live")
        os.write(one.end, b"q")
        assert await one.left() == 0
        for mark in CLEAN:
            await one.see(mark)


@pytest.mark.e2e
async def test_q_ends_it_though_something_of_it_never_does(tmp_path: Path) -> None:
    async with terminal(tmp_path, before=NEVER_CLOSES) as one:
        await one.see("Delivered a minute")
        os.write(one.end, b"q")
        assert await one.left() == 0
        await one.see("\x1b[?1049l")


@pytest.mark.e2e
@pytest.mark.parametrize("ignore_hangup", [False, True], ids=["told", "under nohup"])
async def test_a_terminal_that_closes_ends_it(tmp_path: Path, ignore_hangup: bool) -> None:
    async with terminal(tmp_path, ignore_hangup=ignore_hangup) as one:
        await one.see("live")
        asyncio.get_running_loop().remove_reader(one.end)
        spare = os.open(os.devnull, os.O_RDONLY)
        os.dup2(spare, one.end)  # the last handle of the far end is gone; the number stays ours to close
        os.close(spare)
        await one.left()


@pytest.mark.e2e
async def test_bytes_that_are_no_text_do_not_end_it(tmp_path: Path) -> None:
    async with terminal(tmp_path) as one:
        await one.see("live")
        os.write(one.end, b"\x1b[M\xa0\xff\xfe\x80" + b"2")
        await one.see("outlook.example")
        os.write(one.end, b"q")
        assert await one.left() == 0


@pytest.mark.e2e
async def test_a_picture_that_says_nothing_new_writes_nothing_and_a_new_count_writes_little(tmp_path: Path) -> None:
    async with terminal(tmp_path) as one:
        await one.see("live")
        costs = []
        for count in range(5_430, 5_440):
            before = len(one.written)
            for _ in range(5):
                one.daemon.push()
            one.daemon.push(queued=count)
            await one.see(f"{count:,}", before)
            costs.append(len(one.written) - before)
        assert median(costs) < 400, (
            costs
        )  # one may come with the last of the first frames, or with what is said of a late answer


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        ("2", "outlook.example"),
        ("2\r", "reader10@gmail.com"),
        ("5c", "Lists › contacts"),
        ("6jjjj\r", "Bounces › suppression"),
    ],
    ids=["sites", "deliveries", "contacts", "suppression"],
)
async def test_a_step_of_the_cursor_writes_the_two_rows_and_no_more(tmp_path: Path, keys: str, shown: str) -> None:
    async with terminal(tmp_path) as one:
        await one.see("live")
        for key in keys[:-1]:
            os.write(one.end, key.encode())
            await one.see({"2": "outlook.example", "5": "imports", "6": "not written to"}.get(key, ""))
        before = len(one.written)
        os.write(one.end, keys[-1:].encode())
        await one.see(shown, before)
        costs = []
        for number in range(12):
            before = len(one.written)
            os.write(one.end, b"jk"[number % 2 :][:1])
            await one.see("\x1b[0m", await one.see("▌", before))
            costs.append(len(one.written) - before)
        assert median(costs) < 500, (
            costs
        )  # one may come with a frame of the screen's own, or with what is said of a late answer


@pytest.mark.e2e
async def test_no_control_of_a_stranger_reaches_the_terminal(tmp_path: Path) -> None:
    async with terminal(tmp_path) as one:
        await one.see("live")
        os.write(one.end, b"2")
        await one.see("outlook.example")
        os.write(one.end, b"\r")
        await one.see("reader10@gmail.com")
        assert b"\x1b]52" not in one.written
        assert b"\x1b[2J" not in one.written


@pytest.mark.e2e
async def test_the_mouse_reports_clicks_but_not_every_movement(tmp_path: Path) -> None:
    async with terminal(tmp_path) as one:
        await one.see("live")
        await one.see("\x1b[?1000h")
        assert b"\x1b[?1003h" not in one.written


@pytest.mark.e2e
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_it_while_nobody_reads_what_it_writes(tmp_path: Path, sign: signal.Signals) -> None:
    async with terminal(tmp_path) as one:
        await one.see("live")
        asyncio.get_running_loop().remove_reader(one.end)
        for _ in range(60):  # far more than any buffer between us holds
            os.write(one.end, b"2132")
        one.process.send_signal(sign)
        assert await one.left() == 128 + sign


@pytest.mark.e2e
async def test_the_terminal_is_told_who_orders_text_and_told_back(tmp_path: Path) -> None:
    async with terminal(tmp_path) as one:
        await one.see("live")
        assert b"\x1b[8l" in one.written
        os.write(one.end, b"q")
        await one.see("\x1b[8h")
        assert await one.left() == 0


@pytest.mark.e2e
async def test_what_is_copied_goes_to_the_clipboard_of_the_operators_own_terminal(tmp_path: Path) -> None:
    async with terminal(tmp_path) as one:
        await one.see("live")
        os.write(one.end, b"2")
        await one.see("outlook.example")
        os.write(one.end, b"y")
        await one.see("\x1b]52;c;" + b64encode(b"gmail.com").decode())


@pytest.mark.e2e
async def test_without_utf_8_all_that_it_writes_is_ascii(tmp_path: Path) -> None:
    async with terminal(tmp_path, LC_ALL="C") as one:
        await one.see("live")
        os.write(one.end, b"2")
        await one.see("outlook.example")
        assert one.written.isascii()


@pytest.mark.e2e
async def test_sixteen_colours_are_enough(tmp_path: Path) -> None:
    async with terminal(tmp_path, TERM="xterm", COLORTERM="") as one:
        await one.see("live")
        assert b"38;2;" not in one.written
        assert b"38;5;" not in one.written


@pytest.mark.e2e
@pytest.mark.parametrize(("mode", "shown"), [("2", "Queue › "), ("3", "Flows › "), ("5", "Lists › ")])
async def test_enter_right_behind_a_mode_opens_its_first_row_as_soon_as_it_is_there(
    tmp_path: Path, mode: str, shown: str
) -> None:
    async with terminal(tmp_path) as one:
        await one.see("live")
        os.write(one.end, f"{mode}\r".encode())
        await one.see(shown)


@pytest.mark.e2e
async def test_escape_is_heard_though_a_key_comes_with_it(tmp_path: Path) -> None:
    async with terminal(tmp_path) as one:
        await one.see("live")
        os.write(one.end, b"?")
        await one.see("What has the focus")
        os.write(one.end, b"\x1b2")
        await one.see("outlook.example")


@pytest.mark.e2e
@pytest.mark.parametrize(("environ", "is_asked_for"), [({}, True), ({"STY": "1234.pts-0"}, False)])
async def test_the_mouse_is_not_asked_for_where_it_would_hold_escape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], is_asked_for: bool
) -> None:
    monkeypatch.delenv("STY", raising=False)
    async with terminal(tmp_path, **environ) as one:
        await one.see("live")
        assert (b"\x1b[?1000h" in one.written) == is_asked_for

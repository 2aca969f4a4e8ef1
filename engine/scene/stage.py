"""The stage of `make run`: a lab and a Posthouse of one's own in one folder, started as a person would start them.

Nothing here is pretended: the daemon is `posthoused serve` with a configuration file, the lab is its own process, and
both are ended by their pids.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from engine.config import load
from engine.scene.signing import sign_for
from engine.sockets import is_served

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 45.0
PORTS: Final = (2525, 2526, 8025, 5353, 2600, 2700)  # in the order of Ports
MARK: Final = "stage"  # a folder with this file is ours to clear


class CannotStage(Exception):
    """The stage can't be set; the words say why and what to do."""


@dataclass(frozen=True, slots=True)
class Ports:
    submission: int
    inbound: int
    web: int
    dns: int
    smtp: int
    window: int


@dataclass(frozen=True, slots=True)
class Stage:
    folder: Path
    ports: Ports

    @property
    def config(self) -> Path:
        return self.folder / "posthouse.toml"

    @property
    def control(self) -> Path:
        return self.folder / "control.sock"

    @property
    def lab(self) -> Path:
        return self.folder / "lab"

    @property
    def database(self) -> Path:
        return self.folder / "posthouse.db"

    @property
    def pictures(self) -> str:
        """The beginning of the addresses of the sample shop's pictures."""
        return f"http://127.0.0.1:{self.ports.window}"


def prepare(folder: Path, more: str = "", ports: Sequence[int] = PORTS) -> Stage:
    """An empty stage in `folder`, on these ports where they are free; `more` goes below its configuration. CannotStage when
    something that is not ours lies there, or a Posthouse runs on it."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise CannotStage(f"{folder} is not empty, and not from an earlier run: name another folder with --state")
        _refuse_running(folder)
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / MARK).write_text("made by `posthouse lab run`; the next run clears this folder\n", encoding="utf-8")
    stage = Stage(folder, Ports(*(free_port(wish) for wish in ports)))
    stage.config.write_text(_configuration(stage.ports) + more, encoding="utf-8")
    (folder / "templates").mkdir()
    (folder / "templates" / "brand.toml").write_text(_BRAND, encoding="utf-8")
    return stage


def _refuse_running(folder: Path) -> None:
    if is_served(folder / "control.sock"):
        raise CannotStage(f"a Posthouse runs on {folder}: stop it, or look at it with `posthouse`")


def free_port(wish: int) -> int:
    """`wish` where nobody listens on it, else one the system chooses."""
    for port in (wish, 0):
        with contextlib.suppress(OSError), _taken(port) as chosen:
            return chosen
    raise CannotStage("no port is free on 127.0.0.1")


@contextlib.contextmanager
def _taken(port: int) -> Iterator[int]:
    """Nobody else can listen on it meanwhile; 0: on one that the system chooses. OSError where somebody does."""
    with socket.socket() as tcp, socket.socket() as host, socket.socket(type=socket.SOCK_DGRAM) as udp:
        for each in (tcp, host):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind(("127.0.0.1", port))
        chosen = int(tcp.getsockname()[1])
        host.bind(("127.0.0.10", chosen))  # the lab's hosts each have an address of their own
        udp.bind(("127.0.0.1", chosen))
        for each in (tcp, host):  # what is only bound could be bound by another stage too
            each.listen()
        yield chosen


@contextlib.contextmanager
def held(stage: Stage) -> Iterator[None]:
    """Nobody takes a port of the stage before it is used: its past takes a while to lay down, and another stage may be set
    meanwhile. CannotStage, which names the port, where somebody has one."""
    with contextlib.ExitStack() as stack:
        for name, port in asdict(stage.ports).items():
            try:
                stack.enter_context(_taken(port))
            except OSError as err:
                whose = f"{_SETTINGS[name]} of {stage.config}"
                remedy = f"`ss -lntup 'sport = :{port}'` shows by whom; run it again, and another port is chosen"
                raise CannotStage(f"port {port} ({whose}) can't be had ({err.strerror}): {remedy}") from None
        yield


_SETTINGS: Final = {
    "submission": "submission.listen", "inbound": "inbound.listen", "web": "web.listen", "dns": "routing.resolvers",
    "smtp": "routing.port", "window": "the shop's pictures, beside the settings",
}  # fmt: skip


_BRAND: Final = """\
# How the lab's shop looks and sounds; templates/brand.toml of Posthouse has all that may be said here.
name = "The Lab Shop"
url = "https://shop.example/"
postal_address = \"\"\"
1 Mill Lane
Oldtown\"\"\"
"""


def _configuration(ports: Ports) -> str:
    return f"""\
# A Posthouse in a lab: no mail leaves this machine. Made by `posthouse lab run`.
hostname = "mail.shop.example"

templates = "templates"

[daemon]
state_dir = "."
drain = 10

[submission]
listen = ["127.0.0.1:{ports.submission}"]

[inbound]
listen = ["127.0.0.1:{ports.inbound}"]

[web]
listen = ["127.0.0.1:{ports.web}"]
base_url = "http://127.0.0.1:{ports.web}"

[bounces]
domain = "bounce.shop.example"

[routing]
resolvers = ["127.0.0.1:{ports.dns}"]
port = {ports.smtp}
permit = ["127.0.0.0/8"]     # the lab's hosts are on loopback; never set this where real mail leaves

[mail]
sender = "The Lab Shop <hello@shop.example>"

[doctor]
blocklists = ["bl.lab"]
domain_blocklists = ["dbl.lab"]

[lab]
enabled = true
"""


@asynccontextmanager
async def running(stage: Stage) -> AsyncIterator[None]:
    """Lab and daemon, both ready; stopped in reverse, whatever happens between, also when the terminal's window is closed
    (SIGHUP: both have sessions of their own and would not hear it)."""
    async with AsyncExitStack() as stack:
        stack.enter_context(_ended_by(signal.SIGHUP, signal.SIGTERM))
        await stack.enter_async_context(_lab(stage))
        await asyncio.to_thread(sign_for, load(stage.config), stage.lab, "shop.example")
        await stack.enter_async_context(_daemon(stage))
        yield


@contextlib.contextmanager
def _ended_by(*signals: signal.Signals) -> Iterator[None]:
    """The first of these cancels the task at hand; those that follow would cut its cleaning up short, and are not heard."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def end() -> None:
        if not task.cancelling():
            task.cancel()

    for each in signals:
        loop.add_signal_handler(each, end)
    try:
        yield
    finally:
        for each in signals:
            loop.remove_signal_handler(each)


@asynccontextmanager
async def _lab(stage: Stage) -> AsyncIterator[dict[str, Any]]:
    ports = stage.ports
    words = [
        "--state", str(stage.lab), "--dns", f"127.0.0.1:{ports.dns}", "--smtp-port", str(ports.smtp),
        "--inbound", f"127.0.0.1:{ports.inbound}", "--database", str(stage.database),
        "--window", f"127.0.0.1:{ports.window}",
    ]  # fmt: skip
    with (stage.folder / "lab.log").open("ab") as log:
        lab = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "engine.lab",
            *words,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    try:
        assert lab.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            line = await lab.stdout.readline()
        if not line.startswith(b"ready "):
            await _end(lab)
            with held(stage):  # which names the port that is taken
                raise CannotStage(f"the lab did not start: {stage.folder / 'lab.log'} says why")
        yield json.loads(line.removeprefix(b"ready "))
    finally:
        await _end(lab)


@asynccontextmanager
async def _daemon(stage: Stage) -> AsyncIterator[None]:
    notes = stage.folder / "notify"
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify,
        (stage.folder / "posthoused.log").open("ab") as log,
    ):
        notify.bind(str(notes))
        notify.setblocking(False)
        daemon = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "engine", "serve", "--config", str(stage.config), "--log-format", "json",
            stdout=log, stderr=log, env={**os.environ, "NOTIFY_SOCKET": str(notes)}, start_new_session=True,
        )  # fmt: skip
        try:
            await _until_ready(notify, daemon, stage)
            yield
        finally:
            await _end(daemon)
            notes.unlink(missing_ok=True)


async def _until_ready(notify: socket.socket, daemon: asyncio.subprocess.Process, stage: Stage) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.ensure_future(daemon.wait())
    try:
        async with asyncio.timeout(START_SECONDS):
            while True:
                told = asyncio.ensure_future(loop.sock_recv(notify, 4096))
                await asyncio.wait([told, ended], return_when=asyncio.FIRST_COMPLETED)
                if not told.done():
                    told.cancel()
                    raise CannotStage(f"posthoused did not start: {stage.folder / 'posthoused.log'} says why")
                if b"READY=1" in told.result():
                    return
    finally:
        if not ended.done():
            ended.cancel()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()

"""The lab on a loop of its own in a thread, for tests that block: smtplib, sockets, a daemon's process.

with LabThread(tmp_path) as lab:
    smtplib.SMTP("127.0.0.10", lab.smtp_port)
    lab.wait_for(lambda mails: len(mails) == 1)
"""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from clock import FakeChance, FakeClock

from engine.lab.keep import KeptMail, KeptReader, Refusal
from engine.lab.server import Lab


class LabThread:
    """A running lab with a clock that the test moves (`lab.clock.advance`)."""

    def __init__(self, state: Path, **options: Any) -> None:
        """`options` are those of Lab; `clock` and `chance` are the tests' own unless given."""
        self.state = state
        self.clock = options.setdefault("clock", FakeClock())
        options.setdefault("chance", FakeChance())
        self._options = options
        self._reader = KeptReader(state)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._lab = self._run(self._start())
        self.smtp_port = self._lab.smtp_port
        self.dns_address = self._lab.dns_address
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._lab.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def kept(self) -> list[KeptMail]:
        return self._reader.mails()

    def refused(self) -> list[Refusal]:
        return self._reader.refusals()

    def wait_for(self, predicate: Callable[[list[KeptMail]], bool], timeout: float = 60.0) -> list[KeptMail]:
        """As Lab.wait_for."""
        return self._run(self._lab.wait_for(predicate, timeout))

    async def _start(self) -> Lab:
        lab = Lab(self.state, **self._options)
        await lab.start()
        return lab

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

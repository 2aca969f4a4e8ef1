"""Applications that hand mail over, each on a connection of its own, until they are told to stop. Nobody tries twice.

with Crowd(daemon) as crowd:
    crowd.until(100)
assert crowd.refused == []
"""

import smtplib
import threading
from types import TracebackType
from typing import Self

from house import Daemon
from house_process import PATIENCE


class Crowd:
    """What was accepted, by its X-Marker, which is its Subject too; and what was not, with the reason."""

    def __init__(self, daemon: Daemon, count: int = 4) -> None:
        self._daemon = daemon
        self._is_over = threading.Event()
        self._news = threading.Condition()
        self.accepted: list[str] = []
        self.refused: list[OSError | smtplib.SMTPException] = []
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Hand over what was begun, and no more."""
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def until(self, count: int) -> None:
        """Wait until so many were accepted, however slowly: only where nobody is for a minute it has come to a stop."""
        with self._news:
            while len(self.accepted) < count:
                assert self._news.wait(PATIENCE), self._daemon.log_tail()

    def _run(self, who: int) -> None:
        number = 0
        while not self._is_over.is_set():
            number += 1
            marker = f"{id(self)}.{who}.{number}"
            try:
                self._daemon.submit(f"u{number}@d{number % 5}.example", subject=marker, X_Marker=marker)
            except (OSError, smtplib.SMTPException) as trouble:
                self.refused.append(trouble)
                continue
            with self._news:
                self.accepted.append(marker)
                self._news.notify_all()

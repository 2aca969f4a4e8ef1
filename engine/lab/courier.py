"""The courier runs the hosts' errands: it hands their reports to the daemon's inbound listener by SMTP, one by one.

An errand that can't be handed over is tried again a few times and then given up: a note in the log says so.
"""

import asyncio
import logging
import smtplib
from collections import deque
from typing import Final

from engine.lab import reports
from engine.lab.errands import Errand
from mta.ports import Chance, Clock

_log: Final = logging.getLogger("posthouse.lab")
_TRIES: Final = 30
_PAUSE: Final = 2.0  # seconds: a daemon that restarts is back by then
_PATIENCE: Final = 60.0


class Courier:
    """Hands over reports while the lab runs. `inbound` is the daemon's host and port; None: nothing ever comes back."""

    def __init__(self, inbound: tuple[str, int] | None, clock: Clock, chance: Chance) -> None:
        self._inbound = inbound
        self._clock = clock
        self._chance = chance
        self._errands: deque[Errand] = deque()
        self._wake = asyncio.Event()
        self._walk: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._walk = asyncio.get_running_loop().create_task(self._go())

    async def stop(self) -> None:
        """Stop, with what is still in hand undelivered."""
        if self._walk is not None:
            self._walk.cancel()
            await asyncio.gather(self._walk, return_exceptions=True)

    def run(self, errand: Errand) -> None:
        """Take an errand. It is run soon, in its turn."""
        if self._inbound is not None:
            self._errands.append(errand)
            self._wake.set()

    async def _go(self) -> None:
        while True:
            await self._wake.wait()
            while self._errands:
                await self._deliver(self._errands[0])
                self._errands.popleft()
            self._wake.clear()

    async def _deliver(self, errand: Errand) -> None:
        octets = reports.write(errand, self._clock.now(), self._chance.octets(8).hex())
        for left in reversed(range(_TRIES)):
            try:
                await asyncio.to_thread(self._hand_over, errand, octets)
                return
            except (OSError, smtplib.SMTPException) as error:
                is_refused = isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 500
                _log.warning("%s to <%s> was not taken: %s", errand.kind, errand.receipt.mail_from, error)
                if is_refused or not left:
                    return
            await asyncio.sleep(_PAUSE)

    def _hand_over(self, errand: Errand, octets: bytes) -> None:
        assert self._inbound is not None
        with smtplib.SMTP(*self._inbound, local_hostname=errand.mx, timeout=_PATIENCE) as smtp:
            smtp.ehlo()
            options = [] if octets.isascii() else ["BODY=8BITMIME"]
            if not errand.rcpt.isascii() and smtp.has_extn("smtputf8"):
                options.append("SMTPUTF8")
            _granted(smtp.mail("", options))  # RFC 5321 section 4.5.5; for auto-replies RFC 3834 section 3.3
            _granted(smtp.rcpt(errand.receipt.mail_from))
            _granted(smtp.data(octets))


def _granted(reply: tuple[int, bytes]) -> None:
    if reply[0] >= 400:
        raise smtplib.SMTPResponseException(*reply)

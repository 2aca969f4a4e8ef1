"""The crew: the carriers of one front office, forked, listened to, and replaced when they die or say nothing."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from engine import houselog
from engine.forkserver import ForkServer
from engine.link import Link
from mta.ports import Clock

SILENCE_SECONDS: Final = 30.0  # a carrier that said nothing for so long is replaced
RESPAWN_SECONDS: Final = 1.0
LATE_SECONDS: Final = 5.0  # beyond its grace, until a carrier that does not stop is killed


@dataclass(slots=True)
class Hand:
    """A carrier, as the front office knows it."""

    number: int
    pid: int
    link: Link
    heard: float  # monotonic
    is_ready: bool = False
    is_leaving: bool = False
    change: int = 0  # which change of the crew it came with
    owner: int = 0
    heeded: int = 0  # the last question whether it did what it was told that it answered
    figures: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"carrier-{self.number + 1}"


class Crew:
    """All carriers. Made before any loop runs; what it does, it does on the loop that calls it.

    `order` gives what the carrier of a number is forked with. `heard` gets what one says; `gone` hears of one that died,
    before another takes its place. `start` runs work beside everything else; `failed` is told when no carrier can be
    forked any more."""

    def __init__(
        self, forks: ForkServer, clock: Clock, order: Callable[[int], dict[str, Any]], *,
        heard: Callable[[Hand, dict[str, Any]], Awaitable[None]], gone: Callable[[Hand], Awaitable[None]],
        start: Callable[[Coroutine[Any, Any, None]], None], failed: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.hands: dict[int, Hand] = {}  # by process id
        self.deaths = 0  # of carriers that nobody had asked to go
        self._changes = 0
        self._asked = 0  # how often it was asked whether they did what they were told
        self._forks, self._clock, self._order = forks, clock, order
        self._heard, self._gone, self._start, self._failed = heard, gone, start, failed
        self._bell, self._changing = asyncio.Event(), asyncio.Lock()
        self._is_stopping = False
        self._is_without_forks = False

    async def hire(self, count: int) -> bool:
        """Fork so many; True when every carrier there is became ready, False when we are to stop first."""
        asyncio.get_running_loop().add_reader(self._forks.fileno(), self._bury)
        for number in range(count):
            await self._spawn(number)
        while not self._is_stopping and not all(hand.is_ready for hand in self.hands.values()):
            self._bell.clear()
            await self._bell.wait()
        return not self._is_stopping

    async def change(self, count: int, seconds: float) -> bool:
        """So many new ones in the place of all there are, which go within `seconds`; False when we are to stop first. One
        change after another."""
        async with self._changing:
            old = list(self.hands.values())
            self._changes += 1
            if self._is_stopping or not await self.hire(count):
                return False
            await self.drain(old, seconds)
            return True

    def stop(self) -> None:
        """Replace none from now on; whoever waits for carriers has waited long enough."""
        self._is_stopping = True
        self._bell.set()

    async def drain(self, leaving: Iterable[Hand], seconds: float) -> None:
        """Ask these to finish and go within `seconds`; a little later, end them."""
        leaving = list(leaving)
        for hand in leaving:
            hand.is_leaving = True
            hand.link.send(stop=seconds)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds + LATE_SECONDS):
                while any(hand.pid in self.hands for hand in leaving):
                    self._bell.clear()
                    await self._bell.wait()
        for hand in leaving:
            if hand.pid in self.hands:
                houselog.carrier_late(hand.name)
                _kill(hand)

    def say(self, carrier: int, **message: Any) -> None:
        """Say something to one carrier, by its process id."""
        if carrier in self.hands:
            self.hands[carrier].link.send(**message)

    def tell(self, **message: Any) -> None:
        """Say something to all."""
        for hand in self.hands.values():
            hand.link.send(**message)

    async def heeded(self) -> None:
        """Until each that is here did what it was told before this call, or is gone: one that hangs is ended soon."""
        self._asked += 1
        asked, heeding = self._asked, list(self.hands.values())
        for hand in heeding:
            hand.link.send(heeded=asked)
        while any(hand.heeded < asked and hand.pid in self.hands for hand in heeding):
            self._bell.clear()
            await self._bell.wait()

    def kill_silent(self) -> None:
        """End who said nothing for too long."""
        for hand in list(self.hands.values()):
            if self._clock.monotonic() - hand.heard > SILENCE_SECONDS:
                houselog.carrier_silent(hand.name, pid=hand.pid)
                _kill(hand)

    async def _spawn(self, number: int) -> None:
        pid, end = self._forks.spawn(self._order(number))
        hand = Hand(number, pid, await Link.over(end), self._clock.monotonic(), change=self._changes)
        self.hands[pid] = hand
        self._start(self._hear(hand))

    async def _hear(self, hand: Hand) -> None:
        async for message in hand.link.messages():
            hand.heard = self._clock.monotonic()
            hand.figures = message.get("beat", hand.figures)
            hand.owner = message.get("owner", hand.owner)
            hand.heeded = message.get("heeded", hand.heeded)
            hand.is_ready = hand.is_ready or bool(message.get("ready"))
            if not message.keys().isdisjoint({"ready", "heeded"}):
                self._bell.set()
            await self._heard(hand, message)
        if self._is_without_forks:  # nobody is left who would tell of its death
            self.hands.pop(hand.pid, None)
            self._bell.set()

    def _bury(self) -> None:
        try:
            exits = self._forks.exits()
        except OSError:
            houselog.forks_gone()
            asyncio.get_running_loop().remove_reader(self._forks.fileno())
            self._is_without_forks = True
            self._failed("the fork server is gone")
            return
        for each in exits:
            hand = self.hands.pop(each.pid, None)
            if hand is not None:
                hand.link.close()
                self._start(self._replace(hand, each.code))
        self._bell.set()

    async def _replace(self, hand: Hand, code: int) -> None:
        await self._gone(hand)
        if hand.is_leaving or self._is_stopping:
            return
        self.deaths += 1
        houselog.carrier_died(hand.name, pid=hand.pid, code=code)
        if not hand.is_ready:
            await asyncio.sleep(RESPAWN_SECONDS)  # it could not even start: do not spin
        if not self._is_stopping and hand.change == self._changes:  # else a change has put another in its place
            await self._spawn(hand.number)


def _kill(hand: Hand) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(hand.pid, signal.SIGKILL)

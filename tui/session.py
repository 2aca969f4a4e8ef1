"""The one connection: follows the daemon's stream, and asks for what the shown screen needs.

Promises: the newest picture reaches the application as `Latest`, one at a time; when the daemon goes away that is said
once as `Away`, the last picture stays, and the session comes back by itself at most a second after the daemon does.
Nothing here waits for a widget, and no question is asked twice at once.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from textual.screen import ModalScreen, Screen

from engine.control.client import AsyncControl, ControlError, Params
from engine.control.protocol.acts import Done
from engine.control.protocol.house import Overview
from engine.control.protocol.wire import VERSION
from engine.counts import deliveries
from tui.format import clock
from tui.ink import Ink, Line, Target
from tui.pages.frame import Link
from tui.turns import Turns
from tui.verbs import Intent

T = TypeVar("T")
LATE_SECONDS: Final = 2.0  # an answer that takes longer is late
_FIRST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 1.0
_REMEMBERED: Final = 200


@dataclass(slots=True)
class Deed:
    """Something that was done from here, for the session's log and for taking it back."""

    at_ms: int
    intent: Intent
    steps: tuple[Done, ...]  # what is bulk is done in several requests
    undone: bool = False
    taken_back: int = 0  # of its steps, the newest first: where the daemon went in the middle one goes on there
    passed: bool = False  # it can't be taken back, and that was said: the next time it is the one before

    @property
    def text(self) -> str:
        """What was done, in the daemon's words; the count of all its steps where they count."""
        last, changed = self.steps[-1], [each.facts.get("changed") for each in self.steps]
        counts = [each for each in changed if isinstance(each, int)]
        if len(counts) < 2:
            return last.text
        return last.text.replace(deliveries(counts[-1]), deliveries(sum(counts)), 1)

    @property
    def words(self) -> str:
        """The same in one line, or what was asked for where the daemon said nothing."""
        return self.text.splitlines()[0] if self.text else self.intent.words

    @property
    def changed_nothing(self) -> bool:
        return all(each.facts.get("changed") == 0 for each in self.steps)

    @property
    def can_be_undone(self) -> bool:
        return not (self.undone or self.passed) and any(each.facts.get("undo") for each in self.steps)

    @property
    def stands(self) -> bool:
        """Whether it is the one that taking back would be about, if it is the newest. A draft and a question are no acts."""
        is_act = any(each.facts.get("act") or each.facts.get("undo") for each in self.steps)
        return is_act and not (self.undone or self.passed or self.changed_nothing)


class Session:
    """What is known of the daemon now, how to know more, and what was done from here."""

    def __init__(
        self,
        control: AsyncControl,
        *,
        by: str = "",
        read_only: bool = False,
        waits: Callable[[], object] = lambda: None,
    ) -> None:
        """`waits` is called when the daemon is slow to answer (`is_late`), and when it has."""
        self._control = control
        self._waits = waits
        self._late = 0  # questions that have no answer yet, and should
        self.by = by  # who acts, for the daemon's journal
        self.read_only = read_only
        self.deeds: list[Deed] = []  # newest last
        self.monotonic: Callable[[], float] = time.monotonic  # seconds; stands still where a screen is pictured
        self._arrived = 0.0  # by it, when `overview` came
        self.overview: Overview | None = None
        self.error: ControlError | None = None  # why there is no daemon; None while there is one
        self.away_since = ""  # the daemon's time when it went, for people

    async def follow(self, told: Callable[[Overview], object], gone: Callable[[ControlError], object]) -> None:
        """Follow the stream for ever, through any number of daemons."""
        wait = _FIRST_WAIT
        while True:
            try:
                await self._agree()
                async for overview in self._control.stream():
                    wait = _FIRST_WAIT
                    self._came(overview)
                    told(overview)
            except ControlError as error:
                if self._went(error):
                    gone(error)
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    async def _agree(self) -> None:
        """ControlError when the daemon speaks another protocol than we do."""
        theirs = (await self._control.get(Done, "/v1/hello")).facts.get("version")
        if theirs == VERSION:
            return
        if isinstance(theirs, int) and theirs > VERSION:
            error = f"the daemon speaks protocol {theirs}, this program only {VERSION}"
            raise ControlError(error, "This program is older: leave, upgrade posthouse, and start it again")
        said = f"protocol {theirs}" if isinstance(theirs, int) else "an older protocol"
        error = f"the daemon speaks {said}, this program {VERSION}"
        raise ControlError(
            error, "The daemon is older: restart posthoused after its upgrade; this comes back by itself"
        )

    async def ask(self, kind: type[T], path: str, params: Params | None = None) -> T:
        """What is at `path` now. ControlError when it can't be had."""
        with self._waiting():
            return await self._control.get(kind, path, params)

    async def act(self, path: str, body: Mapping[str, object]) -> Done:
        """Have something done in the operator's name, or ask what would be. ControlError when it was refused."""
        with self._waiting():
            return await self._control.post(f"/v1/{path}", {**body, "by": self.by} if self.by else body)

    @property
    def is_late(self) -> bool:
        """Whether an answer should be here: the stream alone does not tell of a daemon that hangs."""
        return self._late > 0

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        """For an answer: said when it is late, and when it has come. Nothing is counted on the screen meanwhile."""
        was_late = False

        def late() -> None:
            nonlocal was_late
            was_late = True
            self._count_late(1)

        timer = asyncio.get_running_loop().call_later(LATE_SECONDS, late)
        try:
            yield
        finally:
            timer.cancel()
            if was_late:
                self._count_late(-1)

    def _count_late(self, by: int) -> None:
        before = self.is_late
        self._late += by
        if self.is_late != before:
            self._waits()

    async def do(self, intent: Intent) -> Deed:
        """Have it done, to its end, and remember that it was. What was done before a refusal is remembered too."""
        deed = Deed(self.now_ms, intent, (await self.act(intent.path, intent.body),))
        self.deeds.append(deed)
        del self.deeds[:-_REMEMBERED]
        while after := deed.steps[-1].facts.get("after"):
            deed.steps += (await self.act(intent.path, {**intent.body, "after": after}),)
        return deed

    async def undo(self) -> tuple[Deed, Done] | None:
        """Take the newest back; None where there is none. One that can't be taken back, or that the daemon refuses (somebody
        else was faster), is not silently passed over for an older one: the next time it is the one before. ControlError."""
        standing = [each for each in self.deeds if each.stands]
        if not standing:
            return None
        deed = standing.pop()
        if not deed.can_be_undone:
            deed.passed = True
            before = f"Once more takes back what was done before it: {standing[-1].words}" if standing else ""
            why = next((f": {final}" for each in deed.steps if (final := each.facts.get("final"))), "")
            raise ControlError(f"{deed.words} can't be taken back{why}", before, refused=True)
        done = Done("")
        for step in reversed(deed.steps[: len(deed.steps) - deed.taken_back]):
            if step.facts.get("undo"):
                number = step.facts.get("act")
                try:
                    done = await self.act("acts/undo", {} if number is None else {"act": number})
                except ControlError as error:
                    deed.passed = error.refused
                    raise
            deed.taken_back += 1
        deed.undone = True
        return deed, done

    @property
    def now_ms(self) -> int:
        """The daemon's time, as far as it is known."""
        if self.overview is None:
            return 0
        return self.overview.now_ms + int((self.monotonic() - self._arrived) * 1000)

    def _came(self, overview: Overview) -> None:
        self.overview, self.error, self._arrived = overview, None, self.monotonic()

    def _went(self, error: ControlError) -> bool:
        """Note that the daemon is away. True when that is news."""
        is_news = self.error is None or str(self.error) != str(error)
        if self.error is None and self.overview is not None:
            self.away_since = clock(self.now_ms)
        self.error = error
        return is_news


class House(Protocol):
    """What a screen may ask of the application it is in."""

    exact: bool  # exact numbers and times are wanted
    turns: Turns

    @property
    def session(self) -> Session: ...

    @property
    def link(self) -> Link: ...

    def open(self, target: Target, screen: Screen[Any] | None = None) -> None: ...

    def back(self) -> None: ...

    def turn_back(self, why: str) -> None: ...

    def sheet(self, title: str, lines: Sequence[Line]) -> None: ...

    def say(self, text: str, ink: Ink = Ink.TEXT) -> None: ...

    def did(self, deed: Deed) -> None: ...

    def withdraw(self, text: str) -> None: ...

    def status(self, width: int, most: int) -> tuple[list[Line], Line]: ...

    def last_command(self) -> str: ...

    def copy(self, text: str, otherwise: str) -> None: ...

    def person(self, address: str) -> None: ...

    def key_of(self, id: str) -> str: ...

    def forget_waiting_keys(self) -> None: ...

    def hear_on(self) -> None: ...

    async def ask_modal(self, screen: ModalScreen[T]) -> T | None: ...


class Watch:
    """Asks again whenever it is nudged, one question at a time; nudges during a question make one more, not many."""

    def __init__(self, ask: Callable[[], Awaitable[object]]) -> None:
        self._ask = ask
        self._is_asking = False
        self._is_due = False
        self._rests = asyncio.Event()

    async def nudge(self) -> None:
        self._is_due = True
        if self._is_asking:
            return
        self._is_asking = True
        self._rests.clear()
        try:
            while self._is_due:
                self._is_due = False
                await self._ask()
        finally:
            self._is_asking = False
            self._rests.set()

    async def settled(self) -> None:
        """Nudge, and wait until what was asked after that is answered, whoever asked it."""
        self._is_due = True
        while self._is_due or self._is_asking:
            await (self._rests.wait() if self._is_asking else self.nudge())

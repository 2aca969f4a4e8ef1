"""What is typed ahead comes in turn: a key is heard when all that the one before it did is done.

Textual hands each key at once to what has the focus then, so of a burst (a slow line, a paste, a fast hand) the letter
behind an Enter still went to the line that the Enter had closed, and that behind a `/` to the table, where it is a verb.
"""

import asyncio
from collections import deque
from typing import Any, Final

from textual import events, on
from textual.app import App
from textual.dom import DOMNode
from textual.message import Message
from textual.screen import Screen

LOOK_SECONDS: Final = 0.05
MOST_LOOKS: Final = 100  # what has not come back in five seconds is stuck, and the keys must go on to `q`
MOST_ROUNDS: Final = 5


class Behind(Message):
    """Goes the way of a key, behind it: when it comes back, the key was there."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__()


class Ahead(App[Any]):
    """An application that hears keys one after the other."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._keys_waiting: deque[events.Key | events.Paste] = deque()
        self._followed: DOMNode | None = None  # whither the last key is followed; None: the next one may come
        self._answered_on: Screen[Any] | None = None  # where the last key was an Enter
        self._behind_rounds = 0  # how often it was
        self._behind_number = 0  # of what follows it
        self._look_again: asyncio.TimerHandle | None = None

    def forget_waiting_keys(self) -> None:
        """What was typed before a question was there is no answer to it."""
        self._keys_waiting.clear()

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
        elif self._followed is not None:
            self._keys_waiting.append(event)
        else:
            await self._hear(event)

    async def _hear(self, event: events.Key | events.Paste) -> None:
        there = self.focused or self.screen
        self._behind_rounds = 0
        self._answered_on = self.screen if isinstance(event, events.Key) and event.key == "enter" else None
        self._follow(there)
        await super().on_event(event)
        there.post_message(Behind(self._behind_number))

    def _follow(self, there: DOMNode) -> None:
        self._followed = there
        self._behind_rounds += 1
        self._behind_number += 1
        self._watch(self._behind_number, 0)

    def _watch(self, number: int, looks: int) -> None:
        """What is taken off the screen sends nothing back."""
        if self._look_again is not None:
            self._look_again.cancel()
        gone = self._followed is not None and not self._followed.is_running
        if looks and (gone or looks == MOST_LOOKS):
            self.post_message(Behind(number))
        else:
            self._look_again = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._watch, number, looks + 1)

    @on(Behind)
    async def _came_back(self, message: Behind) -> None:
        """A second one goes behind what the key set going there, and others as long as the focus moves on by it."""
        if message.number != self._behind_number or self._followed is None:
            return
        there = self.focused or self.screen
        if self._behind_rounds < 2 or (there is not self._followed and self._behind_rounds < MOST_ROUNDS):
            self._follow(there)
            there.post_message(Behind(self._behind_number))
            return
        if self._look_again is not None:
            self._look_again.cancel()
        self._followed = None
        if self._answered_on is not None and self._answered_on not in self.screen_stack:
            self._forget_second_enter()
        if self._keys_waiting:
            await self._hear(self._keys_waiting.popleft())

    def _forget_second_enter(self) -> None:
        """What an Enter has answered is gone; one behind it was meant for it too."""
        while self._keys_waiting and isinstance(each := self._keys_waiting[0], events.Key) and each.key == "enter":
            self._keys_waiting.popleft()

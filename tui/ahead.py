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
from textual.screen import ModalScreen, Screen

LOOK_SECONDS: Final = 0.05
HOLD_SECONDS: Final = 0.3  # until it is looked again whether a key comes too soon, where nobody says so
MOST_LOOKS: Final = 100  # what has not come back in five seconds is stuck, and the keys must go on to `q`
MOST_HOLDS: Final = 50  # looks, fifteen seconds: longer than a screen waits for its answer
MOST_ROUNDS: Final = 5
_AT_ONCE: Final = "ctrl+c"  # the way out waits for nothing


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
        self._hold: asyncio.TimerHandle | None = None
        self._holds = 0  # how often it was looked in vain
        self._was_asking = False

    @property
    def question_is_coming(self) -> bool:
        """Whether what is typed now is for a question that is not there yet."""
        return False

    def comes_too_soon(self, key: str) -> bool:
        """Whether what this key is about is not there yet."""
        return False

    def forget_waiting_keys(self) -> None:
        """What was typed for a question that did not come, or that had to be read first, is nobody's."""
        self._keys_waiting.clear()
        self._was_asking = False
        self._hold_no_more()

    def told_of_forgotten_keys(self) -> None:
        """What keys were held for does not come, and they were forgotten: say so."""

    def hear_on(self) -> None:
        """What keys waited for may be there."""
        if self._keys_waiting:
            self.call_next(self._go_on)

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded or _name(event) == _AT_ONCE:
            await super().on_event(event)
        else:
            self._keys_waiting.append(event)
            await self._go_on()

    async def _hear(self, event: events.Key | events.Paste) -> None:
        there = self.focused or self.screen
        self._behind_rounds = 0
        self._answered_on = self.screen if _name(event) == "enter" else None
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
        await self._go_on()

    async def _go_on(self) -> None:
        """Hear the next key. Those behind a verb that has to ask wait for its question, and go with it if it does not come."""
        if self._followed is not None or not self._keys_waiting:
            return
        is_asking = self.question_is_coming
        if is_asking or self.comes_too_soon(_name(self._keys_waiting[0])):
            self._was_asking |= is_asking
            if self._hold is None:
                self._hold = asyncio.get_running_loop().call_later(HOLD_SECONDS, self._look_at_held)
            return
        self._hold_no_more()
        if self._was_asking and not isinstance(self.screen, ModalScreen):
            self.forget_waiting_keys()
        self._was_asking = False
        if self._keys_waiting:
            await self._hear(self._keys_waiting.popleft())

    def _look_at_held(self) -> None:
        """By looks, not by the clock: a program that was stopped meanwhile has seen nothing of what came."""
        self._hold = None
        self._holds += 1
        if self._holds < MOST_HOLDS:
            self.hear_on()
        else:
            self.forget_waiting_keys()
            self.told_of_forgotten_keys()

    def _hold_no_more(self) -> None:
        self._holds = 0
        if self._hold is not None:
            self._hold.cancel()
            self._hold = None

    def _forget_second_enter(self) -> None:
        """What an Enter has answered is gone; one behind it was meant for it too."""
        while self._keys_waiting and _name(self._keys_waiting[0]) == "enter":
            self._keys_waiting.popleft()


def _name(event: events.Event) -> str:
    """The key; "" for what was pasted."""
    return event.key if isinstance(event, events.Key) else ""

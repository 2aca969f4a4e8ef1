"""A question to the control socket, and what answers one."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from engine.control.asked import Asked
from engine.control.lately import Lately
from engine.control.observing.gathering import Observer
from engine.control.sparing import Sparing
from engine.control.today import Today
from engine.control.work import Office
from engine.house import House
from mta.queue.census import Census


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, and whom it is asked of."""

    house: House
    office: Office
    asked: Asked  # the query's words
    words: Mapping[str, str]  # the path's words, by their names
    census: Sparing[Census]
    lately: Lately
    day: Sparing[Today]
    observer: Observer

    @property
    def name(self) -> str:
        return self.words["name"]


Answer = Callable[[Question], Awaitable[object]]

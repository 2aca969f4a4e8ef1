"""Turns: which lane opens the next connection, where a carrier has no more than so many.

A site that granted a connection lately may use all of them. All others only try, and their tries leave room: thousands
of hosts that refuse, or never answer, must not hold up those that take mail. Who finds no room waits, in the order of
coming: sites that take mail first, then tries with something urgent, then tries of sites that never failed.
"""

from enum import IntEnum
from typing import Final

from mta.outbound.lane import Lane


class Rank(IntEnum):
    """Who comes first."""

    PROVEN = 0
    URGENT = 1
    NEW = 2
    FAILING = 3


_QUARTERS: Final = {Rank.PROVEN: 4, Rank.URGENT: 3, Rank.NEW: 2, Rank.FAILING: 1}  # of all connections


def rank_of(lane: Lane) -> Rank:
    if lane.is_proven:
        return Rank.PROVEN
    if lane.urgent:
        return Rank.URGENT
    return Rank.FAILING if lane.failures else Rank.NEW


class Turns:
    """Counts connections and tries, and keeps who waits. `most`: connections at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._tries: set[Lane] = set()  # lanes that try: each with one connection
        self._called: set[Lane] = set()  # lanes whose turn it is, and which claim what they carry first
        self._open = 0
        self._waiting: dict[Rank, dict[Lane, None]] = {each: {} for each in Rank}

    @property
    def is_full(self) -> bool:
        """Whether every connection is in use."""
        return self._open >= self._most

    @property
    def waiting(self) -> int:
        """How many lanes wait for a connection."""
        return sum(map(len, self._waiting.values()))

    @property
    def is_crowded(self) -> bool:
        """Whether so many try that none of them may take its time."""
        return 4 * len(self._tries) >= self._most or self.waiting > 0

    @property
    def is_idle_wanted(self) -> bool:
        """Whether somebody waits for a connection that could be in somebody's idle hands."""
        return self.is_full and any(self._waiting.values())

    def has_room(self, lane: Lane) -> bool:
        """Whether this lane may open one more."""
        return lane in self._called or self._has_room(rank_of(lane))

    def _has_room(self, rank: Rank) -> bool:
        if self._open + len(self._called) >= self._most:
            return False
        tries = len(self._tries) + len(self._called)
        return rank is Rank.PROVEN or tries < max(1, self._most * _QUARTERS[rank] // 4)

    def opening(self, lane: Lane) -> None:
        """The lane opens a connection."""
        self._called.discard(lane)
        self._open += 1
        if not lane.is_proven:
            self._tries.add(lane)

    def opened(self, lane: Lane) -> None:
        """A host granted it: no try any more."""
        self._tries.discard(lane)

    def closed(self, lane: Lane) -> None:
        """A connection of the lane is over, or came to nothing."""
        self._open -= 1
        self._tries.discard(lane)

    def wait(self, lane: Lane) -> None:
        """Remember that the lane would open a connection."""
        self.forget(lane)
        self._waiting[rank_of(lane)][lane] = None

    def waits(self, lane: Lane) -> bool:
        return any(lane in each for each in self._waiting.values())

    def forget(self, lane: Lane) -> None:
        for each in self._waiting.values():
            each.pop(lane, None)

    def call(self) -> Lane | None:
        """The lane whose turn it is, which waits no longer; None when there is no room for any. Its room is kept until
        it opens a connection or passes."""
        for rank, lanes in self._waiting.items():
            if lanes and self._has_room(rank):
                lane = next(iter(lanes))
                del lanes[lane]
                self._called.add(lane)
                return lane
        return None

    def passes(self, lane: Lane) -> None:
        """It has nothing to carry."""
        self._called.discard(lane)

    def pass_all(self) -> None:
        """Nobody's turn lasts for longer than a poll, whatever became of what was to be claimed."""
        self._called.clear()

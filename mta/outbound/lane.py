"""A lane: one site's deliveries in this carrier, and how long the site asked us to wait.

Pure bookkeeping: the scheduler fills it, the courier's connections empty it. Transactional deliveries overtake the
others.
"""

from collections import deque
from dataclasses import dataclass, field

from mta.queue.delivery import Stream
from mta.queue.queue import Claimed
from mta.routing.routes import Route


@dataclass(slots=True)
class Lane:
    site: str
    route: Route
    limit: int  # connections this carrier may hold to the site
    domains: set[str] = field(default_factory=set)  # folded into this site, with more due than was claimed
    urgent: deque[Claimed] = field(default_factory=deque)
    bulk: deque[Claimed] = field(default_factory=deque)
    promised: int = 0  # room held for deliveries that are being accepted
    connections: int = 0  # open, or being opened
    idle: int = 0  # of those, waiting for something to carry
    retry_ms: int = 0  # the site's back-off, as far as this carrier knows
    failures: int = 0

    def __len__(self) -> int:
        return len(self.urgent) + len(self.bulk)

    @property
    def room(self) -> int:
        """How many more deliveries to claim: enough to keep every connection busy, no more."""
        return max(0, 4 * self.limit - len(self) - self.promised)

    @property
    def is_hungry(self) -> bool:
        """More is due than was claimed, and what was claimed is nearly carried."""
        return bool(self.domains) and len(self) <= self.limit

    @property
    def wants_connection(self) -> bool:
        return len(self) > self.idle and self.connections < self.limit

    def put(self, each: Claimed) -> None:
        (self.urgent if each.stream is Stream.TRANSACTIONAL else self.bulk).append(each)

    def take(self) -> Claimed | None:
        if self.urgent:
            return self.urgent.popleft()
        return self.bulk.popleft() if self.bulk else None

    def empty(self) -> list[Claimed]:
        """All that waits, taken out."""
        out = [*self.urgent, *self.bulk]
        self.urgent.clear()
        self.bulk.clear()
        return out

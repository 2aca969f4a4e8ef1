"""What one listener is carrying at this moment, and how often each of its limits was met."""

from collections import Counter

from mta.inbound.settings import DoorSettings


class Load:
    """Shared by the sessions of one listener in one process; only its event loop touches it.

    hits: how often a limit was met, under the name of its setting. octets: of all messages being received or committed.
    """

    def __init__(self, settings: DoorSettings) -> None:
        self._settings = settings
        self._sessions: Counter[str] = Counter()
        self._strangers = 0  # sessions of those who have not shown who they are
        self.octets = 0
        self.hits: Counter[str] = Counter()

    def enter(self, ip: str) -> bool:
        """Count a client's new session; False when it has too many. Each `enter` needs its `leave`."""
        self._sessions[ip] += 1
        is_stranger = self._settings.is_stranger(ip)
        self._strangers += is_stranger
        limit, most = self._settings.limit_of(ip)
        if self._sessions[ip] > most:
            self.hit(limit)
            return False
        if is_stranger and self._strangers > self._settings.most_strangers:
            self.hit("max_strangers")
            return False
        return True

    def is_known(self, ip: str) -> None:
        """A client of this address showed who it is: its session is no stranger's any more."""
        self._strangers -= self._settings.is_stranger(ip)

    def leave(self, ip: str, *, was_known: bool = False) -> None:
        """A session of this client is over. `was_known`: it had shown who it is."""
        self._strangers -= self._settings.is_stranger(ip) and not was_known
        self._sessions[ip] -= 1
        if not self._sessions[ip]:
            del self._sessions[ip]

    def hold(self, before: int, after: int) -> bool:
        """A message in memory grew (or shrank); False when all of them together are too large."""
        self.octets += after - before
        return after <= before or self.octets <= self._settings.max_memory

    def hit(self, limit: str) -> None:
        """Count that a limit was met; "" is none."""
        if limit:
            self.hits[limit] += 1

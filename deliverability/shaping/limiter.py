"""How much at once, and how fast: slots and token buckets. Time comes as an argument (seconds)."""

from dataclasses import dataclass, field
from typing import Final

_DUST: Final = 1e-6  # of a token: what sums of floating-point fractions may lack


@dataclass(slots=True)
class TokenBucket:
    """At most `rate` tokens a second in the long run, `burst` of them at once. It begins full."""

    rate: float
    burst: float = 1.0
    _tokens: float = field(init=False)
    _as_of: float = field(init=False, default=float("-inf"))

    def __post_init__(self) -> None:
        if self.rate <= 0 or self.burst < 1:
            raise ValueError("a bucket needs a rate above 0 and room for one token")
        self._tokens = self.burst

    def take(self, now: float, count: float = 1.0, leave: float = 0.0) -> bool:
        """Take tokens if they are there and `leave` of them stay for others; all or none."""
        self._fill(now)
        if self._tokens < min(count + leave, self.burst) - _DUST:
            return False
        self._tokens -= count
        return True

    def wait(self, now: float, count: float = 1.0, leave: float = 0.0) -> float:
        """Seconds until `take` would succeed; 0 when it would now."""
        self._fill(now)
        short = min(count + leave, self.burst) - self._tokens
        return short / self.rate if short > _DUST else 0.0

    def level(self, now: float) -> float:
        """How many tokens are there; under 0 while some are owed."""
        self._fill(now)
        return self._tokens

    def set_rate(self, rate: float, now: float) -> None:
        """Go on at another rate; what was saved up stays."""
        if rate <= 0:
            raise ValueError("a bucket needs a rate above 0")
        self._fill(now)
        self.rate = rate

    def _fill(self, now: float) -> None:
        if now > self._as_of:
            self._tokens = min(self.burst, self._tokens + (now - self._as_of) * self.rate)
        self._as_of = now  # a clock that stands still or steps back adds nothing; from there it counts on


@dataclass(slots=True)
class Slots:
    """At most `limit` things at once, such as the connections to a site."""

    limit: int
    taken: int = 0

    @property
    def free(self) -> int:
        """How many may be taken; 0 also when the limit was lowered below what is taken."""
        return max(0, self.limit - self.taken)

    def take(self) -> bool:
        """Take one, if one is free."""
        if self.taken >= self.limit:
            return False
        self.taken += 1
        return True

    def give_back(self) -> None:
        """Give one back. ValueError when none was taken: a fault of the caller."""
        if self.taken == 0:
            raise ValueError("no slot is taken")
        self.taken -= 1

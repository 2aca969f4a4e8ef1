"""What a request says, read into values: filters, sorts, pages. Whatever makes no sense is a Refusal that says so.

Words come from a query string, or from a JSON body: both are text or numbers by name.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from deliverability.settings import parse_duration
from engine.control.refusal import Refusal
from mta.ports import to_ms
from mta.queue.delivery import State, Stream
from mta.queue.listing import Wanted
from mta.queue.operating import Batch

_CURSOR: Final = re.compile(r"-?[0-9]{1,18}\.[0-9]{1,18}")
_BATCH: Final = re.compile(r"([0-9]{1,18})-([0-9]{1,18})-([0-9]{1,18})")
_NUMBER: Final = re.compile(r"[0-9]{1,12}")
FILTERS: Final = ("site", "domain", "stream", "campaign", "state", "q", "older", "younger", "due_within")


class Asked:
    """The words of one request."""

    def __init__(self, words: Mapping[str, Any]) -> None:
        self._words = words

    def text(self, name: str) -> str:
        value = self._words.get(name, "")
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise Refusal(f"{name} is no text")
        return str(value).strip()

    def one_of(self, name: str, words: Sequence[str]) -> str:
        """One of these; the first when nothing is said."""
        word = self.text(name) or words[0]
        if word not in words:
            raise Refusal(f"{name} is not {word[:40]!r}", f"there are: {', '.join(words)}")
        return word

    def number(self, name: str, default: int, *, least: int = 0, most: int = 1 << 40) -> int:
        word = self.text(name) or str(default)
        if not _NUMBER.fullmatch(word):
            raise Refusal(f"{name} is a number")
        return min(most, max(least, int(word)))

    def cursor(self) -> str:
        """Where to go on: as an answer before said it."""
        word = self.text("after")
        if word and not _CURSOR.fullmatch(word):
            raise Refusal("after is what the page before said")
        return word

    def stream(self) -> Stream | None:
        word = self.one_of("stream", ("", *(each.word for each in Stream)))
        return next((each for each in Stream if each.word == word), None)

    def state(self) -> State | None:
        words = {each.word: each for each in State}
        word = self.text("state")
        if word and word not in words:
            raise Refusal(f"{word[:40]} is no state of a delivery", f"there are: {', '.join(words)}")
        return words.get(word)

    def wanted(self, now: datetime, state: State | None = None) -> Wanted:
        """Which deliveries; of this state where one is given, else of the one that is asked for."""
        older, younger, within = self._ms("older"), self._ms("younger"), self._ms("due_within")
        return Wanted(
            site=self.text("site"), domain=self.text("domain"), stream=self.stream(), campaign=self.text("campaign"),
            state=state or self.state(), text=self.text("q"),
            accepted_before=None if older is None else to_ms(now) - older,
            accepted_since=None if younger is None else to_ms(now) - younger,
            due_before=None if within is None else to_ms(now) + within + 1,
        )  # fmt: skip

    def batch(self) -> Batch | None:
        """What one command did, as its answer named it."""
        word = self.text("batch")
        found = _BATCH.fullmatch(word)
        if word and not found:
            raise Refusal("batch is what an answer before said")
        return Batch(int(found[1]), int(found[2]), int(found[3])) if found else None

    def duration(self, name: str) -> timedelta | None:
        """How long; None when nothing is said."""
        word = self.text(name)
        if not word:
            return None
        try:
            return parse_duration(word)
        except ValueError as err:
            raise Refusal(f"{name}: {err}") from None

    def _ms(self, name: str) -> int | None:
        span = self.duration(name)
        return None if span is None else int(span.total_seconds() * 1000)

"""The record of a dialogue: its lines with their times, for those who ask later what was said. No I/O.

What is said to log in is not in it, and of a message only its size. Noting costs a tuple; words are made only when they
are asked for, and are bounded whatever the other side says.
"""

from collections.abc import Callable
from typing import Final

from deliverability.reply import Reply
from mta.smtp.outcome import Stage

LINES: Final = 60  # kept of one dialogue: of a longer one its beginning and its end
CHARACTERS: Final = 300  # of one line
ENTRIES: Final = 100  # noted of one dialogue
SHORT: Final = 120  # characters of the short form: only times, nobody's words

Entry = tuple[float, Stage, bytes | int | Reply]  # when, of what, and what was said; a message is its size


class Record:
    """Of one connection. `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._began = monotonic()
        self._opening: list[Entry] = []
        self._entries: list[Entry] = []
        self._is_fresh = True  # no message yet

    def said(self, stage: Stage, octets: bytes) -> None:
        """We say this."""
        if stage is Stage.AUTH:
            octets = b" ".join(octets.split()[:2]) + b" ..."
        self._note(stage, len(octets) if stage is Stage.DOT else octets)

    def heard(self, stage: Stage, reply: Reply) -> None:
        """This was the answer."""
        self._note(stage, reply)

    def begin(self) -> None:
        """A message begins: what was said before the first one belongs to it, what was said of others does not."""
        self._opening, self._entries = (self._entries if self._is_fresh else []), []
        self._is_fresh = False
        self._began = self._opening[0][0] if self._opening else self._monotonic()

    def whole(self, end: str = "") -> str:
        """All lines, each with its seconds since the beginning. `end`: in our words what ended it."""
        lines = [line for entry in (*self._opening, *self._entries) for line in self._lines(entry)]
        if end:
            lines.append(f"{self._monotonic() - self._began:+.3f} -: {end[:CHARACTERS]}")
        if len(lines) > LINES:
            half = LINES // 2
            lines = [*lines[:half], f"({len(lines) - 2 * half} lines left out)", *lines[-half:]]
        return "\n".join(lines)

    def short(self) -> str:
        """How long each answer took, in milliseconds."""
        parts = []
        last = self._entries[0][0] if self._entries else 0.0
        for at, stage, what in self._entries:
            if isinstance(what, Reply):
                parts.append(f"{stage} {(at - last) * 1000:.0f}")
                last = at
        return (" ".join(parts) + " ms")[:SHORT] if parts else ""

    def _note(self, stage: Stage, what: bytes | int | Reply) -> None:
        if len(self._entries) < ENTRIES:
            self._entries.append((self._monotonic(), stage, what))

    def _lines(self, entry: Entry) -> list[str]:
        at, _, what = entry
        seconds = f"{at - self._began:+.3f}"
        if isinstance(what, int):
            return [f"{seconds} C: ({what} octets, the final dot among them)"]
        if isinstance(what, bytes):
            return [f"{seconds} C: {what.decode('utf-8', 'replace').rstrip()[:CHARACTERS]}"]
        code = f"{what.code}"
        texts = [f"{what.enhanced} {line}" if what.enhanced else line for line in what.lines] or [""]
        marks = ["-"] * (len(texts) - 1) + [" "]
        return [f"{seconds} S: {code}{mark}{text}"[:CHARACTERS] for mark, text in zip(marks, texts, strict=True)]

"""What is measured: cells of size x sessions x messages, the letters that are sent, and what one cell came to. Pure."""

from dataclasses import dataclass, field
from typing import Final

DOMAIN: Final = "bench.example"
SELECTOR: Final = "s1"
DOMAINS: Final = 5  # of recipients

_HEAD: Final = (
    "From: News <news@bench.example>\nTo: Reader <reader@rcpt.example>\nSubject: Your weekly letter, number 42\n"
    "Date: Sat, 21 Nov 2026 12:00:00 +0000\nMessage-ID: <bench.1@bench.example>\nMIME-Version: 1.0\n"
    "List-Unsubscribe: <https://bench.example/u/abc>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n"
    'Content-Type: multipart/alternative; boundary="b1"\n\n--b1\nContent-Type: text/plain; charset=utf-8\n\n'
    "Hello Ada,\n\nthis is the plain part of the letter.\n\n--b1\nContent-Type: text/html; charset=utf-8\n\n"
)
_LINE: Final = '<p style="margin:0 0 12px">Lorem ipsum dolor sit amet, consectetur <b>adipiscing</b> elit.</p>\n'
_TAIL: Final = "--b1--\n"


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """`messages` letters of `size` octets (on the wire, CRLF), over `sessions` connections at once."""

    size: int
    sessions: int
    messages: int

    @property
    def name(self) -> str:
        return f"{self.size / 1024:g} KiB, {self.sessions} session{'s' if self.sessions > 1 else ''}"


FULL: Final = (Cell(2048, 1, 800), Cell(2048, 10, 3000), Cell(2048, 50, 4000), Cell(51200, 10, 1200))
QUICK: Final = (Cell(2048, 1, 200), Cell(2048, 10, 800), Cell(2048, 50, 1200), Cell(51200, 10, 300))


@dataclass(frozen=True, slots=True)
class Result:
    """What one cell came to for one target. Seconds count from the first command to the last 250, or arrival."""

    target: str
    cell: Cell
    accept_seconds: float
    end_to_end_seconds: float
    delivered: int
    cpu_seconds: float  # of all processes of the target
    private_mib: float  # peak, all processes together
    largest_mib: float  # peak of its largest process: a carrier, where the target is Posthouse
    others_percent: float  # of all processors, used by what is no part of this run
    round: int = 0
    trouble: str = ""

    @property
    def is_whole(self) -> bool:
        return self.delivered >= self.cell.messages and not self.trouble

    @property
    def accept_rate(self) -> float:
        return self.cell.messages / self.accept_seconds

    @property
    def end_to_end_rate(self) -> float:
        return self.delivered / self.end_to_end_seconds

    @property
    def cpu_ms(self) -> float:
        return 1000 * self.cpu_seconds / max(self.delivered, 1)


@dataclass(frozen=True, slots=True)
class Latency:
    """One message at a time: milliseconds from MAIL to the 250, and to the arrival of the dot at the next hop."""

    target: str
    arrivals: list[float] = field(repr=False)
    replies: list[float] = field(repr=False)
    lost: int
    unsigned: int
    verified: str  # "20/20"
    round: int = 0


def parse_cells(text: str) -> tuple[Cell, ...]:
    """Cells from "2048:10:3000,51200:10:1000" (octets:sessions:messages). ValueError in clear words."""
    cells = []
    for each in filter(None, text.split(",")):
        parts = each.split(":")
        if len(parts) != 3 or not all(part.isdecimal() and int(part) > 0 for part in parts):
            raise ValueError(f'"{each}" is not octets:sessions:messages (try "2048:10:3000")')
        cells.append(Cell(*map(int, parts)))
    return tuple(cells)


def letter(size: int) -> str:
    """A multipart letter that has exactly `size` octets when its lines end with CRLF; LF ends here."""
    room = size - _octets(_HEAD) - _octets(_TAIL)
    if room < 0:
        raise ValueError(f"a letter has at least {size - room} octets, not {size}")
    body = _LINE * (room // _octets(_LINE))
    rest = room - _octets(body)
    body += "x" * (rest - 2) + "\n" if rest > 2 else ""
    return _HEAD + body + _TAIL


def _octets(text: str) -> int:
    return len(text) + text.count("\n")


def shares(messages: int, sessions: int) -> list[tuple[int, int]]:
    """(sessions, messages) for each load generator: one a recipient domain, as far as the sessions go."""
    count = min(DOMAINS, sessions)
    return [
        (sessions // count + (place < sessions % count), messages // count + (place < messages % count))
        for place in range(count)
    ]

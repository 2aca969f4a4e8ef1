"""A plot for any terminal: a bar a day, or for so many days that it fits on a screen, in plain characters and 80 columns."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

WIDTH: Final = 80
ROWS: Final = 40
_DAY_MS: Final = 86_400_000
_SPANS: Final = (1, 7, 14, 28, 91, 364)  # days of a bar


def bars(times_ms: Iterable[int], began_ms: int, ended_ms: int, what: str) -> Iterator[str]:
    """How many of these moments fall on each day, by UTC, from one time to another."""
    first, last = began_ms // _DAY_MS, max(began_ms, ended_ms) // _DAY_MS
    span = next((each for each in _SPANS if (last - first) // each < ROWS), _SPANS[-1])
    counts = [0] * ((last - first) // span + 1)
    for at_ms in times_ms:
        counts[min(max(0, (at_ms // _DAY_MS - first) // span), len(counts) - 1)] += 1
    yield f"{what} {'a day' if span == 1 else f'in {span} days'}, by the day on which they begin (UTC)"
    most = max([*counts, 1])
    digits = len(f"{most:,}")
    room = WIDTH - 10 - 2 - 1 - digits
    for number, count in enumerate(counts):
        length = round(count / most * room)
        yield f"{_date(first + number * span)} {count:>{digits},} {'#' * (length or (count > 0))}".rstrip()


def _date(day: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date()

"""Figures as they are asked for: added up by day, provider, source, domain or stream, each in one short snapshot."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from deliverability.reputation.figures import BOUNCED, DEFERRED, Figures
from mta.ports import Tx
from mta.queue.delivery import Stream

DIMENSIONS: Final = ("provider", "source", "domain", "stream")
MOST_ROWS: Final = 50_000


@dataclass(frozen=True, slots=True)
class About:
    """Mail that a question is about: of one provider, source, domain or stream; all, where `dimension` is ""."""

    dimension: str = ""
    name: str = ""

    @property
    def words(self) -> str:
        return f"{self.dimension} {self.name}" if self.dimension else ""

    @property
    def where(self) -> tuple[str, tuple[Any, ...]]:
        if not self.dimension:
            return "", ()
        value = _stream_of(self.name) if self.dimension == "stream" else self.name
        return f" AND {self.dimension} = ?", (value,)


def names(tx: Tx, first: int) -> dict[str, tuple[str, ...]]:
    """What there are figures of since that day, by dimension."""
    found = {}
    for each in DIMENSIONS:
        rows = tx.query(f"SELECT DISTINCT {each} FROM reputation_day WHERE day >= ? ORDER BY 1", (first,))
        found[each] = tuple(_shown(each, value) for (value,) in rows)
    return found


def by(tx: Tx, column: str, about: About, first: int) -> dict[str, Figures]:
    """The figures since that day by `column`: one of DIMENSIONS, or "day"."""
    where, params = about.where
    found: dict[str, Figures] = {}
    for value, word, count in tx.query(
        f"SELECT {column}, what, sum(count) FROM reputation_day WHERE day >= ?{where} GROUP BY {column}, what"
        f" ORDER BY {column}",
        (first, *params),
    ):
        found.setdefault(_shown(column, value), Figures()).counts[word] += int(count)
    return found


def said(tx: Tx, about: About, first: int, most: int) -> list[tuple[str, str, int, str, str, int]]:
    """(what, class, count, the last reply, its rule, its message) of what was refused and put off, the most first."""
    where, params = about.where
    rows = tx.query(
        "SELECT what, count, reply, rule, message_id, day FROM reputation_day WHERE day >= ? AND reply <> ''"
        f" AND (what LIKE '{BOUNCED}:%' OR what LIKE '{DEFERRED}:%'){where}",
        (first, *params),
    )
    counts: dict[str, int] = {}
    last: dict[str, tuple[Any, ...]] = {}
    for word, count, reply, rule, message_id, day in rows:
        counts[word] = counts.get(word, 0) + int(count)
        last[word] = max(last.get(word, (0,)), (day, message_id or 0, reply, rule))
    order = sorted(counts, key=lambda word: (-counts[word], word))[:most]
    return [(*_split(word), counts[word], str(last[word][2]), str(last[word][3]), int(last[word][1])) for word in order]


def raw(tx: Tx, about: About, first: int) -> list[tuple[tuple[int, str, str, str, int], dict[str, int]]]:
    """The counts of each kind of mail on each day, in order; MOST_ROWS words of them at most."""
    where, params = about.where
    found: dict[tuple[int, str, str, str, int], dict[str, int]] = {}
    for *kind, word, count in tx.query(
        "SELECT day, provider, source, domain, stream, what, count FROM reputation_day WHERE day >= ?"
        f"{where} ORDER BY day, provider, source, domain, stream, what LIMIT ?",
        (first, *params, MOST_ROWS),
    ):
        found.setdefault((kind[0], kind[1], kind[2], kind[3], kind[4]), {})[word] = int(count)
    return list(found.items())


def total(days: Sequence[Figures]) -> Figures:
    """All of them together."""
    found = Figures()
    for each in days:
        found.add(each.counts)
    return found


def _split(word: str) -> tuple[str, str]:
    what, _, klass = word.partition(":")
    return what, klass


def _shown(column: str, value: Any) -> str:
    return Stream(value).word if column == "stream" else str(value)


def _stream_of(word: str) -> int:
    return next(int(each) for each in Stream if each.word == word)

"""Files of people as rows: read in a stream, with bounds for all that a stranger's file may do to its reader.

A row that can't be read is a row too, with its trouble and its text, so that nothing of a file is ever lost. A quote that
nobody closes would swallow the rest of the file into one cell: then only the line on which it stands is given up, and
reading goes on with the next.
"""

import csv
import io
import json
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

LINE_MAX: Final = 1 << 20  # characters of one line
CELL_MAX: Final = 1 << 16
COLUMNS_MAX: Final = 1000
LINES_OF_A_ROW: Final = 100
SEPARATORS: Final = ",;\t|"

_UNREADABLE: Final = re.compile("[\udc80-\udcff\ufffd]")
_KEPT: Final = 2000  # characters of what can't be read that are kept beside the reason


class NoTable(ValueError):
    """A file whose columns can't be made out; the words say why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `number` is what a spreadsheet calls it (the header is 1). Its cells by place (CSV) or by name (JSON);
    where it can't be read, `trouble` says why, and `cells` hold what there is of it."""

    number: int
    cells: Sequence[str] | Mapping[str, Any]
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A file as rows. `header` names the columns; JSON rows name their own, and it holds those of the first ones."""

    name: str
    header: tuple[str, ...]
    rows: Iterator[Row] = field(repr=False)
    separator: str = ""


class _Lines:
    """Lines of bounded length, of which some can be given back."""

    def __init__(self, stream: BinaryIO, codec: str) -> None:
        errors = "replace" if codec.startswith("utf-16") else "surrogateescape"
        self._text = io.TextIOWrapper(stream, codec, errors=errors, newline="")
        self._back: deque[str] = deque()
        self.taken: list[str] = []  # since it was last cleared

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        is_known = bool(self._back)
        line = self._back.popleft() if is_known else self._text.readline(LINE_MAX)
        if not line:
            raise StopIteration
        if len(line) >= LINE_MAX and line[-1] not in "\r\n":
            rest = "\n" if is_known else line  # what follows it was read over the first time
            while rest and rest[-1] not in "\r\n":
                rest = self._text.readline(LINE_MAX)
            self.taken.append(line)
            raise _TooLong
        self.taken.append(line)
        return line

    def give_back(self, lines: Sequence[str]) -> None:
        self._back.extendleft(reversed(lines))


class _TooLong(Exception):
    pass


def read_csv(name: str, stream: BinaryIO, codec: str, *, separator: str = "", columns: int | None = None) -> Table:
    """A CSV file; its separator is found unless it is given. NoTable."""
    lines = _Lines(stream, codec)
    sample = _sample(lines)
    if sample and (said := re.fullmatch(r'"?sep=(.)"?\s*', sample[0].lstrip("\ufeff"))):
        separator, sample = separator or said[1], sample[1:]
    if not any(each.strip() for each in sample):
        raise NoTable("there is nothing in the file")
    if len(sample[0]) >= LINE_MAX:
        raise NoTable(f"its first line is longer than {LINE_MAX:,} characters")
    separator = separator or find_separator(sample)
    lines.give_back(sample)
    csv.field_size_limit(CELL_MAX)
    rows = _csv_rows(lines, separator)
    first = next(rows, None)
    if first is None or first.trouble or not isinstance(first.cells, list):
        raise NoTable(f"its first line can't be read: {first.trouble if first else 'it is blank'}")
    header = [each.strip() for each in first.cells]
    if len(header) > COLUMNS_MAX:
        raise NoTable(f"it has {len(header):,} columns; {COLUMNS_MAX:,} are read at most")
    if mailbox := next((number for number, each in enumerate(header, 1) if "@" in each), 0):
        # No header: people from the first line on.
        named = tuple("address" if number == mailbox else f"{number}" for number in range(1, len(header) + 1))
        return Table(name, named, _checked(_chained(first, rows), len(header), lines), separator)
    return Table(name, tuple(header), _checked(rows, len(header), lines), separator)


def _sample(lines: _Lines, count: int = 30) -> list[str]:
    """The first lines; of one that is too long, its beginning."""
    found: list[str] = []
    while len(found) < count:
        try:
            found.append(next(lines))
        except StopIteration:
            break
        except _TooLong:
            found.append(lines.taken[-1])
    return found


def find_separator(sample: Sequence[str]) -> str:
    """What stands between cells: what splits the first line, and the others into as many."""
    best, found = 0.0, ","
    for each in SEPARATORS:
        try:
            counts = [len(row) for row in csv.reader(sample, delimiter=each) if row]
        except csv.Error:
            continue
        if counts and counts[0] > 1:
            alike = sum(count == counts[0] for count in counts) / len(counts)
            if alike * (1 + min(counts[0], 20) / 100) > best:
                best, found = alike * (1 + min(counts[0], 20) / 100), each
    return found


def _csv_rows(lines: _Lines, separator: str) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=separator, strict=True)
    number = 0
    while True:
        lines.taken.clear()
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _TooLong) as err:
            words = f"a line is longer than {LINE_MAX:,} characters" if isinstance(err, _TooLong) else _words(err)
            yield _given_up(lines, number, words)
            continue
        if len(lines.taken) > LINES_OF_A_ROW:
            yield _given_up(lines, number, f"a cell goes over more than {LINES_OF_A_ROW} lines: a quote is not closed")
            continue
        if cells:
            if number == 1:
                cells[0] = cells[0].lstrip("\ufeff")
            yield Row(number, cells)


def _words(err: Exception) -> str:
    text = str(err)
    if "field larger" in text:
        return f"a cell is longer than {CELL_MAX:,} characters, or a quote is not closed"
    return "a quote is not closed" if "end of data" in text else f"its quotes are not those of CSV ({text})"


def _given_up(lines: _Lines, number: int, words: str) -> Row:
    """The first line of what could not be read; the others are read anew."""
    first, rest = lines.taken[0], lines.taken[1:]
    lines.give_back(rest)
    return Row(number, [first.rstrip("\r\n")[:_KEPT]], words)


def _chained(first: Row, rows: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rows


def _checked(rows: Iterator[Row], columns: int, lines: _Lines) -> Iterator[Row]:
    """Rows with as many cells as there are columns, all of them readable; what is wrong with the others."""
    for row in rows:
        if row.trouble:
            yield row
            continue
        cells = row.cells
        assert isinstance(cells, list)
        if not any(cells):
            continue  # a line of separators, as spreadsheets leave them at the end
        text = lines.taken[0] if len(lines.taken) == 1 else "".join(lines.taken)
        if len(cells) != columns:
            words = f"it has {len(cells):,} cells where the header has {columns}"
            yield (
                _given_up(lines, row.number, words)
                if len(lines.taken) > 1
                else Row(row.number, cells[: columns + 20], words)
            )
        elif not text.isascii() and _UNREADABLE.search(text):
            yield Row(row.number, cells, "some octets are no text in this encoding")
        elif "\0" in text:
            yield Row(row.number, cells, "it holds a NUL")
        else:
            yield row


def read_json_lines(name: str, stream: BinaryIO, codec: str) -> Table:
    """A file with one JSON object a line. NoTable where the first lines are none."""
    lines = _Lines(stream, codec)
    sample = _sample(lines)
    known: dict[str, None] = {}
    good = 0
    for line in sample:
        row = _json_row(0, line)
        if not row.trouble:
            good += 1
            known.update(dict.fromkeys(row.cells))
    if not good:
        raise NoTable("none of its first lines is a JSON object")
    if len(known) > COLUMNS_MAX:
        raise NoTable(f"its objects have {len(known):,} names; {COLUMNS_MAX:,} are read at most")
    lines.give_back(sample)
    return Table(name, tuple(known), _json_rows(lines))


def _json_rows(lines: _Lines) -> Iterator[Row]:
    number = 0
    while True:
        number += 1
        lines.taken.clear()
        try:
            line = next(lines)
        except StopIteration:
            return
        except _TooLong:
            yield Row(number, [lines.taken[0][:_KEPT]], f"the line is longer than {LINE_MAX:,} characters")
            continue
        if line.strip():
            yield _json_row(number, line)


def _json_row(number: int, line: str) -> Row:
    text = [line.rstrip("\r\n")[:_KEPT]]
    if _UNREADABLE.search(line):
        return Row(number, text, "some octets are no text in this encoding")
    try:
        found = json.loads(line.lstrip("\ufeff"), parse_constant=_no_number)
    except (ValueError, RecursionError) as err:
        return Row(number, text, f"it is no JSON: {str(err)[:100]}")
    if not isinstance(found, dict):
        return Row(number, text, "it is no JSON object")
    return Row(number, found)


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")

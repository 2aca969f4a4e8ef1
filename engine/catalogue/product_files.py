"""Files of products: CSV with a head line, a JSON list, or one JSON object a line. Read in a stream, checked row by row."""

import csv
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from engine.catalogue.products import WORDS, ProductError, read_product

LINE_MAX: Final = 20_000  # characters
LIST_MAX: Final = 64 * 1024 * 1024  # characters of a JSON list


def read_products(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Each product, as `read_product` gives it. ProductError, with the line, at the first that is none."""
    stream = iter(lines)
    first = next((line for line in stream if line.strip()), "").lstrip("\ufeff")
    match first.lstrip()[:1]:
        case "[":
            return _from_list(first, stream)
        case "{":
            return _from_lines(first, stream)
    return _from_table(first, stream)


def _from_list(first: str, lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    text, size = [first], len(first)
    for line in lines:
        size += len(line)
        if size > LIST_MAX:
            raise ProductError("the list is too long: write one JSON object a line")
        text.append(line)
    told = _parsed("".join(text), "the file")
    for number, each in enumerate(told if isinstance(told, list) else (), start=1):
        yield _product(each, f"product {number}")


def _from_lines(first: str, lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    yield _product(_parsed(first, "line 1"), "line 1")
    for number, line in enumerate(lines, start=2):
        if line.strip():
            yield _product(_parsed(line[:LINE_MAX], f"line {number}"), f"line {number}")


def _from_table(first: str, lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    try:
        names = [name.strip().lower() for name in next(csv.reader([first]), [])]
        if "sku" not in names or len(set(names)) < len(names) or set(names) - set(WORDS):
            raise ProductError(
                f"line 1: the first line names the columns, among them sku (known are {', '.join(WORDS)})"
            )
        rows = csv.reader(line[:LINE_MAX] for line in lines)
        for row in rows:
            if any(cell.strip() for cell in row):
                if len(row) != len(names):
                    raise ProductError(f"line {rows.line_num + 1}: {len(row)} cells under {len(names)} columns")
                yield _product(dict(zip(names, row, strict=True)), f"line {rows.line_num + 1}")
    except csv.Error as err:
        raise ProductError(f"no CSV: {err}") from None


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ProductError(f"{where}: is nested too deeply") from None
    except ValueError as err:
        raise ProductError(f"{where}: is no JSON: {str(err)[:100]}") from None


def _product(told: Any, where: str) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise ProductError(f'{where}: an object is expected, such as {{"sku": "T-1"}}')
    try:
        return read_product(told)
    except ProductError as err:
        raise ProductError(f"{where}: {err}") from None

"""Asking for many rows in one statement, whose text is one of a few, so that it stays prepared."""

from collections.abc import Sequence
from typing import Any


def in_list(values: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """(marks, parameters) for `IN (marks)`: filled up to a power of two with the last of them. There must be one."""
    room = 1 << (len(values) - 1).bit_length()
    return ",".join("?" * room), (*values, *[values[-1]] * (room - len(values)))

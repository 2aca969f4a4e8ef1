"""docs/retention.md is whole and true: every table stands there once, settings have the defaults it says, and what it says
is let go of is deleted somewhere."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.config import Config
from engine.store import tables as engine_tables
from mta.queue import tables as queue_tables

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "retention.md").read_text("utf-8")
TABLES = sorted(each._meta.table_name for each in (*queue_tables.TABLES, *engine_tables.TABLES))  # type: ignore[attr-defined]
ROWS = [
    (re.findall(r"`([a-z_]+)`", row.split("|")[1]), row) for row in PAGE.splitlines() if row.startswith("| `")
]  # fmt: skip
CODE = "".join(file.read_text("utf-8") for part in ("engine", "mta") for file in (ROOT / part).rglob("*.py"))


def default(setting: str) -> Any:
    value: Any = Config(hostname="mail.shop.example")
    for part in setting.split("."):
        value = getattr(value, part)
    return value


def test_every_table_stands_there_once() -> None:
    named = sorted(name for names, _ in ROWS for name in names)
    assert named == TABLES


@pytest.mark.parametrize("setting", sorted(set(re.findall(r"`([a-z]+\.[a-z_]+)`", PAGE))))
def test_a_setting_that_is_named_is_there(setting: str) -> None:
    assert default(setting) is not None


def test_a_time_that_is_said_is_the_setting_s_default() -> None:
    section = PAGE.partition("## Let go of after a time")[2].partition("\n## ")[0]
    for row in (row for _, row in ROWS if row in section):
        kept, setting = (cell.strip() for cell in row.split("|")[2:4])
        assert default(setting.strip("`")) == timedelta(days=int(kept.split()[0])), row
    for days, setting in re.findall(r"(\d+) days \(`([a-z_.]+)`\)", PAGE):
        assert default(setting) == timedelta(days=int(days)), setting
    assert f"({default('backup.keep')})" in PAGE


def test_what_is_let_go_of_is_deleted_somewhere() -> None:
    section = PAGE.partition("## Let go of after a time")[2].partition("\n## One row")[0]
    for names, row in ROWS:
        for name in names if row in section else ():
            assert re.search(rf"DELETE (FROM )?{name}\b", CODE) or f'"{name}"' in CODE or f'"{name} WHERE' in CODE, name

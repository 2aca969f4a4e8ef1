"""The log's lines: gathered by a busy carrier, in order, and none of a warning's kept waiting."""

import asyncio
import io
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.log import ForJournal, JsonLines, Lines, TextLines, formatter


class Written(io.StringIO):
    """Remembers how often it was written to."""

    def __init__(self) -> None:
        super().__init__()
        self.times = 0
        self.was_flushed = asyncio.Event()

    def write(self, text: str) -> int:
        self.times += 1
        return super().write(text)

    def flush(self) -> None:
        self.was_flushed.set()


@pytest.fixture
def written() -> Written:
    return Written()


@pytest.fixture
def log(written: Written) -> Iterator[logging.Logger]:
    logger, handler = logging.getLogger("test.lines"), Lines(written)
    handler.setFormatter(TextLines())
    logger.handlers[:], logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
    yield logger
    logger.handlers.clear()


def _lines(written: Written) -> list[str]:
    return [line.split()[1] for line in written.getvalue().splitlines()]


def gather(log: logging.Logger) -> None:
    _handler(log).gather()


def _handler(log: logging.Logger) -> Lines:
    return next(each for each in log.handlers if isinstance(each, Lines))


def test_a_line_is_written_at_once_where_nobody_gathers(log: logging.Logger, written: Written) -> None:
    log.info("one")
    assert _lines(written) == ["one"]
    log.info("two")
    assert _lines(written) == ["one", "two"]


async def test_lines_of_a_moment_leave_in_one_write(log: logging.Logger, written: Written) -> None:
    gather(log)
    for word in ("one", "two", "three"):
        log.info(word)
    assert written.times == 0
    async with asyncio.timeout(60):
        await written.was_flushed.wait()
    assert (written.times, _lines(written)) == (1, ["one", "two", "three"])


async def test_a_warning_waits_for_nothing_and_keeps_the_order(log: logging.Logger, written: Written) -> None:
    gather(log)
    log.info("before")
    log.warning("warning")
    assert _lines(written) == ["before", "warning"]
    log.info("after")
    assert _lines(written) == ["before", "warning"]
    _handler(log).flush()
    assert _lines(written) == ["before", "warning", "after"]


async def test_what_another_thread_says_is_written_at_once(log: logging.Logger, written: Written) -> None:
    gather(log)
    log.info("before")
    await asyncio.to_thread(log.info, "beside")
    assert _lines(written) == ["before", "beside"]


async def test_the_end_of_logging_writes_what_waits(log: logging.Logger, written: Written) -> None:
    gather(log)
    log.info("last")
    _handler(log).flush()  # as logging.shutdown does with every handler
    assert _lines(written) == ["last"]


def test_a_line_for_the_journal_has_its_level_before_it_and_forges_none(written: Written) -> None:
    lines = ForJournal(JsonLines())
    record = logging.makeLogRecord(
        {"levelno": logging.WARNING, "levelname": "WARNING", "msg": "a\n<0>b", "to": "\n<0>x"}
    )
    assert lines.format(record).startswith('<4>{"level": "warning"')
    assert "\n" not in lines.format(record)


def test_only_a_stream_that_systemd_opened_gets_levels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "stderr").open("w") as stream:
        monkeypatch.setenv("JOURNAL_STREAM", "1:1")
        assert isinstance(formatter(stream, as_json=True), JsonLines)
        at = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{at.st_dev}:{at.st_ino}")
        assert isinstance(formatter(stream, as_json=True), ForJournal)

"""The bench's pure parts. What it measures is no test: rates belong to a machine."""

import os
import pty
import subprocess

import pytest

from bench.cells import Cell, Latency, Result, letter, parse_cells, shares
from bench.ptys import Terminal
from bench.report import percentile, ratios, tables

CELL = Cell(2048, 10, 100)


def result(target: str, seconds: float, cpu: float, *, number: int = 0, delivered: int = 100) -> Result:
    return Result(target, CELL, seconds / 2, seconds, delivered, cpu, 40.0, 20.0, 3.0, number)


@pytest.mark.parametrize("size", [1024, 2048, 2049, 51200])
def test_a_letter_has_the_size_asked_for_on_the_wire(size: int) -> None:
    assert len(letter(size).replace("\n", "\r\n")) == pytest.approx(size, abs=2)


def test_a_letter_too_small_for_its_header_is_refused() -> None:
    with pytest.raises(ValueError, match="at least"):
        letter(100)


def test_cells_are_read_from_the_command_line() -> None:
    assert parse_cells("2048:1:20,51200:10:5") == (Cell(2048, 1, 20), Cell(51200, 10, 5))


@pytest.mark.parametrize("text", ["2048", "2048:x:1", "2048:0:10", "1:2:3:4"])
def test_a_cell_that_is_none_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parse_cells(text)


@pytest.mark.parametrize(("messages", "sessions"), [(100, 1), (101, 3), (1000, 50), (7, 12)])
def test_load_generators_share_all_sessions_and_all_messages(messages: int, sessions: int) -> None:
    found = shares(messages, sessions)
    assert sum(one for one, _ in found) == sessions
    assert sum(one for _, one in found) == messages


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(each) for each in range(1, 101)]
    assert (percentile(values, 50), percentile(values, 99), percentile([7.0], 99)) == (50.0, 99.0, 7.0)


def test_ratios_pair_what_was_measured_in_the_same_round() -> None:
    runs = [result("posthouse", 1, 0.1), result("peer", 4, 0.5), result("posthouse", 2, 0.1, number=1)]
    assert ratios(runs, CELL, "peer") == [(4.0, pytest.approx(0.2))]


def test_a_run_that_lost_messages_counts_in_no_median() -> None:
    shown = tables([result("posthouse", 1, 0.1), result("posthouse", 9, 0.9, number=1, delivered=99)], [])
    assert "1, 1 not whole" in shown
    assert "| 100 (100) |" in shown


def test_latencies_of_all_rounds_are_judged_together() -> None:
    runs = [
        Latency("posthouse", [1.0] * 50, [0.5] * 50, 0, 0, "20/20"),
        Latency("posthouse", [3.0] * 50, [0.5] * 50, 1, 2, "19/20", 1),
    ]
    assert "| posthouse | 1.0 | 3.0 | 0.5 | 0.5 | 2 not | 20/20, 19/20 | 1 |" in tables([], runs)


def test_a_terminal_whose_application_has_ended_is_read_to_its_end() -> None:
    far, near = pty.openpty()
    with subprocess.Popen(["printf", "bye"], stdin=near, stdout=near, stderr=near) as process:
        os.close(near)
        process.wait()
        one = Terminal(far, process, 0.0)
        one.rest()
        assert bytes(one.written) == b"bye"
    os.close(far)

"""What commands print, where nothing takes it: a line that says so, and no exit code of success."""

import os
import subprocess
import sys
from collections.abc import Sequence

import pytest

from engine import output
from engine.commands import run

PROGRAMS = {
    "posthouse": "import sys; from tui.cli import main; sys.exit(main())",
    "posthoused": "from engine.cli import main; main()",
}


@pytest.mark.parametrize("words", [["mail", "list"], ["flow", "schema"], ["--version"], ["mail", "new", "--help"]])
def test_output_that_a_full_disk_does_not_take_fails_in_one_line(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert run(words) == 1
        assert sys.stdout is full
    told = "posthouse: what is printed can't be written: No space left on device\n"
    assert capsys.readouterr().err == told


def program(words: Sequence[str], stdout: int) -> tuple[int, str]:
    """(exit code, what it says on standard error) of a program of ours that prints there."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAMS[words[0]], *words[1:]], stdout=stdout, stderr=subprocess.PIPE, text=True
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "words", [["posthouse", "--keys"], ["posthouse", "--help"], ["posthoused", "--help"], ["posthoused", "--version"]]
)
def test_each_of_our_programs_says_so_too_and_no_traceback(words: list[str]) -> None:
    full, (reader, writer) = os.open("/dev/full", os.O_WRONLY), os.pipe()
    os.close(reader)
    told = f"{words[0]}: what is printed can't be written: No space left on device\n"
    assert program(words, full) == (1, told)
    assert program(words, writer) == (141, "")
    os.close(full)
    os.close(writer)


def test_a_pipe_that_nobody_reads_is_no_trouble_to_be_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert run(["--version"]) == 141
    assert capsys.readouterr().err == ""


def test_octets_that_go_out_as_they_are_are_watched_as_words_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def octets() -> int:
        sys.stdout.buffer.write(b"x" * 1_000_000)
        return 0

    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert output.printed(octets, "posthouse") == 1
    assert "No space left on device" in capsys.readouterr().err

"""What commands print, where nothing takes it: a line that says so, and no exit code of success."""

import os
import sys

import pytest

from engine.commands import output, run


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


def test_a_pipe_that_nobody_reads_is_no_trouble_to_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    pipe = os.fdopen(writer, "w")
    monkeypatch.setattr(sys, "stdout", pipe)
    with pytest.raises(BrokenPipeError):
        run(["--version"])
    with pytest.raises(BrokenPipeError):
        pipe.close()


def test_octets_that_go_out_as_they_are_are_watched_as_words_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(output.Unwritten), output.watched():
            sys.stdout.buffer.write(b"x" * 1_000_000)
        output.drop()

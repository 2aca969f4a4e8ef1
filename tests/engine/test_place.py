"""Where commands look for the socket and the configuration."""

import errno
import os
from pathlib import Path

import pytest

from engine.commands import run
from engine.commands.common import config_file
from engine.config import load
from engine.control import place
from engine.faults import ConfigFaults


def test_whoever_stands_in_a_folder_that_is_shut_to_them_gets_the_systems_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def shut(path: object, **_: object) -> os.stat_result:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.delenv("POSTHOUSE_CONFIG", raising=False)
    monkeypatch.delenv("POSTHOUSE_SOCKET", raising=False)
    monkeypatch.setattr(os, "stat", shut)  # as the kernel says it in /root to anybody else
    found = place.socket_path(), config_file(None)
    monkeypatch.undo()
    assert found == (place.SYSTEM_SOCKET, place.SYSTEM_CONFIG)
    assert not place.is_there(Path("var/no-such-file"))


def test_a_pipe_in_the_configuration_s_place_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "posthouse.toml")
    with pytest.raises(place.NoPlace, match="a pipe is no file"):
        place.configured(tmp_path / "posthouse.toml")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("", "posthouse.toml: nothing is set in it: is it whole?"),
        ("[daemon]\nstate_dir =", "posthouse.toml:2: is no TOML: Invalid value (at end of document) (is the file"),
        ("\nhostname = mail.example\n", "posthouse.toml:2: is no TOML: Invalid value (at line 2, column 12) (a text stands"),
        ("[daemon\nstate_dir = 'x'\n", "posthouse.toml:1: is no TOML: Expected ']'"),
        ("[daemon]\nstate_dir = 'x'\nstate_dir = 'y'\n", "posthouse.toml:3: is no TOML: Cannot overwrite a value (at line 3"),
        ('a = "x\nb = 1', "posthouse.toml:1: is no TOML: Illegal character '\\n' (at line 1, column 7) (close the quotes)"),
        ("x = 1\nname = '\xff'", "posthouse.toml:2: can't be read, it is no TOML: octet 0xff is no UTF-8 (save the file as"),
        ("daemon = 1", "posthouse.toml:1: daemon: must be a section"),
        ("[daemon]\nstate_dir = 5", "posthouse.toml:2: daemon.state_dir: must be a "),
    ],
)  # fmt: skip
def test_a_broken_configuration_is_refused_by_commands_as_by_the_daemon_with_its_line_and_what_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], written: str, words: str
) -> None:
    file = tmp_path / "posthouse.toml"
    file.write_bytes(written.encode("latin-1"))
    monkeypatch.delenv("POSTHOUSE_SOCKET", raising=False)
    monkeypatch.setenv("POSTHOUSE_CONFIG", str(file))
    for command in (["health"], ["queue"], ["report", "day", "--config", str(file)]):
        assert run(command) == 2
        assert words in capsys.readouterr().err
    with pytest.raises(ConfigFaults) as refused:
        load(file)
    assert words in str(refused.value)

"""Where commands look for the socket and the configuration."""

import errno
import os
from pathlib import Path

import pytest

from engine.commands.common import config_file
from engine.control import place


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

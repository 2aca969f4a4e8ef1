"""`posthouse db move`: where the password to the new database comes from, and what is to be written down afterwards."""

from pathlib import Path

import pytest

from engine.commands import db, run
from engine.config import load

URL = "postgresql://posthouse@db.example/posthouse"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "posthouse.toml"
    file.write_text(f'hostname = "mail.shop.example"\n[daemon]\nstate_dir = "{tmp_path}"\n[database]\nurl = "{URL}"\n')
    (tmp_path / "password").write_text("hunter2\n")
    (tmp_path / "password").chmod(0o600)
    return file


def test_a_file_is_given_no_password(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["db", "move", str(tmp_path / "back.db"), "--secret", str(tmp_path / "password"), "--config", str(config)]
    assert run(words) == 2
    assert "a file has no password" in capsys.readouterr().err
    assert [each for each in tmp_path.iterdir() if "hunter2" in each.name] == []


def test_a_password_from_a_file_was_in_no_command_line(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, old = load(config), tmp_path / "posthouse.db"
    old.touch()
    ends = db._ends(settings, str(old), URL, tmp_path / "password")
    assert str(ends.new).endswith("?password=hunter2") and not ends.had_secret
    db._say_what_is_next(ends, settings, config)
    told = capsys.readouterr().out
    assert f'url = "{URL}"' in told and f'secret = "{tmp_path / "password"}"' in told
    assert "hunter2" not in told and "command line" not in told
    typed = db._ends(settings, str(old), f"{URL}?password=hunter2", None)
    db._say_what_is_next(typed, settings, config)
    told = capsys.readouterr().out
    assert "command line could be read by others" in told and "hunter2" not in told

"""`posthouse mail preview` and `diff` with what a newcomer may type: refused in words, and nothing outside is shown."""

import os
import re
from pathlib import Path

import pytest

from engine.commands import run

Said = pytest.CaptureFixture[str]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own templates, in a configuration that commands find."""
    file = tmp_path / "posthouse.toml"
    file.write_text(f'hostname = "mail.shop.example"\ntemplates = "{tmp_path}/own"\n')
    monkeypatch.setenv("POSTHOUSE_CONFIG", str(file))
    (tmp_path / "own" / "mail").mkdir(parents=True)
    return tmp_path / "own"


@pytest.mark.parametrize("page", ["nowhere/page.html", "own"])
def test_a_page_that_can_not_be_written_is_told_in_words(own: Path, capsys: Said, page: str) -> None:
    assert run(["mail", "preview", "confirm", "--html", str(own.parent / page)]) == 2
    assert f"{page} can't be written: " in capsys.readouterr().err


def test_a_pipe_that_nobody_reads_is_no_page_and_is_told_at_once(own: Path, capsys: Said) -> None:
    os.mkfifo(own / "pipe")
    assert run(["mail", "preview", "confirm", "--html", str(own / "pipe")]) == 2
    assert f"posthouse: {own / 'pipe'} can't be written: a pipe is no file\n" in capsys.readouterr().err


def test_a_mail_that_is_not_there_differs_from_nothing_and_is_refused(own: Path, capsys: Said) -> None:
    assert run(["mail", "diff", "nope"]) == 2
    assert "there is no mail nope" in capsys.readouterr().err
    assert run(["mail", "diff", "confirm", "brand"]) == 0
    assert capsys.readouterr().out == "no difference\n"


def test_a_difference_shows_nothing_that_lies_outside_the_folder(own: Path, capsys: Said) -> None:
    (own.parent / "secret").write_text("a secret")
    (own / "mail" / "confirm.txt.j2").symlink_to(own.parent / "secret")
    (own / "brand.toml").mkdir()
    (own / "mail" / "confirm.html.j2").write_text("mine\n")
    assert run(["mail", "diff"]) == 0
    told = capsys.readouterr().out
    assert "+mine" in told and "confirm.txt.j2 leads out of its folder" in told and "a secret" not in told


@pytest.mark.parametrize(
    ("words", "named"), [(["new", "probe", "--folder"], "--folder"), (["gallery"], "FOLDER")], ids=["new", "gallery"]
)
@pytest.mark.parametrize(
    ("place", "why"),
    [("own.toml", "(Not a directory|File exists)"), ("/proc/nowhere", "No such file or directory")],
)
def test_a_folder_that_takes_no_files_is_told_in_words(
    own: Path, capsys: Said, words: list[str], named: str, place: str, why: str
) -> None:
    (own.parent / "own.toml").touch()
    assert run(["mail", *words, str(own.parent / place)]) == 2
    told = rf"posthouse: \S*{place}\S* can't be written: {why}\n  {named} names a folder that takes files, or is made\n"
    assert re.fullmatch(told, capsys.readouterr().err)

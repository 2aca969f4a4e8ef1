"""The man pages and the completion that `posthouse manual` writes: whole, well-formed, and as the commands are."""

import os
import subprocess
from pathlib import Path

import pytest

from engine.commands import MODULES, run
from engine.commands.roff import escape
from engine.commands.settings_told import sections
from engine.commands.tree import of_daemon, of_operators


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("share")
    assert run(["manual", "--to", str(folder)]) == 0
    return folder


def completed(share: Path, *words: str) -> list[str]:
    """What bash offers for the last of these words."""
    file = share / "bash-completion" / "completions" / words[0]
    if words[0] != "posthouse":
        file = file.with_name("posthouse")
    script = '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _posthouse; printf "%s\\n" "${COMPREPLY[@]}"'
    plain = os.environ | {"LC_ALL": "C.UTF-8"}  # bash complains of a language that this machine does not know
    done = subprocess.run(
        ("bash", "-c", script, str(file), *words), capture_output=True, text=True, check=True, env=plain
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_every_command_has_a_page_and_the_program_s_page_names_it(share: Path) -> None:
    pages = {each.name for each in (share / "man" / "man1").iterdir()}
    assert pages == {"posthouse.1", *(f"posthouse-{name}.1" for name in MODULES)}
    text = (share / "man" / "man1" / "posthouse.1").read_text("utf-8")
    assert all(f".B {escape(name)}\n" in text for name in MODULES)
    assert (share / "man" / "man8" / "posthoused-serve.8").exists()


def test_a_page_leads_to_pages_that_there_are(share: Path) -> None:
    there = {each.name for each in share.rglob("posthouse*.[158]")}
    for page in share.rglob("posthouse*.[158]"):
        _, _, seen = page.read_text("utf-8").partition(".SH SEE ALSO\n")
        for line in seen.splitlines():
            name, section = line.removeprefix(".BR ").replace("\\-", "-").rstrip(" ,").split(" ")
            assert f"{name}.{section.strip('(),')}" in there, page.name


def test_every_setting_is_on_the_page_of_the_file(share: Path) -> None:
    text = (share / "man" / "man5" / "posthouse.toml.5").read_text("utf-8")
    named = [f"{part.path}.{each.name}".lstrip(".") for part in sections() for each in part.settings]
    assert len(named) > 150
    assert [each for each in named if f".B {escape(each)}\n" not in text] == []


@pytest.mark.peer("groff")
def test_groff_finds_nothing_wrong_and_loses_no_option(share: Path) -> None:
    for page in sorted((share / "man").rglob("posthouse*.[158]")):
        done = subprocess.run(
            ("groff", "-man", "-Tutf8", "-ww", "-P-cbou", str(page)), capture_output=True, text=True, check=True
        )
        assert done.stderr == "", page.name
    page = share / "man" / "man1" / "posthouse-list.1"
    done = subprocess.run(
        ("groff", "-man", "-Tascii", "-P-cbou", str(page)), capture_output=True, text=True, check=True
    )
    for node in of_operators().walk():
        if node.path.startswith("posthouse list "):
            assert all(name in done.stdout for word in node.words for name in word.names)


@pytest.mark.parametrize(
    ("words", "has"),
    [
        (("posthouse", "qu"), ["queue"]),
        (("posthouse", "list", "cr"), ["create"]),
        (("posthouse", "list", "create", "--ti"), ["--title"]),
        (("posthoused", "se"), ["serve"]),
        (("posthoused", "serve", "--log-f"), ["--log-format"]),
        (("posthouse", "queue", "--socket", "/et"), ["/etc"]),
    ],
    ids=" ".join,
)
def test_bash_completes_commands_options_and_files(share: Path, words: tuple[str, ...], has: list[str]) -> None:
    assert completed(share, *words) == has


def test_fish_is_told_of_every_command(share: Path) -> None:
    text = (share / "fish" / "vendor_completions.d" / "posthouse.fish").read_text("utf-8")
    for node in (*of_operators().walk(), *of_daemon().walk()):
        if " " in node.path:
            assert f" -f -a {node.name} -d " in text


def test_text_that_looks_like_roff_stays_text() -> None:
    assert escape(".TH\n'quoted\n--a\\b") == "\\&.TH\n\\&'quoted\n\\-\\-a\\eb"


def test_a_folder_that_can_t_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "man").write_text("a file")
    assert run(["manual", "--to", str(tmp_path)]) == 2
    assert "can't be written" in capsys.readouterr().err

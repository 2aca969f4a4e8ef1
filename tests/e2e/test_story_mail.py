"""An operator and the mails: looks at one as its readers get it, in Hebrew and Chinese, changes it, sees what is wrong with it,
takes it back, and sends a test. By keys alone; then the command line says that it really happened."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from house import Daemon
from tmux_stage import TmuxStage, tmux_stage

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    (folder / "brand.toml").write_text('name = "The Blue Teapot"\npostal_address = "1 Mill Lane"\n')
    return folder


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, own: Path) -> Iterator[Daemon]:
    settings = {"templates": str(own), "web": {"base_url": "https://mail.shop.example"}}
    with Daemon(tmp_path_factory.mktemp("house"), carriers=1, settings=settings) as one:
        yield one


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("terminal")


@pytest.fixture(scope="module")
def terminal(daemon: Daemon, folder: Path) -> Iterator[TmuxStage]:
    editor = folder / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/Did something hold you up?/May we help?/' \"$1\"\n")
    editor.chmod(0o755)
    with tmux_stage(
        daemon, folder, "--bidi", "off", size=(120, 36), environment={"EDITOR": str(editor), "VISUAL": ""}
    ) as one:
        one.keys("7")
        one.see("82 mails", "▾ abandoned-cart")
        one.keys("/")
        one.see("filter: any part")
        one.write("cart-help")
        one.see("/cart-help", "1 mail ·")
        one.keys("Enter", "j", "Enter")
        one.see("Mail › cart-help", "Did something hold you up?")
        yield one


def test_a_mail_is_seen_as_each_reader_gets_it_in_each_language(terminal: TmuxStage) -> None:
    terminal.keys(">")
    terminal.see("עברית · usual", "[he]")
    terminal.until(lambda text: any(row.rstrip().endswith("שלום נועה לוי,") for row in text.splitlines()))
    terminal.keys("<", "<")
    terminal.see("繁體中文 · usual", "[zh-Hant]")
    terminal.keys("c", "c")
    terminal.see("emptiest", "[emptiest]")
    terminal.keys("c", ">")
    terminal.see("English · usual")


def test_its_html_is_kept_for_a_browser(terminal: TmuxStage, folder: Path) -> None:
    terminal.keys("o")
    screen = terminal.see("its HTML is in ~/")
    path = folder / "home" / screen.partition("its HTML is in ~/")[2].split()[0]
    assert path.name == "cart-help.en.html" and path.read_text().startswith("<!doctype html>")


def test_a_fault_is_written_found_and_taken_back(terminal: TmuxStage, daemon: Daemon, own: Path) -> None:
    terminal.keys("e")
    terminal.see("Which part")
    terminal.keys("Right", "Enter")
    terminal.see("Mail › mail/cart-help.html.j2", "{% block content %}")
    terminal.write("{{ contct.name }}")
    terminal.keys("C-s")
    terminal.see("is kept: 1 fault", "cart-help.html.j2:1")
    assert "contct" in (own / "mail" / "cart-help.html.j2").read_text()
    said = json.loads(
        daemon.command("mail", "lint", "cart-help", "--no-spam", "--config", str(daemon.config_path), "--json").stdout
    )
    assert any("contct" in each["problem"] for each in said)
    terminal.keys("Escape")
    terminal.see("It can't be written", "contct")
    terminal.keys("f")
    terminal.see("── Lint", "mail/cart-help.html.j2:1")
    terminal.keys("u")
    terminal.see("✓ undone")
    assert not (own / "mail" / "cart-help.html.j2").exists()
    terminal.keys("v", "v")
    terminal.see("as it is read")


def test_the_operator_s_own_editor_changes_the_words_and_the_difference_is_shown(
    terminal: TmuxStage, own: Path
) -> None:
    terminal.keys("E")
    terminal.see("Which part")
    terminal.keys("Enter")
    terminal.see("is kept: all right")
    terminal.see("May we help?")
    assert 'subject = "May we help?"' in (own / "mail" / "cart-help.toml").read_text()
    terminal.keys("d")
    terminal.see('+subject = "May we help?"')
    terminal.keys("d")
    terminal.see("as it is read")


def test_a_test_is_sent_in_the_language_that_is_chosen(terminal: TmuxStage, daemon: Daemon) -> None:
    terminal.keys("T")
    terminal.see("Send cart-help as a test")
    terminal.write("me@example.org")
    terminal.keys("Down", "Down", "Down", "Enter")
    terminal.see("goes to me@example.org")
    life = json.loads(daemon.command("message", "1", "--json").stdout)
    assert (life["subject"], life["recipients"]) == ("May we help?", ["me@example.org"])

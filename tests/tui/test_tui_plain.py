"""`posthouse --plain`, and which words open what."""

import asyncio
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from canned_daemon import canned

from engine.control.client import Control
from tui import cli, modes, plain


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (["post"], ["12,431", "── Sites in trouble: 5", "✗ bounced", "── Carriers"]),
        (["queue"], ["── Queue ──", "last reply", "דואר.example"]),
        (["flows"], ["confirm-subscription", "transactional"]),
        (["flow", "abandoned-cart"], ["◇ if", "├─ then", "● 112"]),
        (["mail"], ["── Mail ──", "cart-reminder"]),
        (["mail", "cart-reminder", "he"], ["── Mail › cart-reminder"]),
        (["message", "4711"], ["Your cart is waiting", "§ consent confirmed", "Hello Dana"]),
    ],
)
async def test_every_screen_has_its_twin_in_plain_text(tmp_path: Path, words: list[str], seen: list[str]) -> None:
    path = tmp_path / "s"
    async with canned(path):
        text = await asyncio.to_thread(plain.screen, Control(path), words, 120)
    assert [each for each in seen if each not in text] == []
    assert "\x1b" not in text
    assert all(line == line.rstrip() for line in text.splitlines())


@pytest.mark.parametrize("mode", modes.MODES, ids=lambda mode: mode.name)
async def test_every_mode_is_printed_by_its_name(tmp_path: Path, mode: modes.Mode) -> None:
    path = tmp_path / "s"
    async with canned(path):
        assert await asyncio.to_thread(plain.screen, Control(path), [mode.name], 120)


@pytest.mark.parametrize("words", [[], ["nonsense"], ["flow"], ["post", "more"], ["message", "1", "2"]])
def test_words_that_name_no_screen_are_answered_with_those_that_do(words: list[str]) -> None:
    with pytest.raises(ValueError, match=r"post, queue, .*message ID"):
        plain.screen(Control("/nowhere"), words)


async def _main(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["posthouse", *words])
    return await asyncio.to_thread(cli.main)


async def test_plain_prints_a_screen_to_standard_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s"
    async with canned(path):
        assert await _main(monkeypatch, f"--socket={path}", "--plain", "queue") == 0
        assert "gmail.com" in capsys.readouterr().out
        assert await _main(monkeypatch, "--socket", str(path), "--plain", "flow", "none") == 1
        assert capsys.readouterr().err == "posthouse: there is no flow none. See: posthouse flow list\n"


async def test_a_pager_that_is_left_early_gets_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s"
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        async with canned(path):
            assert await _main(monkeypatch, f"--socket={path}", "--plain", "queue") == 141


async def test_without_a_daemon_the_error_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSTHOUSE_SOCKET", str(tmp_path / "none"))
    assert await _main(monkeypatch, "--plain", "post") == 1
    assert "posthoused serve" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--socket"], "--socket needs a value"),
        (["--config", "/nowhere/posthouse.toml"], "/nowhere/posthouse.toml: no such file (write one"),
        (["--plain", "nonsense"], "--plain shows one of"),
        (["--plain"], "--plain shows one of"),
        ([], "needs a terminal"),
        (["--sokcet", "x", "queue"], "there is no option --sokcet (did you mean --socket?)"),
        (["--ascii", "queue"], "--ascii is for the terminal, not for a command"),
    ],
)
async def test_words_that_make_no_sense_are_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], error: str
) -> None:
    assert await _main(monkeypatch, *words) == 2
    assert error in capsys.readouterr().err


async def test_any_other_word_is_a_command_which_hears_what_stood_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTHOUSE_CONFIG", "/before.toml")
    said: list[list[str]] = []
    monkeypatch.setitem(sys.modules, "engine.commands", SimpleNamespace(run=lambda argv, draw: said.append(argv) or 7))
    assert await _main(monkeypatch, "--socket", "x", "why", "4711") == 7
    assert await _main(monkeypatch, "--socket=x", "event", "name", "--", "-1") == 7
    assert await _main(monkeypatch, "--socket", "x", "--help") == 7
    assert said == [["why", "4711", "--socket", "x"], ["event", "name", "--socket", "x", "--", "-1"], ["--help"]]
    assert await _main(monkeypatch, "--config", "/srv/p.toml", "why", "4711") == 7
    assert said[-1] == ["why", "4711"]
    assert os.environ["POSTHOUSE_CONFIG"] == "/srv/p.toml"


def test_the_socket_is_as_told_then_as_configured_then_nearby_then_the_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POSTHOUSE_SOCKET", raising=False)
    assert cli.socket_path({}) == Path("/run/posthouse/control.sock")
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "control.sock").touch()
    assert cli.socket_path({}) == Path("var/control.sock")
    config = tmp_path / "posthouse.toml"
    config.write_text('[control]\nsocket = "/srv/c.sock"\n')
    assert cli.socket_path({"--config": str(config)}) == Path("/srv/c.sock")
    config.write_text('hostname = "mail.shop.example"\n')
    assert cli.socket_path({"--config": str(config)}) == Path("/var/lib/posthouse/control.sock")
    config.write_text('[daemon]\nstate_dir = "state"\n')
    assert cli.socket_path({"--config": str(config)}) == tmp_path / "state" / "control.sock"
    monkeypatch.setenv("POSTHOUSE_CONFIG", str(config))
    assert cli.socket_path({}) == tmp_path / "state" / "control.sock"
    monkeypatch.setenv("POSTHOUSE_SOCKET", "/env.sock")
    assert cli.socket_path({"--config": str(config)}) == Path("/env.sock")
    assert cli.socket_path({"--socket": "/told.sock"}) == Path("/told.sock")


def test_a_configuration_that_is_no_toml_is_an_error_in_words(tmp_path: Path) -> None:
    config = tmp_path / "posthouse.toml"
    config.write_bytes(b"[[[\xff")
    with pytest.raises(cli.UsageError, match="is no TOML"):
        cli.socket_path({"--config": str(config)})

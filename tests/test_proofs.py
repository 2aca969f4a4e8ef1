"""The proofs: every command on the page is one."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "proofs.md").read_text("utf-8")
COMMANDS = sorted(set(re.findall(r"`((?:make|posthouse|\.venv/bin/python) [^`]+)`", PAGE)))


def test_the_page_has_commands() -> None:
    assert len(COMMANDS) > 15


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_exists(command: str) -> None:
    program, *words = command.split()
    if program == "make":
        assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    elif program == "posthouse":
        assert importlib.util.find_spec(f"engine.commands.{words[0]}")
    else:
        assert words[0] == "-m"
        assert importlib.util.find_spec(words[1])
        assert all((ROOT / word).exists() for word in words[2:] if word.startswith("tests/"))

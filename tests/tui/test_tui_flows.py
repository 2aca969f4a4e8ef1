"""Mode 3 by keys, against the canned daemon."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from canned import flows as canned_flows
from tui_stage import Stage, stage

from engine.control.protocol.acts import Refused
from tui.screens.flows_draft import DraftScreen
from tui.widgets.editor import Editor


async def test_that_there_are_faults_is_said_no_longer_than_there_are(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("3")
        await one.see("── Flows ──", "abandoned-cart")
        await one.press("j", "enter", "escape")
        await one.see("did you mean")
        await one.press("o")
        await one.see("mend them first")
        editor = one.app.screen.query_one("#text", Editor)
        editor.text = editor.text.replace("sned", "send")
        await one.see("nothing is wrong")
        await one.until(lambda: "mend them first" not in one.text)


class Slow:
    """Keeps drafts once the gate is open, and knows what it was asked to keep."""

    def __init__(self, one: Stage) -> None:
        self.gate, self.sources = asyncio.Event(), list[str]()
        one.daemon.acts["flows/draft"] = self._keep

    async def _keep(self, body: Mapping[str, Any]) -> object:
        self.sources.append(str(body["source"]))
        await self.gate.wait()
        return canned_flows._keep(body)


async def _writing(one: Stage) -> Editor:
    """In the draft's text, which has no fault."""
    await one.press("3")
    await one.see("── Flows ──", "abandoned-cart")
    await one.press("j", "enter", "escape")
    await one.see("did you mean")
    editor = one.app.screen.query_one("#text", Editor)
    editor.text = editor.text.replace("sned", "send")
    await one.see("nothing is wrong")
    return editor


@pytest.mark.parametrize("key", ["escape", "o", "D"])
async def test_what_is_written_while_the_text_before_is_being_kept_is_kept_before_anything_else(
    tmp_path: Path, key: str
) -> None:
    async with stage(tmp_path) as one:
        editor = await _writing(one)
        slow = Slow(one)
        editor.text += "# first\n"
        await one.until(lambda: slow.sources)
        editor.text += "# second\n"
        await one.press(key, key)
        assert isinstance(one.app.screen, DraftScreen)
        slow.gate.set()
        await one.until(lambda: not isinstance(one.app.screen, DraftScreen))
        assert slow.sources[-1].endswith("# first\n# second\n")
        assert len(one.app.screen_stack) == {"escape": 1, "o": 3, "D": 3}[key]


async def test_what_the_daemon_would_not_keep_is_not_left_behind_without_a_question(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        editor = await _writing(one)
        one.daemon.acts["flows/draft"] = lambda body: Refused("olga saved the draft abandoned-cart meanwhile", "")
        editor.text += "# mine\n"
        await one.see("olga saved the draft")
        await one.press("escape")
        await one.see("Leave without keeping", "▸ Cancel ◂")
        await one.press("enter")
        await one.see("# mine")
        await one.press("escape")
        await one.see("▸ Cancel ◂")
        await one.press("l", "enter")
        await one.see("── Flows ──")


async def test_a_recipe_that_is_being_written_already_is_gone_on_with_and_that_is_said(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("3")
        await one.see("abandoned-cart")
        await one.press("C")
        await one.see("── Flows › recipes", "abandoned-cart")
        await one.press("slash", *"abandoned", "enter", "enter")
        await one.see("there is a draft abandoned-cart: it is gone on with", "draft abandoned-cart")
        assert not [name for name, body in one.daemon.done if "origin" in body]

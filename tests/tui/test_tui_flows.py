"""Mode 3 by keys, against the canned daemon."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from canned import flows as canned_flows
from textual import events
from tui_stage import Stage, stage

from engine.control.protocol.acts import Done, Refused
from tui.ink import Target
from tui.screens.flows_draft import DraftScreen
from tui.screens.mail_files import MailFileScreen
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


def _burst(one: Stage, letters: str) -> None:
    for each in letters:
        one.app.post_message(events.Key(each, each))


async def test_what_is_typed_before_a_draft_is_here_is_written_when_it_comes(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("3")
        await one.see("abandoned-cart")
        answer, gate = one.daemon.answers["/v1/flow-drafts/{name}"], asyncio.Event()

        async def found(query: Mapping[str, str], words: Mapping[str, str]) -> object:
            await gate.wait()
            return answer(query, words)

        one.daemon.answers["/v1/flow-drafts/{name}"] = found
        await one.press("j", "e")
        _burst(one, "1quit D")
        await one.settle()
        gate.set()
        await one.see("1quit D", "Flows › draft")
        assert {name for name, _ in one.daemon.done} <= {"flows/draft", "flows/check"}


@pytest.mark.parametrize(
    "key", ["q", "1", "D", "X", "E", "o", "s", "v", "u", "slash", "colon", "enter", "question_mark"]
)
async def test_nothing_that_is_typed_into_a_draft_that_is_only_read_acts(tmp_path: Path, key: str) -> None:
    async with stage(tmp_path, read_only=True) as one:
        await one.press("3")
        await one.see("abandoned-cart")
        await one.press("j", "e")
        await one.see("Flows › draft", "did you mean")
        editor = one.app.screen.query_one("#text", Editor)
        text = editor.text
        await one.press(key)
        await one.see("this terminal is read-only: nothing can be written", "Flows › draft")
        assert editor.text == text and editor.has_focus
        await one.press("escape", "v", "2")
        await one.see("7 sites")


async def test_the_line_that_is_written_stays_in_sight_where_what_is_wrong_takes_a_row_more(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        editor = await _writing_at_the_end(one)
        rows = editor.size.height
        fault = canned_flows.FAULT
        told = Done("kept", {"revision": 4, "faults": (fault, replace(fault, line=9), replace(fault, line=10))})
        one.daemon.acts["flows/draft"] = lambda body: told
        await one.press(*"zzz")
        await one.until(lambda: editor.size.height < rows)
        await one.see("zzz")


async def _writing_at_the_end(one: Stage) -> Editor:
    """On the last line of the window, of a text that is longer than it."""
    editor = await _writing(one)
    editor.focus()
    editor.text += "# a line\n" * 40
    await one.press("ctrl+end")
    return editor


async def test_nothing_that_is_typed_while_the_text_can_not_come_acts(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("3")
        await one.see("abandoned-cart")
        await one.daemon.stop()
        await one.see("away since")
        await one.press("j", "e")
        await one.see("draft abandoned-cart", "not asked yet")
        await one.press("q", "1", "X")
        assert isinstance(one.app.screen, DraftScreen)
        await one.press("escape")
        await one.see("abandoned-cart")


@pytest.mark.parametrize(("name", "kind"), [("abandoned-cart", "draft"), ("mail/cart-reminder.toml", "mail-file")])
async def test_a_text_is_open_once_from_whichever_mode_it_is_opened(tmp_path: Path, name: str, kind: str) -> None:
    async with stage(tmp_path) as one:
        await one.press("3")
        await one.see("abandoned-cart")
        one.app.open(Target(kind, name))
        await one.until(lambda: one.app.screen.query(Editor) and one.app.screen.query_one(Editor).text)
        await one.press(*"zzz")
        await one.app.go("queue")
        await one.see("7 sites")
        one.app.open(Target(kind, f"{name}:2" if kind == "mail-file" else name))
        await one.see("zzz", "is open here already")
        assert one.app.current_mode == "flows"
        stacks = one.app._screen_stacks.values()
        assert sum(isinstance(each, DraftScreen | MailFileScreen) for stack in stacks for each in stack) == 1

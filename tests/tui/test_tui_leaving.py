"""A screen that is being left: its widgets go first, and an answer or a message that comes then ends nothing."""

import asyncio
from pathlib import Path
from typing import Any

from tui_stage import stage

from tui.ink import Target
from tui.messages import Latest
from tui.screens.house import HouseScreen


async def test_an_answer_that_comes_between_the_widgets_end_and_the_screens_is_nobodys(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        ask, gate, waiting = one.app.session.ask, asyncio.Event(), []

        async def slowly(*words: Any) -> Any:
            """The answer is there, and comes when the gate is opened."""
            answer = await ask(*words)
            waiting.append(words)
            await gate.wait()
            return answer

        one.app.session.ask = slowly  # type: ignore[method-assign]
        one.app.open(Target("site", "gmail.com"))
        await one.until(lambda: waiting and one.app.screen.is_mounted)
        screen = one.app.screen
        assert isinstance(screen, HouseScreen)
        screen._pruning = True  # as Textual leaves a screen: first it is marked, then its widgets end, then it does
        await screen.remove_children()
        gate.set()
        assert one.app.session.overview is not None
        one.app.post_message(Latest(one.app.session.overview))
        screen.run_worker(screen._ask_and_say(), group="ask")
        await one.until(lambda: not [each for each in one.app.workers if each.group == "ask"])
        one.app.session.ask = ask  # type: ignore[method-assign]
        one.app.back()
        await one.press("2")
        await one.see("gmail.com")

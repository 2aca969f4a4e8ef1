"""Mode 3 by keys, against the canned daemon."""

from pathlib import Path

from tui_stage import stage

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

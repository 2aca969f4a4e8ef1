"""`i`: all that is known of a line, nothing shortened."""

from pathlib import Path

from tui_stage import stage

from engine.control.protocol.queue import SiteRow
from tui.pages.exact import exact

NOW = 1_763_769_851_482


def test_figures_have_all_digits_moments_their_milliseconds_and_text_its_end() -> None:
    row = SiteRow("gmail.com", 14, 1_204_113, 18, 0, 0, NOW - 60_000, None, "421 4.7.28 \x1b[31m" + "rate " * 30)
    lines = [each.text.rstrip() for each in exact(row, "site gmail.com", NOW, 76)]
    told = "\n".join(lines)
    assert "1,204,113" in told and "2025-11-22" in told and ".482 UTC, 1 min ago" in told
    assert "␛[31m" in told and told.count("rate") == 30 and max(map(len, lines)) <= 76
    assert "none" in told  # it is tried again at no time


async def test_i_opens_the_line_under_the_cursor_and_says_where_nothing_is_shortened(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("i")
        await one.see("nothing on this line is shortened")
        await one.press("2", "enter")
        await one.see("reader0@gmail.com")
        await one.press("i")
        await one.see("Exact", "delivery id", "9000", "14,541")
        await one.press("escape")
        await one.see("Queue › gmail.com")

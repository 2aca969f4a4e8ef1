"""What templates see that is the same for all mails of one language: direction, sides and fonts."""

from collections.abc import Mapping
from typing import Any, Final

from engine.sending.texts import Words

_SYSTEM: Final = "-apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, 'Noto Sans', Arial, sans-serif"
_SERIF: Final = "'Times New Roman', 'Noto Serif', serif"
# Han characters are drawn differently in each place, and a reader's system picks by the font alone; a Hebrew serif that
# a Latin name leads to is a book's, not a shop's.
_OF_SCRIPT: Final[Mapping[str, tuple[str, str]]] = {
    "zh": ("'Segoe UI', Roboto, 'PingFang SC', 'Microsoft YaHei', 'Noto Sans SC', 'Noto Sans CJK SC', Arial, sans-serif",
           "'Microsoft YaHei', sans-serif"),
    "zh-Hant": ("'Segoe UI', Roboto, 'PingFang TC', 'Microsoft JhengHei', 'Noto Sans TC', 'Noto Sans CJK TC', Arial, "
                "sans-serif", "'Microsoft JhengHei', sans-serif"),
    "he": ("'Segoe UI', 'Noto Sans Hebrew', 'Arial Hebrew', 'Open Sans Hebrew', Arial, sans-serif", "Arial, sans-serif"),
}  # fmt: skip
_WORD: Final = "'Segoe UI', Arial, sans-serif"
"""Outlook on Windows draws with Word, which falls to Times New Roman where it does not know the first name."""


LOOK: Final = ("brand", "lang", "dir", "start", "end", "text_font", "heading_font", "word_font", "head_css")
"""The names; `head_css` is what the style sheet leaves for the head."""


def look(words: Words, fonts: tuple[str, str]) -> dict[str, Any]:
    """What follows from the language. `fonts`: the brand's, of headings and of text; "" where it has none."""
    heading, text = (f"'{name}', " if name else "" for name in fonts)
    ours = _OF_SCRIPT.get(words.tag)
    stack, of_word = ours or (_SYSTEM, _WORD)
    is_rtl = words.direction == "rtl"
    return {
        "lang": words.tag, "dir": words.direction, "start": "right" if is_rtl else "left",
        "end": "left" if is_rtl else "right", "text_font": text + stack,
        "heading_font": text + stack if ours or not heading else heading + _SERIF, "word_font": of_word,
    }  # fmt: skip

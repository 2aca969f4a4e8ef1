"""Signs in ASCII, for terminals and fonts that have no others. Pure.

Each sign of ours has a likeness of the same width, so that nothing moves; the word that stands with it says the rest.
Where the terminal can't show Unicode at all, letters of other scripts become question marks, as wide as they were.
"""

import re
from collections.abc import Mapping
from typing import Final

from tui.format import cells

_LIKENESS: Final[Mapping[str, str]] = {
    **dict.fromkeys("─━┄┅┈┉╌╍═╴╶╸╺", "-"), **dict.fromkeys("│┃┆┇┊┋╎╏║▏▎▕╵╷╹╻", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰┏┓┗┛┣┫┳┻╋╔╗╚╝╠╣╦╩╬╞╡╪", "+"),
    "▌": ">", "▐": "<", "▍": "|", "▋": "|", "▊": "|", "▉": "#", "█": "#", "▓": "#", "▒": "=", "░": ":",
    "▁": "_", "▂": ".", "▃": ".", "▄": "-", "▅": "-", "▆": "=", "▇": "=", "▔": "-", "▀": "-",
    "•": "*", "·": ".", "○": "o", "●": "*", "◉": "@", "◎": "@", "◔": "%", "◑": "%", "◕": "%", "◐": "%", "■": "#",
    "□": "#", "▪": "#", "▫": "#", "◆": "*", "◇": "?", "◈": "%", "★": "*", "☆": "*", "✓": "v", "✔": "v", "✗": "x",
    "✘": "x", "✖": "x", "⊘": "/", "∅": "/", "⚠": "!", "§": "S", "✎": "e", "†": "+", "‡": "+", "¶": "P", "◦": "o",
    "►": ">", "▶": ">", "▸": ">", "▹": ">", "◄": "<", "◀": "<", "◂": "<", "◃": "<", "▲": "^", "△": "^", "▴": "^",
    "▼": "v", "▽": "v", "▾": "v", "→": ">", "←": "<", "↑": "^", "↓": "v", "↔": "-", "↕": "|", "↻": "~", "↺": "~",
    "⟳": "~", "⇒": ">", "⇐": "<", "↳": "\\", "↪": "\\", "»": ">", "«": "<", "›": ">", "‹": "<", "‖": "=", "–": "-",
    "—": "-", "‐": "-", "‑": "-", "−": "-", "…": "~", "×": "x", "÷": "/", "±": "+", "≈": "~", "≤": "<", "≥": ">",
    "≠": "!", "∞": "8", "°": "o", "‘": "'", "’": "'", "“": '"', "”": '"', "„": '"', "\u00a0": " ", "␛": "^",
}  # fmt: skip
_SIGNS: Final = re.compile("[" + re.escape("".join(_LIKENESS)) + "\u2400-\u243f\u2500-\u259f\u2800-\u28ff]")
_OTHERS: Final = re.compile("[^ -~]")


def ascii_signs(text: str) -> str:
    """Our signs by their likenesses; letters stay."""
    return text if text.isascii() else _SIGNS.sub(lambda found: _LIKENESS.get(found[0], "#"), text)


def ascii_only(text: str) -> str:
    """The same, and every other letter as question marks of its width: exactly as many cells as before."""
    if text.isascii():
        return text
    shown = _OTHERS.sub(lambda found: "?" * cells(found[0]), ascii_signs(text))
    return shown[: cells(text)]  # what is joined takes less than its parts


def shows_unicode(environ: Mapping[str, str]) -> bool:
    """Whether the locale says that the terminal shows UTF-8 (POSIX: LC_ALL, LC_CTYPE, LANG, the first that is set)."""
    said = next((word for name in ("LC_ALL", "LC_CTYPE", "LANG") if (word := environ.get(name))), "")
    return re.search(r"utf-?8", said, re.IGNORECASE) is not None


def shows_signs(environ: Mapping[str, str]) -> bool:
    """Whether its font has more than letters: the Linux console's has not."""
    return environ.get("TERM", "") not in ("linux", "dumb", "vt100", "vt102", "vt220", "cons25", "ansi")

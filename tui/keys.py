"""Keys by their names: as they are shown, and as one writes them. Pure."""

from collections.abc import Mapping
from typing import Final

_SIGNS: Final[Mapping[str, str]] = {
    "question_mark": "?", "slash": "/", "backslash": "\\", "colon": ":", "at": "@", "asterisk": "*", "escape": "esc",
    "left_square_bracket": "[", "right_square_bracket": "]", "grave_accent": "`", "space": "space", "plus": "+",
    "minus": "-", "full_stop": ".", "comma": ",", "less_than_sign": "<", "greater_than_sign": ">", "semicolon": ";",
    "equals_sign": "=", "number_sign": "#", "exclamation_mark": "!", "pageup": "pgup", "pagedown": "pgdn",
    "left_curly_bracket": "{", "right_curly_bracket": "}", "down": "↓", "up": "↑", "left": "←", "right": "→",
}  # fmt: skip
_NAMES: Final[Mapping[str, str]] = {sign: name for name, sign in _SIGNS.items()}


def shown(key: str) -> str:
    """ctrl+d, ?, G: as it stands in a footer."""
    *modifiers, name = key.split("+") if key != "+" else ["+"]
    return "+".join((*modifiers, _SIGNS.get(name, name)))


def named(sign: str) -> str:
    """The name of a key that somebody wrote as its sign."""
    *modifiers, last = sign.split("+") if sign != "+" else ["+"]
    return "+".join((*modifiers, _NAMES.get(last, last)))

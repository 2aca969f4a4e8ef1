"""Colours: sRGB as #rrggbb, how well one is read upon another (WCAG 2.2, 1.4.3), and shades of them. Pure."""

import re
from typing import Final

AA: Final = 4.5
"""The least contrast of text with its ground (WCAG 2.2, success criterion 1.4.3, level AA)."""
AA_LARGE: Final = 3.0
"""The same for text of at least 24 px, or 18.66 px in bold, and for shapes that mean something (1.4.11)."""

_HEX: Final = re.compile(r"#[0-9a-fA-F]{6}")
_LINEAR_BELOW: Final = 0.04045


def is_colour(text: str) -> bool:
    """Whether it is a colour as we take it."""
    return _HEX.fullmatch(text) is not None


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def upon(ground: str, light: str = "#ffffff", dark: str = "#1d1b18") -> str:
    """Which of two colours is read better upon a ground; the light one where it is read well enough."""
    return light if contrast(light, ground) >= AA or contrast(light, ground) >= contrast(dark, ground) else dark


def readable(colour: str, *grounds: str) -> str:
    """The colour, mixed with as much white or black as it takes to be read upon all these grounds of one kind."""
    towards = 255 if _luminance(grounds[0]) < 0.18 else 0
    for step in range(21):
        mixed = mix(colour, towards, step / 20)
        if all(contrast(mixed, each) >= AA for each in grounds):
            return mixed
    return mixed


def mix(colour: str, towards: int, share: float) -> str:
    """The colour with a share of grey in it, 255 white and 0 black."""
    return "#" + "".join(f"{round(each + (towards - each) * share):02x}" for each in _octets(colour))


def _octets(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(each / 255) for each in _octets(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= _LINEAR_BELOW else float(((part + 0.055) / 1.055) ** 2.4)

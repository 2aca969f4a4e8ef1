"""What goes to the terminal, with its colours said once: half of what a slow link would carry. Pure.

Textual says each run of text as a whole: all its colours, the text, a reset. Here only what differs from the run before
is said. A piece begins plain and ends as it would have ended, so that nothing is to be known of the one before.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

_PARTS: Final = re.compile(r"\x1b\[([0-9;]*)m|((?:\x1b\[[0-9;]*H|\r?\n)+)")
# ECMA-48, 8.3.117: what ends each attribute.
_ENDS: Final = {1: 22, 2: 22, 3: 23, 4: 24, 5: 25, 7: 27, 8: 28, 9: 29}


@dataclass(frozen=True, slots=True)
class Look:
    """How text looks; "" is the terminal's own colour."""

    letters: str = ""
    ground: str = ""
    marks: frozenset[int] = frozenset()


PLAIN: Final = Look()


def thrifty(written: str) -> str:
    """The same for every terminal, in fewer octets. What is not understood is left as it is, all of it."""
    parts: list[str] = []
    shown = wanted = PLAIN
    at = 0
    for found in _PARTS.finditer(written):
        if text := written[at : found.start()]:
            parts += (_change(shown, wanted), text)
            shown = wanted
        at = found.end()
        if found[1] is None:
            parts.append(found[2][max(found[2].rfind("\x1b"), 0) :])  # going elsewhere paints nothing: the last counts
            continue
        after = _told(wanted, found[1])
        if after is None:
            return written
        wanted = after
    if text := written[at:]:
        parts += (_change(shown, wanted), text)
        shown = wanted
    return "".join([*parts, _change(shown, wanted)])


def _told(look: Look, words: str) -> Look | None:
    """The look after these codes; None where one is not known here."""
    codes = words.split(";")
    while codes:
        code = int(codes.pop(0) or 0)
        if code == 0:
            look = PLAIN
        elif code in _ENDS:
            look = replace(look, marks=look.marks | {code})
        elif code in (38, 48):
            length = {"2": 4, "5": 2}.get(codes[0] if codes else "", 0)
            if not length or len(codes) < length:
                return None
            colour, codes = ";".join([str(code), *codes[:length]]), codes[length:]
            look = replace(look, letters=colour) if code == 38 else replace(look, ground=colour)
        elif 30 <= code <= 39 or 90 <= code <= 97:
            look = replace(look, letters="" if code == 39 else str(code))
        elif 40 <= code <= 49 or 100 <= code <= 107:
            look = replace(look, ground="" if code == 49 else str(code))
        else:
            return None
    return look


def _change(before: Look, after: Look) -> str:
    """The codes that lead from one look to the other."""
    if before == after:
        return ""
    if after == PLAIN:
        return "\x1b[0m"
    ends = {_ENDS[mark] for mark in before.marks - after.marks}
    kept = {mark for mark in before.marks if _ENDS[mark] not in ends}
    codes = [*map(str, sorted(ends)), *map(str, sorted(after.marks - kept))]
    if before.letters != after.letters:
        codes.append(after.letters or "39")
    if before.ground != after.ground:
        codes.append(after.ground or "49")
    return f"\x1b[{';'.join(codes)}m"

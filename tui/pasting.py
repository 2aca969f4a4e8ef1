"""What is pasted is text, whatever is in it: no octet of it is heard as a key. Pure.

A terminal says where a paste begins and ends (xterm's bracketed paste). Not each takes an ESC out of what it sends
between, and what stands behind one there would be keys: of a stranger's text, those that act.
"""

from typing import Final

BEGIN: Final = "\x1b[200~"
END: Final = "\x1b[201~"
_KEPT: Final = frozenset("\t\n\r")


class Pastes:
    """Goes through all that a terminal sends, in the parts in which it comes."""

    def __init__(self) -> None:
        self._is_within = False
        self._seen = ""  # the end of what was passed on: a mark may come in two parts
        self._held = ""  # what may be the beginning of the mark at the end

    def cleaned(self, sent: str) -> str:
        """The same, without control characters between the marks."""
        passed, rest = "", self._held + sent
        self._held = ""
        while rest:
            piece, rest = self._within(rest) if self._is_within else self._outside(rest)
            passed += piece
        return passed

    def _outside(self, text: str) -> tuple[str, str]:
        at = (self._seen + text).find(BEGIN)
        if at < 0:
            self._seen = (self._seen + text)[-len(BEGIN) + 1 :]
            return text, ""
        end = at + len(BEGIN) - len(self._seen)
        self._seen, self._is_within = "", True
        return text[:end], text[end:]

    def _within(self, text: str) -> tuple[str, str]:
        following = text.find(BEGIN)
        at = text.rfind(END, 0, following if following >= 0 else len(text))  # one before it is part of the text
        if at >= 0:
            self._is_within = False
            return _without_controls(text[:at]) + END, text[at + len(END) :]
        held = next((size for size in range(len(END) - 1, 0, -1) if text.endswith(END[:size])), 0)
        self._held = text[len(text) - held :]
        return _without_controls(text[: len(text) - held]), ""


def _without_controls(text: str) -> str:
    return "".join(each for each in text.replace(END, "") if each in _KEPT or not _is_control(each))


def _is_control(letter: str) -> bool:
    return letter < " " or "\x7f" <= letter <= "\x9f"

"""What is counted of one mail, put into it: links that lead over ours, the picture, the link to read it in a browser."""

from collections.abc import Callable
from typing import Final

from engine.audience.tokens import Purpose, Tokens
from engine.tracking.machines import HONEYPOT
from engine.tracking.marks import Link, Mark, click_token, mark_token
from engine.tracking.rewriting import before_end, is_countable, rewrite
from engine.tracking.settings import Counted

Track = Callable[[str], str]
"""An address as it stands in the text part: itself, or the one of ours that stands for it."""

_PICTURE: Final = '<img src="{}" width="1" height="1" alt="" style="display:block; width:1px; height:1px; border:0;">'
_TRAP: Final = '<a href="{}" tabindex="-1" aria-hidden="true" style="display:none; font-size:0; max-height:0;"></a>'


class Tracked:
    """One mail's. Without a mark nothing is counted."""

    def __init__(self, tokens: Tokens, base_url: str, mark: Mark | None, counted: Counted) -> None:
        self._tokens, self._base_url = tokens, base_url
        self._mark = mark or Mark(0, 0, "")
        self._counted = counted if mark else Counted()
        self._numbers: dict[str, int] = {}
        self._links = 0

    @property
    def view(self) -> str:
        """The address of its page; "" where it has none."""
        return self._address("v", Purpose.VIEW) if self._counted.view else ""

    def html(self, text: str) -> str:
        """Its HTML, rewritten. To be asked first: the text part counts its links by the numbers that they have here."""
        text, self._numbers = rewrite(text, f"{self._base_url}/", self._make if self._counted.clicks else None)
        self._links = len(self._numbers)
        if self._counted.honeypot:
            page = self._address("v", Purpose.VIEW)
            text = before_end(text, _TRAP.format(self._make(HONEYPOT, self._links, page, "")))
        if self._counted.opens:
            text = before_end(text, _PICTURE.format(self._address("o", Purpose.OPEN) + ".gif"))
        return text

    @property
    def track(self) -> Track | None:
        """For the text part; None where nothing is counted."""
        return self._track if self._counted.clicks else None

    def _track(self, target: str) -> str:
        if not is_countable(target, f"{self._base_url}/"):
            return target
        number = self._numbers.setdefault(target, len(self._numbers) + 1)
        return self._make(number, self._links, target, "")

    def _make(self, number: int, links: int, target: str, name: str) -> str:
        token = click_token(self._tokens, Link(self._mark, number, links, target, name))
        return f"{self._base_url}/c/{token}"

    def _address(self, path: str, purpose: Purpose) -> str:
        return f"{self._base_url}/{path}/{mark_token(self._tokens, purpose, self._mark)}"

"""HTML of strangers as a tree, within bounds.

The parser's work grows with the square of how deep elements stand in each other, so the depth is reckoned first, in one
pass over the tags: an element that is opened counts until one of its name is closed.
"""

import re
from collections import Counter
from typing import Final

from selectolax.lexbor import LexborHTMLParser

DEEPEST: Final = 1000  # mail that people read has some dozens; browsers end at 512
TOO_DEEP: Final = f"the HTML is nested deeper than {DEEPEST} elements"
_TAG: Final = re.compile(r"<(/?)([a-z][a-z0-9]{0,30})", re.I)
_FLAT: Final = frozenset({  # those that hold nothing, and those that the next one of their kind ends
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
    "p", "li", "td", "th", "tr", "tbody", "thead", "tfoot", "option", "dt", "dd", "html", "head", "body",
})  # fmt: skip


def tree_of(html: str) -> LexborHTMLParser | None:
    """The tree; None when it would be too deep."""
    return None if is_too_deep(html) else LexborHTMLParser(html)


def is_too_deep(html: str) -> bool:
    """Whether elements may stand deeper in each other than DEEPEST."""
    opened: Counter[str] = Counter()
    depth = 0
    for close, written in _TAG.findall(html):
        name = written.lower()
        if name in _FLAT:
            continue
        if not close:
            opened[name] += 1
            depth += 1
            if depth > DEEPEST:
                return True
        elif opened[name]:
            opened[name] -= 1
            depth -= 1
    return False

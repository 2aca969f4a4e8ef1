"""Microdata of an HTML part as documents of the shape that JSON-LD has, so that one reader understands both. Pure.

An element with `itemscope` is an object, `itemprop` names what belongs to the nearest one around it (WHATWG HTML, section
5.2; `itemref` names elements elsewhere). The work is bounded: at most NODES elements that say something are read, each
looked for at most DEPTH elements up, and TEXT characters of text are gathered.
"""

from typing import Any, Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

NODES: Final = 5000
DEPTH: Final = 64  # how far up from a property its object may be
TEXT: Final = 2_000_000  # characters of elements' texts, all together: a text may stand in many properties
_LONGEST: Final = 2000  # characters of a value

_VALUES: Final = {  # the attribute that holds an element's value (HTML, section 5.2.4)
    "meta": "content", "audio": "src", "embed": "src", "iframe": "src", "img": "src", "source": "src", "track": "src",
    "video": "src", "a": "href", "area": "href", "link": "href", "object": "data", "data": "value", "meter": "value",
    "time": "datetime",
}  # fmt: skip

Item = dict[str, Any]


def items_of(tree: LexborHTMLParser) -> tuple[list[Item], str]:
    """The objects that are part of no other, and why some were left out ("" when none was)."""
    nodes = {node.mem_id: node for node in tree.css("[itemscope], [itemprop]")[: 2 * NODES]}
    found = list(nodes.values())[:NODES]
    items = {node.mem_id: _begin(node) for node in found if "itemscope" in node.attributes}
    referred = {
        name: items[node.mem_id]
        for node in found
        if node.mem_id in items
        for name in (node.attributes.get("itemref") or "").split()[:20]
    }
    top, texts = [], _Texts()
    for node in found:
        mine = items.get(node.mem_id)
        named = (node.attributes.get("itemprop") or "").split()[:5]
        owner = _owner(node, items, referred) if named else None
        if owner is not None and owner is not mine:
            for name in named:
                _add(owner, name, texts.value(node) if mine is None else mine)
        elif mine is not None:
            top.append(mine)
    return top, f"the mail has more than {NODES} elements of microdata" if len(nodes) > NODES else ""


def _begin(node: LexborNode) -> Item:
    return {"@type": (node.attributes.get("itemtype") or "").split()[:5]}


def _owner(node: LexborNode, items: dict[int, Item], referred: dict[str, Item]) -> Item | None:
    """The object that a property belongs to."""
    at: LexborNode | None = node
    for _ in range(DEPTH):
        if at is None:
            return None
        if referred and (item := referred.get(at.attributes.get("id") or "")) is not None:
            return item
        at = at.parent
        if at is not None and at.mem_id in items:
            return items[at.mem_id]
    return None


class _Texts:
    """Values of elements, as long as there is room."""

    def __init__(self) -> None:
        self._room = TEXT

    def value(self, node: LexborNode) -> str:
        told = node.attributes.get(_VALUES.get(node.tag or "", ""))
        if told is not None or self._room <= 0:
            return (told or "")[:_LONGEST]
        text = node.text(deep=True)
        self._room -= len(text) + 1
        return " ".join(text[: _LONGEST * 4].split())[:_LONGEST]


def _add(item: Item, name: str, value: Any) -> None:
    """A property that is told again becomes a list."""
    if name not in item:
        item[name] = value
    elif isinstance(item[name], list):
        item[name].append(value)
    else:
        item[name] = [item[name], value]

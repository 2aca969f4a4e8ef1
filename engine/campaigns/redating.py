"""Giving a campaign file another `when`: only that part of its text is changed, so that remarks and order stay. Pure."""

from datetime import datetime
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, ScalarNode

_KEY: Final = "when"


def with_when(text: str, civil: datetime, zone: str) -> str:
    """The file with this time, on clocks in `zone` (contact: each reader's own; "" the installation's). The text is that of a
    file that was checked."""
    zone_said = f", zone: {zone}" if zone else ""
    told = f"{_KEY}: {{at: {civil.isoformat(timespec='minutes')}{zone_said}}}"
    place = _place(text)
    if place is None:
        return f"{text.rstrip()}\n{told}\n"
    begin, end = place
    return text[:begin] + told + ("\n" if text[end - 1 : end] == "\n" else "") + text[end:]


def _place(text: str) -> tuple[int, int] | None:
    """From where to where `when` stands in the text, its value without remarks behind it."""
    root = YAML(typ="safe", pure=True).compose(text)
    if not isinstance(root, MappingNode):
        return None
    for key, value in root.value:
        if isinstance(key, ScalarNode) and key.value == _KEY:
            begin, end = key.start_mark.index, value.end_mark.index
            if isinstance(value, MappingNode) and not value.flow_style:  # a block ends where the next key begins
                kept = text[begin:end].rstrip()
                return begin, begin + len(kept)
            return begin, end
    return None

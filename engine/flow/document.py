"""A YAML 1.2 file as nodes that know their line and column, and the faults found in it.

Every reader below notes what is wrong and goes on, so that one look at a file finds everything. YAML is composed, never
constructed: no tag makes an object, `on` is a text and `10:00` is no number.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from deliverability.text import clean
from engine.flow.spelling import near

T = TypeVar("T")

MAX_FILE: Final = 65_536  # characters
_TAG: Final = "tag:yaml.org,2002:"
_TABS: Final = "indent with spaces"
_QUOTES: Final = (
    "a text that begins with a quote, a bracket or a brace, or holds a colon or #, stands in quotes as a whole"
)
_TEXTS: Final = frozenset(_TAG + kind for kind in ("str", "int", "float", "bool", "timestamp"))


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in a file: where (from 1), at which key, what was expected, and how to mend it."""

    file: str
    line: int
    column: int
    key: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: "
        return f"{place}{f'{self.key}: ' if self.key else ''}{self.message}{f'; {self.remedy}' if self.remedy else ''}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One `key: value` of a mapping; `path` is the key with those above it."""

    path: str
    key: Node
    value: Node


class Faulty(ValueError):
    """What is wrong with one text, where that may be several things."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(faults[0])
        self.others = faults[1:]


class Sheet:
    """One file being read, and its faults so far."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []

    def fault(self, node: Node, key: str, message: str, remedy: str = "", column: int = 0) -> None:
        """Note a fault at a node, `column` characters into it."""
        mark: StringMark = node.start_mark
        place = (self.file, mark.line + 1, mark.column + 1 + column)
        self.faults.append(Fault(*place, clean(key), clean(message), clean(remedy)))

    def compose(self, text: str) -> Node | None:
        """The root node; None, with a fault, when the text is no YAML."""
        if len(text) > MAX_FILE:
            self.faults.append(Fault(self.file, 1, 1, "", f"the file is longer than {MAX_FILE} characters"))
            return None
        try:
            root: Node | None = YAML(typ="safe", pure=True).compose(text)
        except MarkedYAMLError as err:
            mark = err.problem_mark or err.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            remedy = _TABS if "\\t" in (err.problem or "") else _QUOTES
            self.faults.append(Fault(self.file, line, column, "", f"no YAML: {err.problem or err.context}", remedy))
        except RecursionError:
            self.faults.append(Fault(self.file, 1, 1, "", "the file is nested too deeply"))
        except (YAMLError, ValueError, AssertionError) as err:
            self.faults.append(Fault(self.file, 1, 1, "", f"no YAML: {str(err).splitlines()[0][:120]}"))
        else:
            if root is None:
                self.faults.append(Fault(self.file, 1, 1, "", "the file is empty"))
            return root
        return None

    def record(self, node: Node, path: str, known: Collection[str]) -> dict[str, Entry]:
        """The known keys of a mapping. Others are faults."""
        if not isinstance(node, MappingNode):
            self.fault(node, path, "keys with values are expected here", f"such as {', '.join(known)}")
            return {}
        self._refuse_anchor(node, path)
        found: dict[str, Entry] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, ScalarNode) else ""
            entry = Entry(f"{path}.{name[:60]}" if path else name[:60], key, value)
            if name in found:
                self.fault(key, entry.path, "stands here twice", "keep one of the two")
            elif name in known:
                found[name] = entry
            else:
                hint = near(name, known) or (f" (known are {', '.join(known)})" if known else "")
                self.fault(key, entry.path, f"is not known here{hint}")
        return found

    def items(self, node: Node, path: str, example: str) -> list[Node]:
        """The items of a list."""
        if not isinstance(node, SequenceNode):
            self.fault(node, path, "a list is expected here", f"such as - {example}")
            return []
        self._refuse_anchor(node, path)
        return list(node.value)

    def text(self, entry: Entry) -> str | None:
        """A scalar as it was written."""
        node = entry.value
        self._refuse_anchor(node, entry.path)
        if isinstance(node, ScalarNode) and node.tag in _TEXTS and node.value.strip():
            text: str = node.value
            return text
        empty = isinstance(node, ScalarNode) and not node.value.strip()
        self.fault(node, entry.path, "is empty" if empty else "a text is expected here")
        return None

    def read(self, entry: Entry, reader: Callable[[str], T], remedy: str = "") -> T | None:
        """A scalar as `reader` understands it; what it expected (its ValueError) is the fault."""
        text = self.text(entry)
        if text is None:
            return None
        try:
            return reader(text)
        except ValueError as err:
            for each in (err, *getattr(err, "others", ())):
                column = getattr(each, "column", 1) - 1
                self.fault(entry.value, entry.path, f"{_shown(text)}: {each}", remedy, _within(entry.value, column))
            return None

    def _refuse_anchor(self, node: Any, path: str) -> None:
        if getattr(node, "anchor", None):
            self.fault(node, path, "anchors and aliases are not used in flow files", "write it out")


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return f'"{line if len(line) <= 60 else line[:59] + "…"}"'


def _within(node: Node, column: int) -> int:
    """How far into the file's line a column of the scalar's text is; 0 for a scalar over several lines."""
    if node.start_mark.line != node.end_mark.line or getattr(node, "style", None) in ("|", ">"):
        return 0
    return column + (1 if getattr(node, "style", None) in ("'", '"') else 0)

"""The shapes that a flow file's parts have. One shape reads its part and gives its JSON Schema, so that the two agree.

A part that is wrong reads as None, after a fault. Nothing here knows of flows: `engine.flow.words` says which shape stands
where.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from engine.flow.document import Entry, Sheet
from engine.flow.known import Known
from engine.flow.spelling import near

Schema: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """A file being read, and what there is beside it."""

    sheet: Sheet
    known: Known


class Shape(Protocol):
    """How a value reads, and how an editor is told of it."""

    def read(self, page: Page, entry: Entry) -> Any: ...

    def schema(self) -> Schema: ...


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar that `parse` understands (ValueError says what it expects). `bare`: a number or a truth, which is a text to
    YAML where it stands in quotes."""

    parse: Callable[[str], Any]
    told: Schema
    bare: bool = False

    def read(self, page: Page, entry: Entry) -> Any:
        found = page.sheet.read(entry, self.parse)
        return None if self.bare and _is_quoted(page, entry) else found

    def schema(self) -> Schema:
        return self.told


def _is_quoted(page: Page, entry: Entry) -> bool:
    """Whether the scalar stands in quotes; that is a fault."""
    if getattr(entry.value, "style", None) not in ("'", '"'):
        return False
    page.sheet.fault(entry.value, entry.path, "is a text in quotes", "write it without them")
    return True


@dataclass(frozen=True, slots=True)
class NameOf:
    """A name of something that must be there: a template, a list, a flow. `key` is what it is known by."""

    kind: str
    parse: Callable[[str], str]
    told: Schema
    key: Callable[[str], str] = str

    def read(self, page: Page, entry: Entry) -> str | None:
        def parse(text: str) -> str:
            name = self.parse(text)
            page.known.refuse_unknown(self.kind, self.key(name))
            return name

        return page.sheet.read(entry, parse)

    def schema(self) -> Schema:
        return self.told


@dataclass(frozen=True, slots=True)
class TextAmong:
    """A scalar that `parse` understands with what there is beside the file."""

    parse: Callable[[str, Known], Any]
    told: Schema

    def read(self, page: Page, entry: Entry) -> Any:
        return page.sheet.read(entry, lambda text: self.parse(text, page.known))

    def schema(self) -> Schema:
        return self.told


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a few words; what is `expected`, where they are too many to tell."""

    words: tuple[str, ...]
    expected: str = ""

    def read(self, page: Page, entry: Entry) -> str | None:
        return page.sheet.read(entry, self._parse)

    def _parse(self, text: str) -> str:
        if text not in self.words:
            raise ValueError(f"{self.expected or self._all()} is expected{near(text, self.words)}")
        return text

    def _all(self) -> str:
        *others, last = self.words
        return f"{', '.join(others)} or {last}" if others else last

    def schema(self) -> Schema:
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Record:
    """Keys with values. `needed` are those that must be there, each with what to write."""

    keys: Mapping[str, Shape]
    needed: Mapping[str, str] = field(default_factory=dict)
    has_steps: bool = False  # which are read whatever else is wrong with it

    def read(self, page: Page, entry: Entry) -> dict[str, Any] | None:
        """The values by key. None where a needed one is missing or wrong."""
        values = self.parts(page, entry)
        is_whole = values.keys() >= self.needed.keys()
        return values if values and (is_whole or self.has_steps) else None

    def parts(self, page: Page, entry: Entry) -> dict[str, Any]:
        """The values that are there and right, by key."""
        if not is_record(page, entry, self._such_as()):
            return {}
        found = page.sheet.record(entry.value, entry.path, tuple(self.keys))
        above = f"{entry.path}." if entry.path else ""
        for key, remedy in self.needed.items():
            if key not in found and not self._is_misspelt(key, written(entry.value)):
                page.sheet.fault(entry.key, f"{above}{key}", "is missing", remedy)
        values = {key: self.keys[key].read(page, each) for key, each in found.items()}
        return {key: value for key, value in values.items() if value is not None}

    @property
    def words(self) -> tuple[str, ...]:
        """The keys that it knows."""
        return tuple(self.keys)

    def value_of(self, node: Node, key: str) -> Shape:
        """The shape of a key's value."""
        return self.keys[key]

    def _is_misspelt(self, key: str, words: list[str]) -> bool:
        """Whether a key stands there under another name, or twice: that is said already."""
        return any(word == key or (word not in self.keys and near(word, [key])) for word in words)

    def _such_as(self) -> str:
        return next(iter(self.needed.values()), f"such as {', '.join(self.keys)}")

    def schema(self) -> Schema:
        keys = {key: shape.schema() for key, shape in self.keys.items()}
        return {
            "type": "object", "properties": keys, "required": sorted(self.needed), "additionalProperties": False,
            "minProperties": 1,
        }  # fmt: skip


def is_record(page: Page, entry: Entry, such_as: str) -> bool:
    """Whether keys with values stand there; False after a fault."""
    if not isinstance(entry.value, MappingNode):
        page.sheet.fault(entry.value, entry.path, "keys with values are expected here", such_as)
        return False
    if not entry.value.value:
        page.sheet.fault(entry.value, entry.path, "is empty", such_as)
        return False
    return True


def written(node: Node) -> list[str]:
    """The keys of a record, as they were written."""
    pairs = node.value if isinstance(node, MappingNode) else ()
    return [key.value for key, _ in pairs if isinstance(key, ScalarNode)]


@dataclass(frozen=True, slots=True)
class Variants:
    """A record of one kind or another: each kind has a key of its own, which must be there, and the keys beside it."""

    kinds: Mapping[str, Record]
    example: str

    def read(self, page: Page, entry: Entry) -> tuple[str, dict[str, Any]] | None:
        """The kind, and its values."""
        if not is_record(page, entry, self.example):
            return None
        named = [key for key in written(entry.value) if key in self.kinds]
        if len(set(named)) > 1:
            page.sheet.fault(entry.key, entry.path, f"has {' and '.join(dict.fromkeys(named))}", "write one of them")
            self._look_within(page, entry)
            return None
        if not named:
            self._nothing(page, entry)
            self._look_within(page, entry)
            return None
        values = self.kinds[named[0]].read(page, entry)
        return None if values is None or named[0] not in values else (named[0], values)

    def _look_within(self, page: Page, entry: Entry) -> None:
        """What is wrong with the values, of whatever kind the whole was meant to be."""
        shapes = {key: shape for record in reversed(list(self.kinds.values())) for key, shape in record.keys.items()}
        for key, value in entry.value.value:
            name = key.value if isinstance(key, ScalarNode) else ""
            if name in shapes:
                shapes[name].read(page, Entry(f"{entry.path}.{name}", key, value))

    def _nothing(self, page: Page, entry: Entry) -> None:
        beside = {key for record in self.kinds.values() for key in record.keys}
        before = len(page.sheet.faults)
        page.sheet.record(entry.value, entry.path, sorted(beside))
        if len(page.sheet.faults) == before:
            page.sheet.fault(entry.key, entry.path, f"one of {', '.join(self.kinds)} is expected in it", self.example)

    def schema(self) -> Schema:
        found = []
        for kind, record in self.kinds.items():
            told = record.schema()
            found.append({**told, "required": sorted({kind, *told["required"]})})
        return {"anyOf": found}


@dataclass(frozen=True, slots=True)
class Cases:
    """A record whose other keys depend on what one of them holds: `pick` says which case a node is."""

    pick: Callable[[Node], str]
    cases: Mapping[str, Record]

    def parts(self, page: Page, entry: Entry) -> dict[str, Any]:
        """As a record's."""
        return self.cases[self.pick(entry.value)].parts(page, entry)

    @property
    def words(self) -> tuple[str, ...]:
        """The keys that its cases know."""
        return tuple(dict.fromkeys(key for each in self.cases.values() for key in each.keys))

    def value_of(self, node: Node, key: str) -> Shape:
        """The shape of a key's value, in the case that the node is."""
        return self.cases[self.pick(node)].keys[key]

    def schema(self) -> Schema:
        return {"anyOf": [each.schema() for each in self.cases.values()]}


@dataclass(frozen=True, slots=True)
class Either:
    """A scalar in short, or a record in full: each in its own shape."""

    short: Shape
    full: Shape

    def read(self, page: Page, entry: Entry) -> Any:
        return (self.short if isinstance(entry.value, ScalarNode) else self.full).read(page, entry)

    def schema(self) -> Schema:
        return {"anyOf": [self.short.schema(), self.full.schema()]}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of `least` to `most` items."""

    item: Shape
    example: str
    least: int = 1
    most: int = 100

    def read(self, page: Page, entry: Entry) -> list[Any]:
        nodes = page.sheet.items(entry.value, entry.path, self.example)
        if isinstance(entry.value, SequenceNode) and not self.least <= len(nodes) <= self.most:
            bounds = f"at least {self.least}" if len(nodes) < self.least else f"at most {self.most}"
            page.sheet.fault(entry.value, entry.path, f"{bounds} are expected, not {len(nodes)}")
            nodes = nodes[: self.most]
        found = (
            self.item.read(page, Entry(f"{entry.path}[{place}]", node, node)) for place, node in enumerate(nodes, 1)
        )
        return [each for each in found if each is not None]

    def schema(self) -> Schema:
        return {"type": "array", "items": self.item.schema(), "minItems": self.least, "maxItems": self.most}


@dataclass(frozen=True, slots=True)
class TableOf:
    """Names of the file's own, each with a value."""

    name: Text | NameOf
    value: Shape
    example: str
    most: int = 50

    def read(self, page: Page, entry: Entry) -> dict[str, Any] | None:
        if not isinstance(entry.value, MappingNode) or not entry.value.value:
            page.sheet.fault(entry.value, entry.path, "names with values are expected here", self.example)
            return None
        names = [key.value for key, _ in entry.value.value if isinstance(key, ScalarNode)][: self.most]
        found = page.sheet.record(entry.value, entry.path, names)
        if len(entry.value.value) > self.most:
            page.sheet.fault(entry.value, entry.path, f"has more than {self.most} names")
        values = {}
        for each in found.values():
            name = self.name.read(page, Entry(each.path, each.key, each.key))
            value = self.value.read(page, each)
            if name is not None and value is not None:
                values[name] = value
        return values

    def schema(self) -> Schema:
        return {
            "type": "object", "additionalProperties": self.value.schema(), "propertyNames": self.name.schema(),
            "minProperties": 1, "maxProperties": self.most,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps, left as they are: whoever reads the step that they belong to reads them."""

    def read(self, page: Page, entry: Entry) -> Entry:
        return entry

    def schema(self) -> Schema:
        return {"$ref": "#/definitions/steps"}

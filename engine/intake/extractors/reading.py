"""An extractor's file, read and checked: every fault at once, each with line and column."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, TypeVar

from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from deliverability.address import Address, AddressError, parse_domain
from engine.flow.document import Entry, Fault, Sheet
from engine.flow.events import EventError, check_told
from engine.flow.spelling import near
from engine.intake.extractors.model import Extractor, Kind, Match, Place, Reading, Repeated
from engine.intake.patterns import Pattern

T = TypeVar("T")

_TOP: Final = ("name", "about", "match", "event", "data", "require", "contact", "deliver")
_PLACES: Final = tuple(map(str, Place))
_READING: Final = (*_PLACES, "css", "is", "attribute", "pattern", "as")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
_DATUM: Final = re.compile(r"[a-z][a-z0-9_]{0,40}", re.ASCII)
_SELECTOR_MAX: Final = 300
_DATA_MAX: Final = 50


def read_extractor(text: str, file: str) -> Extractor | list[Fault]:
    """The extractor that a file's text is, or all that is wrong with it."""
    return _Reader(text, file).read()


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self._text, self._sheet = text, Sheet(file)

    def read(self) -> Extractor | list[Fault]:
        root = self._sheet.compose(self._text)
        if root is None:
            return self._sheet.faults
        found = self._sheet.record(root, "", _TOP)
        for name in ("name", "match", "event"):
            if name not in found and isinstance(root, MappingNode):
                self._sheet.fault(root, name, "is missing")
        called = self._text_of(found, "name", _name)
        if "about" in found:
            self._sheet.text(found["about"])
        event, told, cases = self._event(found.get("event"))
        data = self._data(found.get("data"))
        required = self._required(found.get("require"), frozenset(data))
        made = Extractor(
            called or "", self._match(found.get("match")), event, data, self._text, told, cases,
            self._reading(found.get("contact")), required, self._text_of(found, "deliver", _yes_or_no) is not False,
        )  # fmt: skip
        return sorted(self._sheet.faults, key=lambda fault: (fault.line, fault.column)) or made

    def _text_of(self, found: dict[str, Entry], name: str, reader: Callable[[str], T]) -> T | None:
        return self._sheet.read(found[name], reader) if name in found else None

    # -- which mails

    def _match(self, entry: Entry | None) -> Match:
        if entry is None:
            return Match()
        found = self._sheet.record(entry.value, entry.path, ("from", "to", "subject"))
        if not found and isinstance(entry.value, MappingNode):
            self._sheet.fault(
                entry.key, entry.path, "says nothing, and every mail would be read", "say from: or subject:"
            )
        subject = self._text_of(found, "subject", Pattern.parse)
        return Match(self._addresses(found.get("from")), self._addresses(found.get("to")), subject)

    def _addresses(self, entry: Entry | None) -> frozenset[str]:
        if entry is None:
            return frozenset()
        nodes = entry.value.value if isinstance(entry.value, SequenceNode) else [entry.value]
        read = (self._sheet.read(Entry(entry.path, entry.key, node), _address) for node in nodes)
        return frozenset(each for each in read if each)

    # -- which event

    def _event(self, entry: Entry | None) -> tuple[str, Reading | None, tuple[tuple[Pattern, str], ...]]:
        """(name, "", ()) or ("", what tells, cases)."""
        if entry is None:
            return "", None, ()
        if isinstance(entry.value, ScalarNode):
            return self._sheet.read(entry, _event_name) or "", None, ()
        found = self._sheet.record(entry.value, entry.path, ("read", "when"))
        for name in ("read", "when"):
            if name not in found and isinstance(entry.value, MappingNode):
                self._sheet.fault(entry.key, f"{entry.path}.{name}", "is missing", "write read: {css: ...} and when:")
        return "", self._reading(found.get("read")), self._cases(found.get("when"))

    def _cases(self, entry: Entry | None) -> tuple[tuple[Pattern, str], ...]:
        if entry is None:
            return ()
        if not isinstance(entry.value, MappingNode):
            self._sheet.fault(
                entry.value, entry.path, "patterns with event names are expected", "such as delivered: parcel.delivered"
            )
            return ()
        cases = []
        for key, value in entry.value.value:
            pattern = self._sheet.read(Entry(entry.path, key, key), Pattern.parse)
            name = self._sheet.read(Entry(entry.path, key, value), _event_name)
            if pattern and name:
                cases.append((pattern, name))
        return tuple(cases)

    # -- its data

    def _data(self, entry: Entry | None) -> dict[str, Reading | Repeated]:
        if entry is None:
            return {}
        if not isinstance(entry.value, MappingNode) or len(entry.value.value) > _DATA_MAX:
            self._sheet.fault(
                entry.value, entry.path, f"at most {_DATA_MAX} names are expected, each with where it stands"
            )
            return {}
        data: dict[str, Reading | Repeated] = {}
        for key, value in entry.value.value:
            name = self._sheet.read(Entry(entry.path, key, key), partial(_datum, data))
            inner = Entry(f"{entry.path}.{name or '?'}", key, value)
            is_list = isinstance(value, MappingNode) and any(
                getattr(each, "value", "") == "each" for each, _ in value.value
            )
            reading = self._repeated(inner) if is_list else self._reading(inner)
            if name and reading is not None:
                data[name] = reading
        return data

    def _repeated(self, entry: Entry) -> Repeated | None:
        found = self._sheet.record(entry.value, entry.path, ("each", "data"))
        selector = self._text_of(found, "each", _selector)
        data = self._data(found.get("data"))
        if "data" not in found:
            self._sheet.fault(entry.key, entry.path, "data: is missing", "say what stands in each element")
        if any(isinstance(each, Repeated) for each in data.values()):
            self._sheet.fault(entry.key, entry.path, "a list in a list is not read")
        return (
            Repeated(selector, {name: each for name, each in data.items() if isinstance(each, Reading)})
            if selector
            else None
        )

    def _reading(self, entry: Entry | None) -> Reading | None:
        if entry is None:
            return None
        found = self._sheet.record(entry.value, entry.path, _READING)
        said = [name for name in (*_PLACES, "css", "is") if name in found]
        if len(said) != 1:
            if isinstance(entry.value, MappingNode):
                self._sheet.fault(entry.key, entry.path, f"one of {', '.join((*_PLACES, 'css', 'is'))} is expected")
            return None
        (source,) = said
        for name in {"attribute", "pattern"} & set(found) if source != "css" else ():
            self._sheet.fault(found[name].key, found[name].path, "goes with css only")
        kind = self._text_of(found, "as", _kind) or Kind.TEXT
        if source == "is":
            return Reading(fixed=self._sheet.text(found["is"]), kind=kind)
        if source == "css":
            attribute = self._text_of(found, "attribute", lambda text: text.lower()[:60]) or ""
            pattern = self._text_of(found, "pattern", Pattern.parse)
            selector = self._sheet.read(found["css"], _selector) or ""
            return Reading(selector=selector, attribute=attribute, pattern=pattern, kind=kind)
        return Reading(place=Place(source), pattern=self._sheet.read(found[source], Pattern.parse), kind=kind)

    def _required(self, entry: Entry | None, names: frozenset[str]) -> frozenset[str]:
        if entry is None:
            return frozenset()
        nodes = self._sheet.items(entry.value, entry.path, "number")
        read = (self._sheet.read(Entry(entry.path, entry.key, node), partial(_one_of, names)) for node in nodes)
        return frozenset(each for each in read if each)


# -- words


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("a name is expected: small letters, digits, - and _")
    return text


def _yes_or_no(text: str) -> bool:
    if text.lower() not in ("yes", "no"):
        raise ValueError("yes or no is expected")
    return text.lower() == "yes"


def _kind(text: str) -> Kind:
    if text not in list(Kind):
        raise ValueError(f"is not known here{near(text, Kind)} (known are {', '.join(Kind)})")
    return Kind(text)


def _datum(taken: Mapping[str, object], text: str) -> str:
    if not _DATUM.fullmatch(text):
        raise ValueError("a name is expected: small letters, digits and _")
    if text in taken:
        raise ValueError("stands here twice")
    return text


def _one_of(names: frozenset[str], text: str) -> str:
    if text not in names:
        raise ValueError(f"is no name of data{near(text, sorted(names))}")
    return text


def _event_name(text: str) -> str:
    try:
        return check_told(text)
    except EventError as err:
        raise ValueError(str(err)) from None


def _address(text: str) -> str:
    try:
        return f"@{parse_domain(text[1:])}" if text.startswith("@") else Address.parse(text).key
    except AddressError as err:
        raise ValueError(f"an address, or a domain such as @shop.example, is expected: {err}") from None


def _selector(text: str) -> str:
    try:
        if len(text) <= _SELECTOR_MAX:
            LexborHTMLParser("<p></p>").css(text)
            return text
    except SelectolaxError:
        pass
    raise ValueError(f"no CSS selector of at most {_SELECTOR_MAX} characters, such as table.items td")

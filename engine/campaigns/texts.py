"""Reading what a campaign file says to its readers: texts by language, and the content that templates get as `data`.

A text may hold template expressions, such as {{ contact.name }}; whether they make sense is found here too, so that no
mail has to fail for it. What a contact's data holds is never read as a template.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from engine.flow.document import Entry, Faulty, Sheet
from engine.sending.checking import text_faults

_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_DEPTH_MAX: Final = 6
_ANY: Final = ""


class TextReader:
    """Reads into a Sheet."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet

    def by_language(self, entry: Entry) -> dict[str, str]:
        """One text for all, or one for each language."""
        if isinstance(entry.value, ScalarNode):
            text = self._template(entry)
            return {_ANY: text} if text is not None else {}
        found = {tag: self._template(each) for tag, each in self._languages(entry).items()}
        return {tag: text for tag, text in found.items() if text is not None}

    def content(self, entry: Entry) -> dict[str, Any]:
        """What templates get as `data`, for each language."""
        found = {}
        for tag, each in self._languages(entry).items():
            if not isinstance(each.value, MappingNode):
                self._sheet.fault(each.value, each.path, "keys with texts are expected here", "such as heading: Spring")
            else:
                found[tag] = self._plain(each.path, each.value, 0)
        return found

    def _languages(self, entry: Entry) -> Mapping[str, Entry]:
        if not isinstance(entry.value, MappingNode):
            remedy = f"such as {entry.path}: {{en: ..., ru: ...}}"
            self._sheet.fault(entry.value, entry.path, "languages are expected here", remedy)
            return {}
        tags = [key.value for key, _ in entry.value.value if isinstance(key, ScalarNode)]
        for key, _ in entry.value.value:
            if not isinstance(key, ScalarNode) or not _LANGUAGE.fullmatch(key.value):
                self._sheet.fault(key, entry.path, "is no language tag", "such as en, he or zh-Hant")
        return self._sheet.record(entry.value, entry.path, tags)

    def _plain(self, path: str, node: Node, depth: int) -> Any:
        if depth > _DEPTH_MAX:
            self._sheet.fault(node, path, "is nested too deeply")
            return None
        if isinstance(node, MappingNode):
            keys = [key.value for key, _ in node.value if isinstance(key, ScalarNode)]
            found = self._sheet.record(node, path, keys)
            return {key: self._plain(each.path, each.value, depth + 1) for key, each in found.items()}
        if isinstance(node, SequenceNode):
            nodes = self._sheet.items(node, path, "a text")
            return [self._plain(f"{path}[{at}]", each, depth + 1) for at, each in enumerate(nodes)]
        return self._template(Entry(path, node, node))

    def _template(self, entry: Entry) -> str | None:
        return self._sheet.read(entry, _checked)


def _checked(text: str) -> str:
    if faults := text_faults(text):
        raise Faulty(faults)
    return text.strip()

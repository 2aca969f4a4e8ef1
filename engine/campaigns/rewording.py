"""Writing a campaign's subject, heading or first paragraph in one language into its file: only that part of the text is
changed, so that remarks and order stay. Pure.

What the file says in one text for all becomes the text of the installation's language, beside which the new one stands.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

_PARAGRAPHS: Final = "paragraphs"


@dataclass(frozen=True, slots=True)
class Words:
    """What is said in a language; what is "" is left as it is."""

    subject: str = ""
    heading: str = ""
    text: str = ""  # the first paragraph


def reworded(source: str, language: str, default: str, words: Words, variant: str = "") -> str:
    """The file with these words. `source` is that of a file that was checked, `language` a tag, `default` the installation's
    language; `variant`: in it, where it says that itself."""
    for key, path, said in (
        ("subject", (language,), words.subject),
        ("content", (language, "heading"), words.heading),
        ("content", (language, _PARAGRAPHS), words.text),
    ):
        if said:
            source = _with(source, key, path, default, " ".join(said.split()), variant)
    return source


def _with(source: str, key: str, path: Sequence[str], default: str, said: str, variant: str) -> str:
    root = YAML(typ="safe", pure=True).compose(source)
    if not isinstance(root, MappingNode):
        return source
    holder = _variant(root, variant)
    at: Node = holder if holder is not None and _value(holder, key) is not None else root
    left = [key, *path]
    while left and isinstance(at, MappingNode) and (below := _value(at, left[0])) is not None:
        at, left = below, left[1:]
    is_list = path[-1] == _PARAGRAPHS
    value = f"[{_text(said)}]" if is_list else _text(said)
    if not left:
        if is_list and isinstance(at, SequenceNode) and at.value:
            at, value = at.value[0], _text(said)
        return _replaced(source, at, value)
    for each in reversed(left[1:]):
        value = f"{{{each}: {value}}}"
    if isinstance(at, MappingNode):
        return _added(source, at, left[0], value)
    if left[0].lower() == default.lower():  # one text for all, and it stays one
        return _replaced(source, at, _text(said))
    return _replaced(source, at, f"{{{default}: {_text(str(at.value).strip())}, {left[0]}: {value}}}")


def _variant(root: MappingNode, name: str) -> MappingNode | None:
    found = _value(root, "variants")
    each: Node
    for each in found.value if name and isinstance(found, SequenceNode) else ():
        if (
            isinstance(each, MappingNode)
            and isinstance(told := _value(each, "name"), ScalarNode)
            and told.value == name
        ):
            return each
    return None


def _value(of: MappingNode, key: str) -> Node | None:
    """What stands under a key; a language's tag in whatever case it is written."""
    for each, value in of.value:
        if isinstance(each, ScalarNode) and str(each.value).lower() == key.lower():
            found: Node = value
            return found
    return None


def _replaced(source: str, node: Node, value: str) -> str:
    begin, end = node.start_mark.index, _end(source, node)
    return source[:begin] + value + source[end:]


def _added(source: str, to: MappingNode, key: str, value: str) -> str:
    """One more key: behind the last one of a flow mapping, on a line of its own in a block."""
    told = f"{key}: {value}"
    if not to.value:
        return _replaced(source, to, f"{{{told}}}")
    first, last = to.value[0][0], to.value[-1][1]
    end = _end(source, last)
    if to.flow_style:
        return f"{source[:end]}, {told}{source[end:]}"
    line_end = source.find("\n", end)
    end = len(source) if line_end < 0 else line_end
    return f"{source[:end]}\n{' ' * first.start_mark.column}{told}{source[end:]}"


def _end(source: str, node: Node) -> int:
    """Where a node's own text ends: a block's mark stands where the next key begins, behind remarks."""
    if isinstance(node, MappingNode) and node.value and not node.flow_style:
        return _end(source, node.value[-1][1])
    if isinstance(node, SequenceNode) and node.value and not node.flow_style:
        return _end(source, node.value[-1])
    begin, end = int(node.start_mark.index), int(node.end_mark.index)
    return begin + len(source[begin:end].rstrip())


def _text(text: str) -> str:
    """A YAML scalar that means this text and nothing else: JSON's quotes are YAML's too."""
    return json.dumps(text, ensure_ascii=False)


def said_in(content: Mapping[str, object]) -> tuple[str, str]:
    """(heading, first paragraph) of what a language says; "" for what is no text."""
    paragraphs = content.get(_PARAGRAPHS)
    first = paragraphs[0] if isinstance(paragraphs, list) and paragraphs else ""
    heading = content.get("heading", "")
    return (heading if isinstance(heading, str) else "", first if isinstance(first, str) else "")

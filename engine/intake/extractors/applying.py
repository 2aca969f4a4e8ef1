"""What an extractor finds in a mail. Pure; runs in the parser worker, which is stopped when it takes too long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from deliverability.encoded_words import decode_text
from deliverability.rawmail import first_value, split_message
from deliverability.text import clean
from engine.flow.events import natural_key
from engine.intake.extractors.model import Extractor, Kind, Place, Reading, Repeated
from engine.intake.html import TOO_DEEP, tree_of
from engine.intake.mime import html_parts
from engine.intake.plain import amount, web_link, without_gaps

RECORDS: Final = 200  # of a list
_VALUE: Final = 2000  # characters of a value
_TEXT: Final = 256 * 1024  # characters of text that are looked through

Node = LexborHTMLParser | LexborNode


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as extractors see it: the HTML as written, as trees, and what a reader sees."""

    places: Mapping[Place, str]
    trees: Sequence[LexborHTMLParser]
    left_out: Sequence[str] = ()  # what of it could not be read, and why


def open_mail(content: bytes) -> Mail:
    """Split and decode. Never raises."""
    header, _ = split_message(content)
    parts = html_parts(content)
    trees = [tree for part in parts.parts if (tree := tree_of(part)) is not None]
    left_out = [*parts.left_out, *([TOO_DEEP] if len(trees) < len(parts.parts) else ())]
    plain = "\n".join(parts.plain)
    text = plain if plain.strip() else "\n".join(map(_seen, parts.parts))
    places = {
        place: decode_text(first_value(header, place.title()) or b"")[:_VALUE]
        for place in (Place.SUBJECT, Place.FROM, Place.TO)
    }
    return Mail({**places, Place.TEXT: text[:_TEXT], Place.HTML: "\n".join(parts.parts)[:_TEXT]}, trees, left_out)


def _seen(html: str) -> str:
    """The text of a tree of its own, since what nobody sees is taken out of it."""
    tree = tree_of(html)
    if tree is None:
        return ""
    for node in tree.css("script, style, title"):
        node.decompose()
    return tree.body.text(deep=True, separator="\n", strip=True) if tree.body is not None else ""


def apply(extractor: Extractor, mail: Mail) -> tuple[dict[str, Any] | None, str]:
    """({"name", "data", "extractor", "contact", "deliver"}, "") or (None, why there is no event)."""
    found, why = _find(extractor, mail)
    if why and mail.left_out:
        why += f" (not read: {'; '.join(mail.left_out)})"
    return found, why


def _find(extractor: Extractor, mail: Mail) -> tuple[dict[str, Any] | None, str]:
    name = extractor.event or _told(extractor, mail)
    if not name:
        return None, f"the extractor {extractor.name} knows no event for what the mail says"
    data = without_gaps({key: _datum(each, mail) for key, each in extractor.data.items()})
    missing = sorted(extractor.required - data.keys())
    if missing:
        return None, f"the extractor {extractor.name} did not find {', '.join(missing)}"
    contact = _read(extractor.contact, mail, mail.trees) if extractor.contact else None
    found = {
        "name": name, "data": data, "extractor": extractor.name, "contact": contact, "deliver": extractor.deliver,
        "key": natural_key(name, data),
    }  # fmt: skip
    return found, ""


def _told(extractor: Extractor, mail: Mail) -> str:
    text = _read(extractor.told, mail, mail.trees) if extractor.told else None
    return next((name for pattern, name in extractor.cases if isinstance(text, str) and pattern.matches(text)), "")


def _datum(reading: Reading | Repeated, mail: Mail) -> Any:
    if isinstance(reading, Reading):
        return _read(reading, mail, mail.trees)
    nodes = [node for tree in mail.trees for node in tree.css(reading.selector)[:RECORDS]][:RECORDS]
    records = [without_gaps({name: _read(each, mail, [node]) for name, each in reading.data.items()}) for node in nodes]
    return [each for each in records if each] or None


def _read(reading: Reading, mail: Mail, roots: Sequence[Node]) -> Any:
    """The value; None where there is none."""
    if reading.fixed is not None:
        text: str | None = reading.fixed
    elif reading.place is not None:
        text = reading.pattern.find(mail.places[reading.place]) if reading.pattern else None
    else:
        text = _in_element(reading, roots)
    text = clean((text or "")[:_VALUE]).strip()
    if not text:
        return None
    match reading.kind:
        case Kind.NUMBER:
            return amount(text)
        case Kind.LINK:
            return web_link(text)
    return text


def _in_element(reading: Reading, roots: Sequence[Node]) -> str | None:
    node = next((node for root in roots if (node := root.css_first(reading.selector)) is not None), None)
    if node is None:
        return None
    words = node.attributes.get(reading.attribute) or "" if reading.attribute else node.text(deep=True)[:_TEXT]
    text = " ".join(words.split())
    return reading.pattern.find(text) if reading.pattern else text

"""Style sheets put into `style` attributes, when a template is compiled: mail readers know little of style sheets, and a
mail that is sent a million times should not pay for it a million times.

What is inlined are rules whose selectors are a tag, a class, or both (`p`, `.card`, `td.card`): a mail is put together
of parts, and nobody knows here what will stand around one. Everything else (`@media`, `:root`, `[data-ogsc] .ink`) is for
the <style> of the head, and a class that it speaks of stays in its tag; the others go.

Works on the source of a template: what stands in {{ }} and {% %} is left alone, and no line is added or lost.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

_COMMENT: Final = re.compile(r"/\*.*?\*/", re.S)
_INLINE: Final = re.compile(r"(?P<tag>[a-z][a-z0-9]*)?(?:\.(?P<class>[a-z][a-z0-9-]*))?")
_CLASS: Final = re.compile(r"\.([a-z][a-z0-9-]*)")
_EXPRESSION: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.S)
_TAG: Final = re.compile(r"<(?P<name>[a-z][a-z0-9]*)(?P<attributes>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>")
_ATTRIBUTE: Final = re.compile(r"\s(?P<name>class|style)=\"(?P<value>[^\"]*)\"")
_HIDDEN: Final = "\x01{}\x02"
_SHOWN: Final = re.compile("\x01(\\d+)\x02")

Declarations = Mapping[str, str]


class SheetError(ValueError):
    """A style sheet can't be read; the words say where."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """`rules`: by selector. `head`: what goes into the <style> of a mail; `kept`: the classes it speaks of."""

    rules: Mapping[str, Declarations]
    head: str
    kept: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> "Sheet":
        """SheetError."""
        rules: dict[str, dict[str, str]] = {}
        head = []
        for selectors, body in _blocks(_COMMENT.sub("", text)):
            names = [each.strip() for each in selectors.split(",")]
            if all(name and _INLINE.fullmatch(name) for name in names):
                for name in names:
                    rules.setdefault(name, {}).update(declarations(body))
            else:
                head.append(f"{selectors} {{{body}}}")
        said = "\n".join(head)
        return cls(rules, said, frozenset(_CLASS.findall(said)))

    def of(self, tag: str, classes: list[str]) -> dict[str, str]:
        """What the rules say of such an element; a class beats a tag, both beat either."""
        found: dict[str, str] = {}
        for selector in (tag, *(f".{each}" for each in classes), *(f"{tag}.{each}" for each in classes)):
            _lay(found, self.rules.get(selector, {}))
        return found


def inline(source: str, sheet: Sheet) -> str:
    """The template with the rules in its tags. What a tag's own `style` says stands over them."""
    expressions: list[str] = []

    def hide(match: re.Match[str]) -> str:
        expressions.append(match[0])
        return _HIDDEN.format(len(expressions) - 1)

    hidden = _EXPRESSION.sub(hide, source.replace("\x01", ""))
    styled = _TAG.sub(lambda match: _styled(match, sheet), hidden)
    return _SHOWN.sub(lambda match: expressions[int(match[1])], styled)


def declarations(body: str) -> dict[str, str]:
    """`color: red; margin: 0` as a mapping, in its order."""
    found: dict[str, str] = {}
    for each in body.split(";"):
        name, colon, value = each.partition(":")
        if colon and name.strip() and value.strip():
            _lay(found, {name.strip(): value.strip()})
    return found


def _styled(match: re.Match[str], sheet: Sheet) -> str:
    told = {each["name"]: each["value"] for each in _ATTRIBUTE.finditer(match["attributes"])}
    classes = told.get("class", "").split()
    rules = sheet.of(match["name"], classes)
    if not rules and not classes:
        return match[0]
    kept = " ".join(each for each in classes if each in sheet.kept or "\x01" in each)
    own = told.get("style", "")
    # An expression may stand where a declaration does: what was written by hand is never taken apart.
    names = declarations(own) if "\x01" not in own else {}
    style = "".join(f"{name}:{value};" for name, value in rules.items() if name not in names) + own
    rest = _ATTRIBUTE.sub(lambda each: "\n" * each[0].count("\n"), match["attributes"])
    closed = "/" if rest.rstrip().endswith("/") else ""
    rest = rest.rstrip().removesuffix("/").rstrip() if closed else rest
    made = (f' class="{kept}"' if kept else "") + (f' style="{style.replace(chr(34), chr(39))}"' if style else "")
    return f"<{match['name']}{rest}{made}{closed}>"


def _lay(below: dict[str, str], above: Declarations) -> None:
    for name, value in above.items():
        below.pop(name, None)  # the later one stands later: `padding` after `padding-left` undoes it
        below[name] = value


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """(what stands before the brace, what stands between the braces), with blocks within blocks left whole."""
    at = 0
    while (opened := text.find("{", at)) >= 0:
        closed = _closing(text, opened)
        yield " ".join(text[at:opened].split()), " ".join(text[opened + 1 : closed].split())
        at = closed + 1
    if text[at:].strip():
        raise SheetError(f'"{text[at:].strip()[:40]}" is no rule')


def _closing(text: str, opened: int) -> int:
    depth = 0
    for at in range(opened, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return at
    raise SheetError(f'the block after "{text[:opened].strip()[-40:]}" is not closed')

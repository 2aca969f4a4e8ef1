"""7 Mail: the recipes with the mails they send, and one mail as a reader gets it. Pure.

A text that runs from right to left stands at the right, each line in one run, so that whoever orders cells orders it whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from engine.control.client import Control, part
from engine.control.protocol.mails import (
    MailFindings,
    MailProof,
    MailRow,
    Mails,
    MailSheet,
    TemplateFile,
)
from engine.counts import counted
from tui.columns import Column, table
from tui.format import cells, cut, number, size, wrap
from tui.ink import BLANK, Ink, Line, Run, Target, line, rule

READERS: Final = ("usual", "longest", "emptiest")
_ALONE: Final = "not in a recipe"
_SHARED: Final = "shared by all mails"
CLIPPED: Final = 102 * 1024  # octets of HTML that Gmail shows


@dataclass(frozen=True, slots=True)
class Leaf:
    """A line of the tree: a branch (a recipe, or what is in none), a mail in it, or a file that all mails share."""

    kind: str  # branch, mail, file
    name: str
    within: str = ""  # the branch of a mail or a file
    mail: MailRow | None = None
    file: TemplateFile | None = None
    title: str = ""
    count: int = 0
    is_open: bool = True

    @property
    def target(self) -> Target:
        if self.kind == "mail":
            return Target("mail", self.name)
        return Target("mail-file" if self.kind == "file" else "branch", self.name)


def tree(mails: Mails, wanted: str = "", folded: frozenset[str] = frozenset()) -> tuple[Leaf, ...]:
    """The lines of the tree. With `wanted` only what says it, and nothing is folded."""
    by_name, titles = {each.name: each for each in mails.rows}, dict(mails.titles)
    branches: dict[str, list[str]] = {}
    for row in mails.rows:
        for flow in row.flows or (_ALONE,):
            branches.setdefault(flow, []).append(row.name)
    names = sorted(branches, key=lambda each: (each == _ALONE, each))
    found: list[Leaf] = []
    for name in names:
        title = titles.get(name, "")
        rows = [by_name[each] for each in branches[name] if _says(wanted, name, title, by_name[each])]
        found += _branch(name, title, [Leaf("mail", each.name, name, mail=each) for each in rows], wanted, folded)
    files = [each for each in mails.shared if wanted in f"{_SHARED} {each.name}".casefold()]
    found += _branch(_SHARED, "", [Leaf("file", each.name, _SHARED, file=each) for each in files], wanted, folded)
    return tuple(found)


def _branch(name: str, title: str, leaves: list[Leaf], wanted: str, folded: frozenset[str]) -> list[Leaf]:
    if not leaves:
        return []
    is_open = bool(wanted) or name not in folded
    head = Leaf("branch", name, title=title, count=len(leaves), is_open=is_open)
    return [head, *leaves] if is_open else [head]


def _says(wanted: str, flow: str, title: str, row: MailRow) -> bool:
    return wanted in f"{flow} {title} {row.name} {row.about}".casefold()


def _name(leaf: Leaf, _: int) -> Run:
    if leaf.kind == "branch":
        return Run(f"{'▾' if leaf.is_open else '▸'} {leaf.name}", Ink.TITLE)
    return Run(f"    {leaf.name}", Ink.STRONG)


def _whose(leaf: Leaf, _: int) -> Run:
    if leaf.mail is not None:
        if leaf.mail.fault:
            return Run("✗ broken", Ink.BAD)
        return Run("◆ yours", Ink.CALM) if leaf.mail.own else Run("")
    return Run("◆ yours", Ink.CALM) if leaf.file is not None and leaf.file.is_own else Run("")


def _stream(leaf: Leaf, _: int) -> Run:
    return Run(leaf.mail.stream if leaf.mail else "", Ink.DIM)


def _languages(leaf: Leaf, _: int) -> Run:
    return Run(" ".join(leaf.mail.languages) if leaf.mail else "", Ink.DIM)


def _about(leaf: Leaf, _: int) -> Run:
    if leaf.mail is not None:
        return Run(leaf.mail.fault or leaf.mail.about, Ink.BAD if leaf.mail.fault else Ink.DIM)
    said = f"{leaf.title} · " if leaf.title else ""
    return Run(f"{said}{number(leaf.count)}" if leaf.kind == "branch" else "", Ink.DIM)


TREE: Final[tuple[Column[Leaf], ...]] = (
    Column("recipe, and its mails", 26, _name, flex=1),
    Column("whose", 8, _whose, since=70),
    Column("stream", 13, _stream, since=96),
    Column("languages", 20, _languages, since=120),
    Column("what for", 20, _about, flex=4, since=62),
)


# -- one mail


def proof(found: MailProof, width: int, sheet: MailSheet | None = None) -> list[Line]:
    """A mail as a reader gets it: its head, its facts, its text; with `sheet` its files, which Enter opens."""
    lines = [*_head(found, width, sheet), BLANK]
    if found.fault:
        place = f"{found.file}:{found.line}" if found.line else found.file
        lines += [rule("It can't be written", width), *folded(f"✗ {found.fault}", Ink.BAD, width)]
        lines.append(line((place, Ink.STRONG)).opens("mail-file", place))
    else:
        lines += [rule("Text", width, found.language), *text(found, width)]
    if sheet is not None:
        lines += [BLANK, *files(sheet, width)]
    return lines


def _head(found: MailProof, width: int, sheet: MailSheet | None) -> Iterator[Line]:
    yield from _fact("subject", found.subject, Ink.STRONG, width, found.direction)
    yield from _fact("preheader", found.preheader, Ink.TEXT, width, found.direction)
    yield from _fact("from", found.sender, Ink.DIM, width, "ltr")
    if found.html:
        html = len(found.html.encode())
        clipped = "  ✗ Gmail cuts it" if html > CLIPPED else ""
        yield line(("size      ", Ink.DIM), f"{size(html)} of HTML, {size(found.octets)} in all", (clipped, Ink.BAD))
    yield line(("kind      ", Ink.DIM), *_kind(found, sheet))
    yield _choices("reader", READERS if found.reader in READERS else (*READERS, found.reader), found.reader)
    tags = [each.tag for each in sheet.languages] if sheet is not None else [found.locale]
    yield _choices("language", tags, found.locale)


def _kind(found: MailProof, sheet: MailSheet | None) -> list[tuple[str, Ink]]:
    said = [(found.stream, Ink.TEXT)]
    if sheet is not None and sheet.event:
        said.append((f" · begins with {sheet.event}", Ink.DIM))
    if sheet is not None and sheet.flows:
        said.append((f" · sent by {', '.join(sheet.flows)}", Ink.DIM))
    return said


def _fact(name: str, said: str, ink: Ink, width: int, direction: str) -> Iterator[Line]:
    room = max(width - 10, 10)
    for index, each in enumerate(wrap(said, room)):
        yield line((f"{name if not index else '':<10}", Ink.DIM), *_sided(each, ink, room, direction))


def _choices(name: str, words: Sequence[str], chosen: str) -> Line:
    """What there is to choose from; the chosen one is in brackets, so that no colour is needed to see it."""
    said: list[tuple[str, Ink]] = []
    for word in words:
        said.append((f"[{word}] ", Ink.HORN) if word == chosen else (f" {word}  ", Ink.DIM))
    return line((f"{name:<10}", Ink.DIM), *said)


def text(found: MailProof, width: int) -> list[Line]:
    """The plain text, folded at the width; at the right where it runs from there."""
    lines: list[Line] = []
    for row in found.text.split("\n"):
        is_address = "://" in row.split(" ", 1)[0]
        direction, ink = ("ltr", Ink.CALM) if is_address else (found.direction, Ink.TEXT)
        for each in wrap(row, width):
            lines.append(line(*_sided(each, ink, width, direction)))
    return lines


def _sided(text: str, ink: Ink, width: int, direction: str) -> list[tuple[str, Ink]]:
    room = width - cells(text)
    return [(" " * room, Ink.TEXT), (text, ink)] if direction == "rtl" and room > 0 and text else [(text, ink)]


def files(sheet: MailSheet, width: int) -> list[Line]:
    """Its files; Enter opens one in the editor."""
    lines = [
        rule(
            "Files",
            width,
            f"{counted(len(sheet.diff), 'line')} of difference" if sheet.diff else "as they come with Posthouse",
        )
    ]
    for each in sheet.files:
        whose = ("◆ yours", Ink.CALM) if each.is_own else ("  ours", Ink.DIM)
        lines.append(line((f"{each.name:<44}", Ink.STRONG), whose).cropped(width).opens("mail-file", each.name))
    return lines


def findings(found: MailFindings, width: int) -> list[Line]:
    """What a lint found, each with file and line; Enter opens the file there."""
    count = f"{number(len(found.rows))} found" if found.rows else "nothing found"
    lines = [rule("Lint", width, f"{count}{f', {found.judge} too' if found.judge else ''}")]
    if not found.rows:
        return [
            *lines,
            line(("✓ ", Ink.GOOD), "written to three made readers in every language, and looked at by every rule"),
        ]
    for each in found.rows:
        place = f"{each.file}:{each.line}" if each.line else each.file
        lines.append(
            line(("✗ ", Ink.BAD), (f"{each.rule:<12}", Ink.WAIT), (place, Ink.STRONG)).opens("mail-file", place, each)
        )
        lines += [line("              ", *row.runs) for row in folded(each.problem, Ink.TEXT, max(width - 14, 10))]
        if each.where not in (place, each.file):
            lines.append(line(("              " + each.where, Ink.DIM)))
    return lines


def diff(sheet: MailSheet, width: int) -> list[Line]:
    """One's own files beside ours, line by line."""
    lines = [rule("Difference", width, "ours −, yours +")]
    if not sheet.diff:
        return [*lines, line(("every file is as it comes with Posthouse", Ink.DIM))]
    for each in sheet.diff:
        ink = {"+": Ink.GOOD, "-": Ink.BAD, "@": Ink.RAIL}.get(each[:1], Ink.TEXT)
        lines.append(line((cut(each, width), Ink.TITLE if each[:3] in ("+++", "---") else ink)))
    return lines


def folded(words: str, ink: Ink, width: int) -> list[Line]:
    return [line((each, ink)) for each in wrap(words, width)]


# -- plain


def plain_mail(control: Control, words: Sequence[str], width: int) -> list[Line]:
    """All mails as a tree, or one of them in a language."""
    if not words:
        every = control.get(Mails, "/v1/mails")
        return table("Mail", "line", TREE, tree(every), every.now_ms, width)
    name, locale = words[0], words[1] if len(words) > 1 else ""
    sheet = control.get(MailSheet, f"/v1/mails/{part(name)}")
    found = control.get(MailProof, f"/v1/mails/{part(name)}/proof", {"locale": locale} if locale else {})
    lint = control.get(MailFindings, f"/v1/mails/{part(name)}/findings")
    return [rule(f"Mail › {name}", width, found.locale), *proof(found, width, sheet), BLANK, *findings(lint, width)]

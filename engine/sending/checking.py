"""Checking mail templates before a mail depends on them: everything that is wrong, at once, each with its place.

Looked at, for each mail: both parts are there and can be parsed (with all they extend and include); every name that a
template uses is one that it is given; every t("...") has its words in every language that has the mail; nothing in its
expressions is wrong whatever the facts are (engine.sending.expressions).
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from jinja2 import TemplateSyntaxError, meta, nodes
from jinja2.sandbox import SandboxedEnvironment

from engine.flow.conditions import CONTACT
from engine.sending.brand import FILE, BrandError, read_brand
from engine.sending.compose import GIVEN
from engine.sending.expressions import expression_faults
from engine.sending.mail_files import MAIL
from engine.sending.nesting import TOO_DEEP, depth_of, too_deep
from engine.sending.render import NO_SUBJECT
from engine.sending.resources import ResourceError, Resources
from engine.sending.sandbox import Sandbox
from engine.sending.texts import TextError, Texts, Words
from engine.sending.vocabulary import FILTERS, FUNCTIONS

KINDS: Final = ("html", "txt")
_SHALLOW: Final = 20  # parts within parts that Python compiles whatever they are
_OF_ANY_MAIL: Final = CONTACT - {"lists", "segments"}  # which only mail of flows sees of its reader
_GIVEN: Final = frozenset((*GIVEN, *FUNCTIONS, "caller", "self", "super", "loop"))


@dataclass(frozen=True, slots=True)
class MailFault:
    """One thing that is wrong with a mail. `line` is 0 where it concerns the whole file."""

    file: str
    line: int
    problem: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.problem}" if self.line else f"{self.file}: {self.problem}"


def mail_names(resources: Resources) -> list[str]:
    """The mails there are."""
    return sorted({name.removeprefix("mail/").rsplit(".", 2)[0] for name in resources.names("mail", ".j2")})


def check_mails(resources: Resources, names: list[str] | None = None) -> list[MailFault]:
    """All faults of these mails (of all, when None). None of them: every mail can be written in every language."""
    try:
        texts = Texts(resources)
    except TextError as err:
        return [MailFault("i18n", 0, str(err))]
    try:
        read_brand(resources)
    except BrandError as err:
        return [MailFault(FILE, 0, str(err).removeprefix(f"{FILE}: "))]
    checker = _Checker(resources, texts)
    return [fault for name in (mail_names(resources) if names is None else names) for fault in checker.mail(name)]


def own_faults(resources: Resources) -> list[MailFault]:
    """The faults of the mails of which a file is the user's own."""
    files = [*resources.own("mail", ".j2"), *resources.own("mail", ".toml")]
    names = sorted({name.removeprefix("mail/").split(".", 1)[0] for name in files})
    return check_mails(resources, names) if names else []


def text_faults(source: str) -> list[str]:
    """All that is wrong with a text that an operator wrote outside any template, such as a subject."""
    try:
        return _text_faults(source) if "{" in source else []
    except RecursionError:
        return [TOO_DEEP]


def _text_faults(source: str) -> list[str]:
    sandbox = Sandbox(lambda name: None, dict(FILTERS), dict(FUNCTIONS))
    try:
        tree = _Reader(sandbox).parse(source)
    except TemplateSyntaxError as err:
        return [err.message or "syntax error"]
    if next(tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)), None) is not None:
        return ["a text is no template file: it includes and extends nothing"]
    unknown = [each.problem for each in _unknown_names(tree, "", _GIVEN)]
    return [*unknown, *(words for _, words in expression_faults(tree, sandbox, _OF_ANY_MAIL))]


class _Reader(SandboxedEnvironment):
    """Reads a template as it was written, where the sandbox weaves its meter in, and works nothing of it out: a text times
    a thousand million is a fault to be told, not to be made."""

    intercepted_binops = Sandbox.intercepted_binops

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, optimized=False)
        self.filters, self.tests = sandbox.filters, sandbox.tests


class _Checker:
    def __init__(self, resources: Resources, texts: Texts) -> None:
        self._resources, self._texts = resources, texts
        self._sandbox = sandbox = Sandbox(resources.read, dict(FILTERS), dict(FUNCTIONS))
        self._environment = _Reader(sandbox)
        self._trees: dict[str, nodes.Template] = {}

    def mail(self, name: str) -> Iterator[MailFault]:
        """All that is wrong with one mail. What lacks a file is not finished, which is one fault."""
        files = (f"{name}.toml", *(f"{name}.{kind}.j2" for kind in KINDS))
        if lacks := [file for file in files if not self._resources.has(f"mail/{file}")]:
            words = f"is not finished: there is no {' and no '.join(lacks)} (`posthouse mail new` writes all three)"
            yield MailFault(f"mail/{name}", 0, words)
            return
        seen: set[str] = set()
        is_read = True
        try:
            self._texts.mail(name)
        except TextError as err:
            is_read = False
            yield MailFault(f"mail/{name}.toml", 0, str(err).removeprefix(f"mail/{name}.toml: "))
        for kind in KINDS:
            faults = list(self._file(f"mail/{name}.{kind}.j2", f"mail.{name}", seen, ()))
            yield from faults
            if kind == "txt" and not faults and not self._has_subject(f"mail/{name}.txt.j2"):
                yield MailFault(f"mail/{name}.txt.j2", 0, NO_SUBJECT)
        if is_read and not self._words(f"mail.{name}"):
            yield MailFault(f"mail/{name}.toml", 0, "no language has texts for it: add a table such as [en]")

    def _file(
        self, file: str, section: str, seen: set[str], way: tuple[tuple[str, int], ...], known: frozenset[str] = _GIVEN
    ) -> Iterator[MailFault]:
        """The faults of a file and of all that it names. `way`: the files, each with its line, that led to it; `known`: the
        names that it is given."""
        if file in (files := [step for step, _ in way]):
            yield MailFault(*way[-1], _endless(files, file))
        if file in seen:
            return
        seen.add(file)
        try:
            tree = self._tree(file)
            unknown = _unknown_names(tree, file, known)
        except ResourceError as err:
            yield MailFault(*way[-1], str(err)) if way else MailFault(file, 0, str(err))
            return
        except TemplateSyntaxError as err:  # an unknown filter is one too
            yield MailFault(file, err.lineno, err.message or "syntax error")
            return
        yield from unknown
        yield from (MailFault(file, line, words) for line, words in expression_faults(tree, self._sandbox, CONTACT))
        yield from self._missing_words(tree, file, section, way)
        yield from self._missing_blocks(tree, file)
        for node in tree.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)):
            for other in meta.find_referenced_templates(nodes.Template([node], lineno=node.lineno)):
                if other is not None:
                    given = known | _seen_at(tree, node) if isinstance(node, nodes.Include) else _GIVEN
                    yield from self._file(other, section, seen, (*way, (file, node.lineno)), given)
            if isinstance(node, nodes.FromImport):
                yield from self._missing_parts(node, file)

    def _tree(self, file: str) -> nodes.Template:
        """ResourceError; TemplateSyntaxError for what can't be read, or compiled."""
        if (found := self._trees.get(file)) is not None:
            return found
        source = self._resources.read(file)
        try:
            tree = self._environment.parse(source, file)
            if depth_of(tree)[0] > _SHALLOW:
                self._sandbox.compile(source, file)
        except RecursionError:
            raise too_deep(self._environment, source, file) from None
        self._trees[file] = tree
        return tree

    def _missing_parts(self, node: nodes.FromImport, file: str) -> Iterator[MailFault]:
        """What it takes out of a file that does not have it."""
        try:
            other = node.template.as_const()
            there = set(_made_here(self._tree(other)))
        except (nodes.Impossible, ResourceError, TemplateSyntaxError):
            return  # chosen when it is written, or told already
        for name in (each if isinstance(each, str) else each[0] for each in node.names):
            if name not in there:
                near = difflib.get_close_matches(name, there, n=1)
                yield MailFault(
                    file, node.lineno, f"{other} has no {name}" + (f" (did you mean {near[0]}?)" if near else "")
                )

    def _missing_blocks(self, tree: nodes.Template, file: str) -> Iterator[MailFault]:
        """Blocks that what it extends has no place for: nobody would see what they say."""
        for above in (each.template for each in tree.find_all(nodes.Extends)):
            if not isinstance(above, nodes.Const) or (places := self._places(above.value)) is None:
                continue  # chosen when it is written, or told already
            if file.endswith(".txt.j2"):
                places.append("subject")  # which is written by itself
            for block in _outermost(tree):
                if block.name not in places:
                    near = difflib.get_close_matches(block.name, places, n=1)
                    hint = f"did you mean {near[0]}? " if near else ""
                    told = f"{above.value} has no block {block.name}, so nobody sees it ({hint}there are: {', '.join(places)})"
                    yield MailFault(file, block.lineno, told)

    def _places(self, file: str, below: tuple[str, ...] = ()) -> list[str] | None:
        """The names of the blocks of a file and of all that it extends; None where nobody can tell."""
        try:
            tree = self._tree(file)
        except (ResourceError, TemplateSyntaxError):
            return None
        found = [block.name for block in tree.find_all(nodes.Block)]
        for above in (each.template for each in tree.find_all(nodes.Extends)):
            more = (
                self._places(above.value, (*below, file))
                if isinstance(above, nodes.Const) and file not in below
                else None
            )
            if more is None:
                return None
            found += more
        return list(dict.fromkeys(found))

    def _has_subject(self, file: str) -> bool:
        """Whether a file that can be read has the block, or one that it extends."""
        tree = self._tree(file)
        if any(block.name == "subject" for block in tree.find_all(nodes.Block)):
            return True
        above = (each.template for each in tree.find_all(nodes.Extends))
        return any(not isinstance(each, nodes.Const) or self._has_subject(each.value) for each in above)

    def _words(self, section: str) -> dict[str, Words]:
        try:
            return self._texts.mail(section.removeprefix(MAIL))
        except TextError:
            return {}  # which `mail` tells

    def _missing_words(
        self, tree: nodes.Template, file: str, section: str, way: tuple[tuple[str, int], ...]
    ) -> Iterator[MailFault]:
        by = f" (included at {way[-1][0]}:{way[-1][1]})" if way else ""
        for call in tree.find_all(nodes.Call):
            is_words = isinstance(call.node, nodes.Name) and call.node.name == "t" and bool(call.args)
            if not is_words or not isinstance(call.args[0], nodes.Const):
                continue
            key = call.args[0].value
            for tag, words in self._words(section).items():
                if not words.has(section, key):
                    yield MailFault(file, call.lineno, f'the texts in "{tag}" have no {key} for {section}{by}')


def _outermost(node: nodes.Node) -> Iterator[nodes.Block]:
    """Blocks that stand within no other one: those are seen where they stand."""
    for each in node.iter_child_nodes():
        if isinstance(each, nodes.Block):
            yield each
        else:
            yield from _outermost(each)


def _endless(way: list[str], file: str) -> str:
    circle = way[way.index(file) :]
    through = f" by {' and '.join(circle[1:])}" if len(circle) > 1 else ""
    return f"{file} includes itself{through}: it would never end"


def _unknown_names(tree: nodes.Template, file: str, known: frozenset[str]) -> list[MailFault]:
    faults = []
    unknown = meta.find_undeclared_variables(tree) - known - set(_made_here(tree))
    for name in sorted(unknown):
        line = next((node.lineno for node in tree.find_all(nodes.Name) if node.name == name), 0)
        near = difflib.get_close_matches(name, _GIVEN, n=1)
        hint = f" (did you mean {near[0]}?)" if near else f" (there are: {', '.join(sorted(GIVEN))})"
        faults.append(MailFault(file, line, f"{name} is nothing that a mail is given{hint}"))
    return faults


def _seen_at(tree: nodes.Template, include: nodes.Include) -> frozenset[str]:
    """The names that a template has made where it includes another."""
    loops = [loop for loop in tree.find_all(nodes.For) if any(each is include for each in loop.find_all(nodes.Include))]
    return frozenset((*_made_here(tree), *(name.name for loop in loops for name in _targets(loop))))


def _made_here(tree: nodes.Template) -> Iterator[str]:
    """Names that the template imports, sets or defines; its blocks see them too. A loop's are known in the loop alone."""
    of_loops = {id(name) for loop in tree.find_all(nodes.For) for name in _targets(loop)}
    for node in tree.find_all((nodes.FromImport, nodes.Import, nodes.Macro, nodes.Name)):
        if id(node) in of_loops:
            continue
        match node:
            case nodes.FromImport(names=names):
                yield from (each if isinstance(each, str) else each[1] for each in names)
            case nodes.Import(target=target):
                yield target
            case nodes.Macro(name=name):
                yield name
            case nodes.Name(name=name, ctx=ctx) if ctx != "load":
                yield name


def _targets(loop: nodes.For) -> Iterator[nodes.Name]:
    """The names that a loop gives its things."""
    if isinstance(loop.target, nodes.Name):
        yield loop.target
    yield from loop.target.find_all(nodes.Name)

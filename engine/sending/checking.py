"""Checking mail templates before a mail depends on them: everything that is wrong, at once, each with its place.

Looked at, for each mail: both parts are there and can be parsed (with all they extend and include); every name that a
template uses is one that it is given; every t("...") has its words in every language that has the mail; nothing in its
expressions is wrong whatever the facts are (engine.sending.expressions).
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from jinja2 import Environment, TemplateSyntaxError, meta, nodes

from engine.flow.conditions import CONTACT
from engine.sending.brand import FILE, BrandError, read_brand
from engine.sending.compose import GIVEN
from engine.sending.expressions import expression_faults
from engine.sending.functions import FILTERS, FUNCTIONS
from engine.sending.mail_files import MAIL
from engine.sending.resources import ResourceError, Resources
from engine.sending.sandbox import Sandbox
from engine.sending.texts import TextError, Texts, Words

KINDS: Final = ("html", "txt")
_TOO_DEEP: Final = "it is nested too deeply"
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


def text_faults(source: str) -> list[str]:
    """All that is wrong with a text that an operator wrote outside any template, such as a subject."""
    try:
        return _text_faults(source) if "{" in source else []
    except RecursionError:
        return [_TOO_DEEP]


def _text_faults(source: str) -> list[str]:
    sandbox = Sandbox(lambda name: None, dict(FILTERS), dict(FUNCTIONS))
    environment = Environment()
    environment.filters, environment.tests = sandbox.filters, sandbox.tests
    try:
        tree = environment.parse(source)
    except TemplateSyntaxError as err:
        return [err.message or "syntax error"]
    if next(tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)), None) is not None:
        return ["a text is no template file: it includes and extends nothing"]
    unknown = [each.problem for each in _unknown_names(tree, "")]
    return [*unknown, *(words for _, words in expression_faults(tree, sandbox, _OF_ANY_MAIL))]


class _Checker:
    def __init__(self, resources: Resources, texts: Texts) -> None:
        self._resources, self._texts = resources, texts
        self._sandbox = sandbox = Sandbox(resources.read, dict(FILTERS), dict(FUNCTIONS))
        # Read here is the template as it was written; the sandbox weaves its meter in.
        self._environment = Environment(trim_blocks=True, lstrip_blocks=True)
        self._environment.filters, self._environment.tests = sandbox.filters, sandbox.tests

    def mail(self, name: str) -> Iterator[MailFault]:
        seen: set[str] = set()
        try:
            self._texts.mail(name)
        except TextError as err:
            yield MailFault(f"mail/{name}.toml", 0, str(err))
        for kind in KINDS:
            yield from self._file(f"mail/{name}.{kind}.j2", f"mail.{name}", seen)
        if not self._words(f"mail.{name}"):
            yield MailFault(f"mail/{name}.toml", 0, "no language has texts for it: add a table such as [en]")

    def _file(self, file: str, section: str, seen: set[str]) -> Iterator[MailFault]:
        if file in seen:
            return
        seen.add(file)
        try:
            tree = self._environment.parse(self._resources.read(file), file)
            unknown = _unknown_names(tree, file)
            wrong = list(expression_faults(tree, self._sandbox, CONTACT))
        except ResourceError as err:
            yield MailFault(file, 0, f"{err}: a mail has an .html.j2 and a .txt.j2")
            return
        except TemplateSyntaxError as err:  # an unknown filter is one too
            yield MailFault(file, err.lineno, err.message or "syntax error")
            return
        except RecursionError:
            yield MailFault(file, 0, _TOO_DEEP)
            return
        yield from unknown
        yield from (MailFault(file, line, words) for line, words in wrong)
        yield from self._missing_words(tree, file, section)
        for other in meta.find_referenced_templates(tree):
            if other is not None:
                yield from self._file(other, section, seen)

    def _words(self, section: str) -> dict[str, Words]:
        try:
            return self._texts.mail(section.removeprefix(MAIL))
        except TextError:
            return {}  # which `mail` tells

    def _missing_words(self, tree: nodes.Template, file: str, section: str) -> Iterator[MailFault]:
        for call in tree.find_all(nodes.Call):
            is_words = isinstance(call.node, nodes.Name) and call.node.name == "t" and bool(call.args)
            if not is_words or not isinstance(call.args[0], nodes.Const):
                continue
            key = call.args[0].value
            for tag, words in self._words(section).items():
                if not words.has(section, key):
                    yield MailFault(file, call.lineno, f'the texts in "{tag}" have no {key} for {section}')


def _unknown_names(tree: nodes.Template, file: str) -> list[MailFault]:
    faults = []
    unknown = meta.find_undeclared_variables(tree) - _GIVEN - set(_made_here(tree))
    for name in sorted(unknown):
        line = next((node.lineno for node in tree.find_all(nodes.Name) if node.name == name), 0)
        near = difflib.get_close_matches(name, _GIVEN, n=1)
        hint = f" (did you mean {near[0]}?)" if near else f" (there are: {', '.join(sorted(GIVEN))})"
        faults.append(MailFault(file, line, f"{name} is nothing that a mail is given{hint}"))
    return faults


def _made_here(tree: nodes.Template) -> Iterator[str]:
    """Names that the template imports, sets or defines; its blocks see them too."""
    for node in tree.find_all((nodes.FromImport, nodes.Import, nodes.Macro, nodes.Name)):
        match node:
            case nodes.FromImport(names=names):
                yield from (each if isinstance(each, str) else each[1] for each in names)
            case nodes.Import(target=target):
                yield target
            case nodes.Macro(name=name):
                yield name
            case nodes.Name(name=name, ctx=ctx) if ctx != "load":
                yield name

"""Rendering: a template, the words of one language and plain facts, to a text. The same in, the same out.

A template is compiled once for each language, with the brand's style sheet put into its tags, for the life of its
Renderer. Whatever goes wrong is a TemplateFault that names the template, the language, the variable and the line: the
operator who reads it has to mend a file.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import Template, TemplateError, TemplateNotFound, TemplateSyntaxError
from jinja2.runtime import Context
from markupsafe import Markup

from engine.sending.functions import RENDERING, Rendering
from engine.sending.inlining import Sheet, SheetError, inline
from engine.sending.links import PersonalLinks
from engine.sending.look import look
from engine.sending.resources import ResourceError, Resources
from engine.sending.sandbox import METER, Meter, RenderTrouble, Sandbox, is_html
from engine.sending.texts import Words
from engine.sending.vocabulary import FILTERS, FUNCTIONS

_SHOWN: Final = 40  # characters of a text, where it stands for its name
_EXPRESSION: Final = 120  # characters of an expression that is told of
_WRITTEN: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}")
_TEXTS_MAX: Final = 1_000  # texts kept compiled
OUTPUT_MAX: Final = 512 * 1024  # characters; Gmail cuts a mail's HTML at 102 KiB
SHEET: Final = "base/mail.css.j2"
"""The style sheet of mails."""
NO_SUBJECT: Final = 'it has no subject: write {% block subject %}{{ t("subject") }}{% endblock %}'
_STYLED: Final = ("mail/", "base/")


class TemplateFault(Exception):
    """A template can't be rendered, and where it is wrong. `line` is 0 and `variable` "" where nobody can tell."""

    def __init__(self, template: str, locale: str, why: str, variable: str = "", line: int = 0) -> None:
        where = f"{template}, line {line}" if line else template
        super().__init__(f"{where} ({locale}): {why}")
        self.template = template
        self.locale = locale
        self.why = why
        self.variable = variable
        self.line = line


@dataclass(frozen=True, slots=True)
class Style:
    """What all templates see, parts too (brand, shop), and the brand's fonts of headings and of text."""

    seen: Mapping[str, Any]
    fonts: tuple[str, str] = ("", "")


class Renderer:
    """Compiles and renders. One for a process: its cache is its worth. Safe to use from several threads."""

    def __init__(self, resources: Resources, style: Style) -> None:
        self._resources = resources
        self._style = style
        self._presses: dict[str, _Press] = {}
        self._said: dict[tuple[str, str], bool] = {}

    def _press(self, words: Words) -> "_Press":
        found = self._presses.get(words.tag)
        if found is None:
            seen = {**self._style.seen, **look(words, self._style.fonts)}
            found = self._presses[words.tag] = _Press(self._resources, seen)
        return found

    def render(
        self, name: str, facts: Mapping[str, Any], *, words: Words, section: str, zone: ZoneInfo, block: str = "",
        personal: PersonalLinks | None = None, track: Callable[[str], str] | None = None,
    ) -> str:  # fmt: skip
        """The whole template, or one of its blocks. `facts` must be plain (`plain.plain`); `track` is what becomes of the
        addresses of a plain text's links. TemplateFault."""
        rendering = RENDERING.set(Rendering(words, section, is_html(name), zone, personal, track))
        meter = METER.set(Meter())
        try:
            template = self._press(words).sandbox.get_template(name)
            if block and block not in template.blocks:
                raise RenderTrouble(NO_SUBJECT if block == "subject" else f"it has no block {block}")
            context = _context(template, facts)
            return _gather(template.blocks[block](context) if block else template.root_render_func(context))
        except (RecursionError, MemoryError) as err:
            raise _endless(err, name, words.tag) from None
        except Exception as err:
            raise _fault(err, name, words.tag, self._source) from err
        finally:
            METER.reset(meter)
            RENDERING.reset(rendering)

    def says(self, mail: str, word: str) -> bool:
        """Whether one of a mail's two parts, as it was written, has this word."""
        found = self._said.get((mail, word))
        if found is None:
            found = self._said[mail, word] = any(word in self._source(f"{mail}.{kind}.j2") for kind in ("html", "txt"))
        return found

    def _source(self, name: str) -> str:
        try:
            return self._resources.read(name)
        except ResourceError:
            return ""  # whoever renders it will hear of it

    def text(
        self, source: str, facts: Mapping[str, Any], *, words: Words, section: str, zone: ZoneInfo,
        personal: PersonalLinks | None = None,
    ) -> str:  # fmt: skip
        """A text that an operator wrote, outside any file: plain, whatever it is put into. TemplateFault."""
        if "{" not in source:
            return source
        rendering = RENDERING.set(Rendering(words, section, False, zone, personal, None))
        meter = METER.set(Meter())
        name = source[:_SHOWN]
        try:
            template = self._press(words).compiled(source)
            return _gather(template.root_render_func(_context(template, facts)))
        except (RecursionError, MemoryError) as err:
            raise _endless(err, name, words.tag) from None
        except Exception as err:
            raise _fault(err, name, words.tag, lambda place: source if place == name else self._source(place)) from err
        finally:
            METER.reset(meter)
            RENDERING.reset(rendering)


class _Press:
    """The templates of one language, compiled."""

    def __init__(self, resources: Resources, seen: Mapping[str, Any]) -> None:
        self._resources = resources
        self._texts: dict[str, Template] = {}
        self._sheet: Sheet | None = None
        self.sandbox = Sandbox(self._load, dict(FILTERS), {**FUNCTIONS, **seen})

    def compiled(self, source: str) -> Template:
        found = self._texts.get(source)
        if found is None:
            if len(self._texts) >= _TEXTS_MAX:
                self._texts.clear()
            found = self._texts[source] = self.sandbox.from_string(source)
        return found

    def _load(self, name: str) -> tuple[str, str, Any]:
        try:
            source = self._resources.read(name)
        except ResourceError as err:
            raise TemplateNotFound(name, str(err)) from None
        if is_html(name) and name.startswith(_STYLED):
            source = inline(source, self._read_sheet())
        return source, name, lambda: True

    def _read_sheet(self) -> Sheet:
        """The style sheet, with the colours, fonts and sides of this language; `head_css` is what is left of it."""
        if self._sheet is None:
            try:
                self._sheet = Sheet.parse(self.sandbox.get_template(SHEET).render())
            except SheetError as err:
                raise RenderTrouble(f"{SHEET}: {err}") from None
            self.sandbox.globals["head_css"] = Markup(self._sheet.head)
        return self._sheet


@lru_cache(512)
def zone_named(name: str, default: str) -> ZoneInfo:
    """The reader's zone, else the installation's, else UTC."""
    for each in (name, default):
        try:
            return ZoneInfo(each)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")


def _context(template: Template, facts: Mapping[str, Any]) -> Context:
    """What a template sees: our functions and the facts. Jinja would join the two name by name, at each rendering."""
    return template.new_context({**template.environment.globals, **facts}, shared=True)


def _gather(pieces: Any) -> str:
    text, length = [], 0
    for piece in pieces:
        length += len(piece)
        if length > OUTPUT_MAX:
            # Thrown where the template stands, so that its line is known.
            pieces.throw(RenderTrouble(f"it comes out longer than {OUTPUT_MAX // 1024} Ki characters"))
        text.append(piece)
    return "".join(text)


def _fault(err: Exception, name: str, locale: str, source: Callable[[str], str]) -> TemplateFault:
    if isinstance(err, TemplateSyntaxError):
        return TemplateFault(err.name or name, locale, err.message or "syntax error", line=err.lineno)
    place, line = _where(err.__traceback__, name)
    variable = err.variable if isinstance(err, RenderTrouble) else ""
    # What Python says of an error of its own (a bad argument, mostly) is about the template too, but not in our words.
    why = str(err) if isinstance(err, RenderTrouble | TemplateError) else f"{type(err).__name__}: {err}"
    written = _expression(source(place), line, variable)
    return TemplateFault(place, locale, why[:500] + (f", in {written}" if written else ""), variable, line)


def _expression(source: str, line: int, variable: str) -> str:
    """What is written on the line that fails, and uses the variable where that is known; "" where nobody can tell."""
    lines = source.splitlines()
    found = _WRITTEN.findall(lines[line - 1]) if 0 < line <= len(lines) else []
    fitting = [each for each in found if re.search(rf"\b{re.escape(variable)}\b", each)] if variable else found
    return fitting[0][:_EXPRESSION] if len(set(fitting)) == 1 else ""


def _endless(err: Exception, name: str, locale: str) -> TemplateFault:
    """What calls or includes itself is the line that was passed most often, not where it became too much."""
    passed = Counter(_passed(err.__traceback__, name))
    (place, line), _ = passed.most_common(1)[0] if passed else ((name, 0), 0)
    return TemplateFault(place, locale, "the template calls or includes itself without end", line=line)


def _where(traceback: TracebackType | None, name: str) -> tuple[str, int]:
    """The innermost line of a template on the way to the error."""
    return (_passed(traceback, name) or [(name, 0)])[-1]


def _passed(traceback: TracebackType | None, name: str) -> list[tuple[str, int]]:
    """The lines of templates on the way to the error, the outermost first."""
    found = []
    while traceback is not None:
        template = traceback.tb_frame.f_globals.get("__jinja_template__")
        if isinstance(template, Template):
            found.append((template.name or name, template.get_corresponding_lineno(traceback.tb_lineno)))
        traceback = traceback.tb_next
    return found

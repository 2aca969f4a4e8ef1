"""The sandbox that templates are compiled and run in: plain data, a closed list of functions, and a meter.

Whoever may write a template may decide what a mail says, and nothing more. Jinja's own sandbox stops most ways out but
still calls any public method, so here an attribute is only ever a key of a dict (item lookup, never getattr), filters
and functions are those of `functions.py`, and arithmetic is for numbers.

The meter stops a template that would eat the machine: every loop turn, call, include, joined or written text costs what
it adds, and a rendering that has spent METER_MAX fails. What costs is found once, in the syntax tree, when a template
is compiled (engine.sending.weaving).
"""

from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any, Final

from jinja2 import FunctionLoader, StrictUndefined, Template, Undefined, nodes, pass_context
from jinja2.environment import TemplateModule
from jinja2.runtime import Context, LoopContext, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from engine.sending.nesting import too_deep
from engine.sending.weaving import Generator, as_filters, weave

METER_MAX: Final = 4_000_000  # about the characters that a rendering may write and join, all parts together

_LOOP: Final = frozenset(("index", "index0", "first", "last", "length", "revindex"))
_FILTERS: Final = ("abs", "default", "first", "last", "length", "lower", "round", "trim", "upper")
_TESTS: Final = ("defined", "undefined", "none", "string", "number", "sequence", "mapping", "even", "odd", "in")
_TESTS_BY_SIGN: Final = ("==", "eq", "!=", "ne", ">", "gt", ">=", "ge", "<", "lt", "<=", "le")


class RenderTrouble(Exception):
    """A template can't be rendered with these facts; the words say why, not yet where."""

    variable = ""


class MissingFact(RenderTrouble):
    """A template uses a name that the facts do not have."""

    def __init__(self, variable: str) -> None:
        super().__init__(f"{variable} is not among the facts")
        self.variable = variable


class Meter:
    """What one rendering has spent."""

    __slots__ = ("spent",)

    def __init__(self) -> None:
        self.spent = 0

    def charge(self, units: int) -> None:
        self.spent += units
        if self.spent > METER_MAX:
            raise RenderTrouble("the template does too much: it loops, joins or writes without end")


METER: Final[ContextVar[Meter]] = ContextVar("posthouse_meter")


class Missing(StrictUndefined):
    """A name that the facts do not have: any use but `is defined` and `default` raises MissingFact."""

    __slots__ = ()

    def __init__(self, hint: str | None = None, obj: Any = None, name: str | None = None, exc: Any = None) -> None:
        super().__init__(hint, obj, name, MissingFact)  # type: ignore[arg-type]

    @property
    def _undefined_message(self) -> str:
        return str(self._undefined_name)


class _Template(Template):
    """A template that is imported anew in each rendering, unless it holds macros alone.

    Jinja keeps an imported template as it came out first; what that one set in one reader's language would reach the next.
    """

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        if isinstance(self.environment, Sandbox) and self.name in self.environment.only_macros:
            return super()._get_default_module(ctx)
        return self.make_module()


class Sandbox(ImmutableSandboxedEnvironment):
    """A Jinja environment that knows data and our functions, and nothing of Python."""

    template_class = _Template
    code_generator_class = Generator
    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))

    def __init__(self, load: Callable[[str], Any], filters: dict[str, Any], functions: dict[str, Any]) -> None:
        super().__init__(
            loader=FunctionLoader(load), autoescape=is_html, undefined=Missing, finalize=_finalize, trim_blocks=True,
            lstrip_blocks=True, keep_trailing_newline=False, auto_reload=False, cache_size=-1,
        )  # fmt: skip
        ours = {name: self.filters[name] for name in _FILTERS}
        self.filters = {**ours, "d": ours["default"], **filters, "metered": _metered, "weighed": _weighed}
        self.filters |= as_filters(functions)
        self.tests = {name: self.tests[name] for name in (*_TESTS, *_TESTS_BY_SIGN)}
        self.globals = dict(functions)
        # What is called most, known by itself: Jinja looks at a dozen things of whatever is called.
        self._ours = {id(each): hasattr(each, "jinja_pass_arg") for each in functions.values() if callable(each)}
        self.only_macros: set[str | None] = set()

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, dict) and isinstance(argument, str) and argument in obj:
            return obj[argument]
        if isinstance(obj, list) and isinstance(argument, int) and -len(obj) <= argument < len(obj):
            return obj[argument]
        if isinstance(obj, LoopContext) and argument in _LOOP:
            return getattr(obj, argument)
        if isinstance(obj, Undefined):
            str(obj)
        return self.undefined(name=str(argument)[:80])

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        result: Any
        wants_context = self._ours.get(id(obj))
        if wants_context is not None or type(obj) is Macro:
            # What Jinja hands to functions that see the variables of a loop or a block: none of ours does.
            kwargs.pop("_block_vars", None)
            kwargs.pop("_loop_vars", None)
        if type(obj) is Macro:
            result = obj(context.eval_ctx, *args, **kwargs)
        elif wants_context is not None:
            result = obj(context, *args, **kwargs) if wants_context else obj(*args, **kwargs)
        elif self.is_safe_callable(obj):
            result = context.call(obj, *args, **kwargs)
        else:
            raise RenderTrouble("that can't be called")
        METER.get().charge(20 + (len(result) if isinstance(result, str) else 0))
        return result

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        for each in (left, right):
            if isinstance(each, Undefined):
                str(each)  # which says what is missing
        if operator == "**" or not (_is_number(left) and _is_number(right)):
            raise RenderTrouble(f"{operator} is for numbers (join texts with ~), and ** for none")
        if max(abs(left), abs(right)) > 10**30:
            raise RenderTrouble("a number is too large to reckon with")
        try:
            return super().call_binop(context, operator, left, right)
        except ArithmeticError as err:
            raise RenderTrouble(f"{left} {operator} {right}: {err}") from None

    @staticmethod
    def write_html(value: Any) -> str:
        """What stands in the HTML for a value."""
        if type(value) is Markup:
            METER.get().charge(len(value))
            return value
        return escape(_finalize(value))

    @staticmethod
    def write_text(value: Any) -> str:
        """What stands in a plain text for it."""
        return str(_finalize(value))

    def compile(self, source: Any, name: str | None = None, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().compile(source, name, *args, **kwargs)
        except (RecursionError, MemoryError, SyntaxError):  # Python's limits: of its stack, and of blocks within blocks
            raise too_deep(self, source, name) from None

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        template = weave(super()._parse(source, name, filename), name, self.globals)
        template.set_environment(self)
        if all(isinstance(node, nodes.Macro | nodes.Output) for node in template.body):
            self.only_macros.add(name)
        return template


def charge(units: int) -> None:
    """Spend from the running rendering's meter."""
    METER.get().charge(units)


def is_html(name: str | None) -> bool:
    """Whether a template writes HTML, which its name says; then every value in it is escaped."""
    return name is not None and name.endswith(".html.j2")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _finalize(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, str):
        METER.get().charge(len(value))
    # What is undefined speaks for itself when it is written.
    elif not isinstance(value, int | float | Undefined):
        raise RenderTrouble("only texts and numbers can be written")
    return value


@pass_context  # which keeps Jinja from working it out when it compiles
def _metered(context: Context, items: Iterable[Any], weight: int) -> Iterator[Any]:
    if isinstance(items, Undefined):
        iter(items)
    if not isinstance(items, list | dict):
        raise RenderTrouble("`for` goes over a list")
    for item in list(items):
        charge(weight)
        yield item


@pass_context
def _weighed(context: Context, value: str, weight: int) -> str:
    charge(weight + len(value))
    return value

"""What is done to a template when it is compiled: its meter is woven in, and what would be found out anew at each rendering is
found out once.

Loops, includes and joined texts are given their weight (engine.sending.sandbox charges it). What is the same in all mails of
a language (colours, sides, fonts, the shop's name) becomes text; our own functions are called as filters are, without
Jinja's questions of what may be called; and what is written goes through one function, which charges and escapes.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from jinja2 import TemplateSyntaxError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.visitor import NodeTransformer

CALLED: Final = "{}()"
"""The name, among the filters, of a function of ours; no template can write it."""


class Generator(CodeGenerator):
    """Jinja's, but that a written value is given to `environment.write_html` or `environment.write_text`."""

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        if frame.eval_ctx.volatile:
            super()._output_child_pre(node, frame, finalize)
        else:
            self.write("environment.write_html(" if frame.eval_ctx.autoescape else "environment.write_text(")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        if frame.eval_ctx.volatile:
            super()._output_child_post(node, frame, finalize)
        else:
            self.write(")")


def weave(template: nodes.Template, name: str | None, known: Mapping[str, Any]) -> nodes.Template:
    """The template, ready to be compiled. `known`: what every template sees, functions and facts; what it names so itself is
    its own."""
    own = {each.name for each in template.find_all(nodes.Name) if each.ctx != "load"} | set(_imported(template))
    fixed = {key: value for key, value in known.items() if key not in own}
    woven = _Weaver(fixed).visit(template)
    _weigh(woven, name)
    return cast(nodes.Template, woven)


def _imported(template: nodes.Template) -> list[str]:
    told: list[str] = [each.target for each in template.find_all(nodes.Import)]
    told += [each.name for each in template.find_all(nodes.Macro)]
    for each in template.find_all(nodes.FromImport):
        told += [name if isinstance(name, str) else name[1] for name in each.names]
    return told


class _Weaver(NodeTransformer):
    def __init__(self, known: Mapping[str, Any]) -> None:
        self._known = known

    def visit_Name(self, node: nodes.Name) -> nodes.Node:
        return self._text(node, self._known.get(node.name)) if node.ctx == "load" else node

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:
        value: Any = self._fact(node)
        return self._text(node, value) if isinstance(value, str) else self.generic_visit(node)

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        """`t("key", name=value)` as if it were `"key" | t(name=value)`."""
        name = node.node.name if isinstance(node.node, nodes.Name) else ""
        is_ours = callable(self._known.get(name)) and bool(node.args) and node.dyn_args is None
        woven = cast(nodes.Call, self.generic_visit(node))
        if not is_ours or woven.dyn_kwargs is not None:
            return woven
        first, *rest = woven.args
        return nodes.Filter(first, CALLED.format(name), rest, woven.kwargs, None, None, lineno=node.lineno)

    def _fact(self, node: nodes.Expr) -> Any:
        """What `brand.dark.ink` is; None where only a rendering can tell."""
        if isinstance(node, nodes.Name):
            return self._known.get(node.name)
        if isinstance(node, nodes.Getattr):
            around = self._fact(node.node)
            return around.get(node.attr) if isinstance(around, dict) else None
        return None

    def _text(self, node: nodes.Expr, value: Any) -> nodes.Expr:
        return nodes.Const(value, lineno=node.lineno) if isinstance(value, str) else node


def _weigh(template: nodes.Template, name: str | None) -> None:
    for loop in template.find_all(nodes.For):
        if loop.recursive:
            raise TemplateSyntaxError("recursive loops are not for mail", loop.lineno, name)
        loop.iter = _filtered(cast(nodes.Expr, loop.iter), "metered", 1 + _static_length(loop))
    for include in template.find_all(nodes.Include):
        include.template = _filtered(include.template, "weighed", 1000)
    for concat in list(template.find_all(nodes.Concat)):
        concat.nodes = [_filtered(nodes.Concat(concat.nodes, lineno=concat.lineno), "weighed", 0)]


def _filtered(node: nodes.Expr, name: str, weight: int) -> nodes.Filter:
    weigh = nodes.Const(weight, lineno=node.lineno)
    return nodes.Filter(node, name, [weigh], [], None, None, lineno=node.lineno)


def _static_length(loop: nodes.For) -> int:
    written = sum(len(each.data) for each in loop.find_all(nodes.TemplateData))
    return written + sum(len(each.value) for each in loop.find_all(nodes.Const) if isinstance(each.value, str))


def as_filters(functions: Mapping[str, Any]) -> dict[str, Callable[..., Any]]:
    """Our functions, by the names that woven calls have for them."""
    return {CALLED.format(name): each for name, each in functions.items() if callable(each)}

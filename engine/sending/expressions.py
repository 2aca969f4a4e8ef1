"""What is wrong with a template's expressions whatever the facts are: reckoning that never comes out, ways into Python,
and names that no contact has. Constant parts are worked out in the sandbox itself, so both say the same.
"""

import difflib
from collections.abc import Collection, Iterator
from typing import Final

from jinja2 import nodes

from engine.sending.sandbox import METER, Meter, Sandbox

_CONSTANT: Final = (
    nodes.Const, nodes.BinExpr, nodes.UnaryExpr, nodes.Concat, nodes.Compare, nodes.Operand, nodes.Getattr, nodes.Getitem,
    nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.CondExpr,
)  # fmt: skip
Found = tuple[int, str]
"""A line, and what is wrong there."""


def expression_faults(tree: nodes.Template, sandbox: Sandbox, contact: Collection[str]) -> Iterator[Found]:
    """All of them. `contact`: what a contact's facts are called."""
    yield from _constant_faults(tree, sandbox, is_written=False)
    is_ours = not any(each.name == "contact" and each.ctx != "load" for each in tree.find_all(nodes.Name))
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        name = _asked_name(node)
        if name.startswith("__"):
            yield node.lineno, f"{name[:40]} is a name of Python's, not of data"
        elif name and is_ours and _is_contact(node) and name not in contact:
            near = difflib.get_close_matches(name, contact, n=1)
            hint = f" (did you mean {near[0]}?)" if near else f" (there are: {', '.join(sorted(contact))})"
            yield node.lineno, f"contact.{name[:40]} is nothing that is known of a contact{hint}"


def _constant_faults(node: nodes.Node, sandbox: Sandbox, *, is_written: bool) -> Iterator[Found]:
    if _is_constant(node):
        if fault := _outcome(node, sandbox, is_written=is_written):
            yield getattr(node, "lineno", 0), fault
        return
    for child in node.iter_child_nodes():
        yield from _constant_faults(child, sandbox, is_written=isinstance(node, nodes.Output))


def _is_constant(node: nodes.Node) -> bool:
    return isinstance(node, _CONSTANT) and all(map(_is_constant, node.iter_child_nodes()))


def _outcome(node: nodes.Node, sandbox: Sandbox, *, is_written: bool) -> str:
    """What the sandbox says of an expression without names; "" where it comes out."""
    if not isinstance(node, nodes.Expr) or isinstance(node, nodes.Const):
        return ""
    taken = nodes.Assign(nodes.Name("taken", "store", lineno=1), node, lineno=1)
    statement = nodes.Output([node], lineno=1) if is_written else taken
    template = nodes.Template([statement], lineno=1)
    template.set_environment(sandbox)
    meter = METER.set(Meter())
    try:
        sandbox.from_string(template).render()
    except Exception as err:
        return str(err)[:200] or type(err).__name__
    finally:
        METER.reset(meter)
    return ""


def _asked_name(node: nodes.Node) -> str:
    match node:
        case nodes.Getattr(attr=name) | nodes.Getitem(arg=nodes.Const(value=str(name))):
            return name
    return ""


def _is_contact(node: nodes.Node) -> bool:
    return (
        isinstance(node, nodes.Getattr | nodes.Getitem)
        and isinstance(node.node, nodes.Name)
        and node.node.name == "contact"
    )

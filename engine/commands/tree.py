"""All commands as a tree, out of their own help: what the reference, the man pages and the shells' completion are made of."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import typer

from engine.commands import MODULES


@dataclass(frozen=True, slots=True)
class Word:
    """An argument or an option."""

    names: tuple[str, ...]  # NAME, or --name and -n
    about: str
    default: str = ""
    variable: str = ""
    is_required: bool = False
    is_flag: bool = False
    is_option: bool = True


@dataclass(frozen=True, slots=True)
class Node:
    """A command, or a group of commands."""

    path: str  # posthouse list create
    about: str  # what it does, at length
    title: str = ""  # the same in a line, for a command of the first level
    words: tuple[Word, ...] = ()
    children: tuple["Node", ...] = ()
    is_runnable: bool = True  # a group may do something by itself
    text: str = ""  # of one that has words of its own, as sendmail has

    @property
    def name(self) -> str:
        return self.path.rpartition(" ")[2]

    @property
    def synopsis(self) -> str:
        """The words that must be there."""
        arguments = [each.names[0] for each in self.words if not each.is_option]
        needed = [f"{each.names[0]} ..." for each in self.words if each.is_option and each.is_required]
        return " ".join((self.path, *arguments, *needed))

    def walk(self) -> Iterator["Node"]:
        """This one and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


def of_operators() -> Node:
    """`posthouse` with all of its commands."""
    return Node("posthouse", "The operators' program.", children=tuple(map(_module, MODULES)))


def of_daemon() -> Node:
    """`posthoused`."""
    from engine.cli import app

    return _node("posthoused", typer.main.get_command(app))


def _module(name: str) -> Node:
    module = import_module(f"engine.commands.{name.replace('-', '_')}")
    if isinstance(module.app, typer.Typer):
        return replace(_node(f"posthouse {name}", typer.main.get_command(module.app)), title=MODULES[name])
    _, _, text = (module.__doc__ or "").partition("\n\n")
    return Node(f"posthouse {name}", "", MODULES[name], text=text)


def _node(path: str, command: Any) -> Node:
    below = getattr(command, "commands", {})
    children = tuple(_node(f"{path} {name}", child) for name, child in below.items())
    is_runnable = not below or getattr(command, "invoke_without_command", False)
    callback = command.callback.__doc__ if command.callback else None
    about = " ".join((callback or command.help or "").split())
    return Node(path, about, words=_words(command), children=children, is_runnable=is_runnable)


def _words(command: Any) -> tuple[Word, ...]:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option"]
    return (*map(_argument, arguments), *map(_option, options))


def _argument(each: Any) -> Word:
    name = each.name.upper() + ("..." if each.nargs < 0 else "")
    return Word((name,), _sentence(each.help or ""), is_required=each.required, is_option=False)


def _option(each: Any) -> Word:
    default = "" if each.default in (None, "", False) else str(each.default)
    about, variable = _sentence(each.help or ""), each.envvar or ""
    return Word(tuple(each.opts), about, default, variable, is_required=each.required, is_flag=each.is_flag)


def _sentence(text: str) -> str:
    return text if not text or text.endswith((".", "!", "?")) else text + "."

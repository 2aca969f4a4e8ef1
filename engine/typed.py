"""Run a command as it was typed, and say what makes no sense in it as every other refusal of ours is said:

    posthouse: `posthouse flow` has no command chekc (did you mean check?)
      `posthouse flow --help` lists them

Standard error gets the words, the exit code is 2, and nothing was done.
"""

import difflib
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

import typer
from typer.core import TyperGroup

_USAGE: Final = cast(
    type[Exception], typer.BadParameter.__mro__[1]
)  # what was typed wrongly, of every kind; typer gives the class no name


class _Group(TyperGroup):
    """Commands that are listed with all that is said of each."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, " ".join((each.help or "").split())) for name, each in self.commands.items()])


def program(about: str, **more: Any) -> typer.Typer:
    """A program, or one of its commands: its help is plain text, and its faults are nobody's boxes."""
    return typer.Typer(
        help=about, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, cls=_Group, **more
    )


def run(app: typer.Typer, words: Sequence[str], name: str, obj: object = None) -> int:
    """The exit code of the command that the words are for; `name` is what they come after."""
    try:
        code = app(list(words), prog_name=name, obj=obj, standalone_mode=False)
    except _USAGE as err:
        what, remedy = told(err, name)
        print(f"{name.partition(' ')[0]}: {what}" + (f"\n  {remedy}" if remedy else ""), file=sys.stderr)
        return 2
    except typer.Abort:  # what was asked for on the way was not answered
        print(f"{name.partition(' ')[0]}: not answered, so nothing more was done", file=sys.stderr)
        return 1
    return code if isinstance(code, int) else 0


def near(word: str, known: Iterable[str]) -> str:
    """(did you mean ...?), where something known is like it."""
    found = difflib.get_close_matches(word, sorted(known), n=1)
    return f" (did you mean {found[0]}?)" if found else ""


def told(err: Any, name: str) -> tuple[str, str]:
    """What is wrong, and what to do about it."""
    path = err.ctx.command_path if err.ctx else name
    below = getattr(err.cmd, "commands", {})
    lists = f"`{path} --help` lists them"
    if word := getattr(err, "option_name", ""):
        return _option(err, path, word, below)
    if match := re.match(r"No such command '(.*?)'", err.message):
        return f"`{path}` has no command {match[1]}{near(match[1], below)}", lists
    if err.message.startswith("Missing command"):
        return f"`{path}` wants a command: {', '.join(below)}", f"`{path} --help` says what each does"
    if match := re.match(r"Got unexpected extra argument\S* \((.*)\)", err.message):
        return f"`{path}` has no place for {match[1]}", f"as in: {_synopsis(err, path)}"
    if (param := getattr(err, "param", None)) is None:
        return f"`{path}`: {_lower(err.format_message())}", f"`{path} --help` says more"
    about = f": {_lower(param.help)}" if getattr(param, "help", None) else ""
    if hasattr(err, "param_type"):  # it is missing
        return f"`{path}` wants {_named(param)}{about}", f"as in: {_synopsis(err, path)}"
    return f"{_named(param)}: {_lower(err.message)}", f"`{path} --help` says more"


def _option(err: Any, path: str, word: str, below: dict[str, Any]) -> tuple[str, str]:
    """An option that there is not, or that is used as it can't be."""
    if not hasattr(err, "possibilities"):
        return _lower(
            re.sub(r"^Option '(.*?)'", r"\1", err.message).replace("requires an argument", "wants a value")
        ), ""
    holders = [each for each, child in below.items() if word in _options(child)]
    if holders:
        return f"{word} comes after the command", f"as in: {path} {holders[0]} {word} ..."
    return f"`{path}` has no option {word}{near(word, _options(err.cmd))}", f"`{path} --help` lists them"


def _options(command: Any) -> list[str]:
    return [each for param in command.params for each in param.opts if each.startswith("-")] if command else []


def _synopsis(err: Any, path: str) -> str:
    """The command with the words that must be there."""
    needed = [each for each in err.cmd.params if each.required or each.param_type_name == "argument"]
    words = [each for each in needed if each.param_type_name == "argument"]
    options = [each for each in needed if each not in words]
    return " ".join((path, *map(_named, words), *(f"{_named(each)} ..." for each in options)))


def _named(param: Any) -> str:
    if param.param_type_name != "argument":
        return str(max(param.opts, key=len))
    return str(param.name).upper() + ("..." if param.nargs < 0 else "")


def _lower(text: str) -> str:
    """As it goes on after a colon."""
    text = text if text[1:2].isupper() else text[:1].lower() + text[1:]
    return text.removesuffix(".") if not text.endswith("..") else text

"""Man pages in the language of man(7)."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from engine.commands.settings_told import Section, Setting
from engine.commands.tree import Node, Word

_FILES: Final = (
    ("/etc/posthouse/posthouse.toml", "The configuration."),
    ("/var/lib/posthouse", "The database, keys and secret."),
    ("/run/posthouse/control.sock", "What the programs talk to."),
)
_ENVIRONMENT: Final = (
    ("POSTHOUSE_CONFIG", "The configuration file."),
    ("POSTHOUSE_SOCKET", "The daemon's control socket."),
)
_FILE: Final = """\
One file in TOML. Durations are texts: "90s", "1h30m", "5 days". Sizes are octets or texts: 1048576, "32 MiB". Relative paths
begin at daemon.state_dir, which itself begins at the folder of the file.

A name that is no setting is refused, with the nearest one that is; posthoused check lists everything that is wrong, each with
its line. SIGHUP reads the file again; a file with a fault changes nothing.

Each setting is named as it is written at the top of a file; below the heading of its table the part before its last dot
is left out.
"""
_EXITS: Final = (
    ("0", "Done."),
    ("1", "Refused or failed; standard error says what, and how to mend it."),
    ("2", "What was typed or given is wrong, and nothing was changed."),
)


def main_page(node: Node, section: int, about: str, version: str) -> str:
    """The page of a program: its commands with a line each."""
    parts = [_head(node.path, section, version), _name(node.path, about), ".SH SYNOPSIS\n"]
    parts += [f".B {node.path}\n[\\fICOMMAND\\fR] [\\fIOPTION\\fR ...]\n", ".SH COMMANDS\n"]
    parts += [_item(each.name, each.title or each.about) for each in node.children]
    parts += [".SH FILES\n", *(_item(*each) for each in _FILES)]
    parts += [".SH ENVIRONMENT\n", *(_item(*each) for each in _ENVIRONMENT)]
    parts += [".SH EXIT STATUS\n", *(_item(*each) for each in _EXITS), ".SH SEE ALSO\n"]
    parts.append(",\n".join(f".BR {escape(page_name(each))} ({section})" for each in node.children) + "\n")
    return "".join(parts).replace(",\n.BR", " ,\n.BR")


def page_of(node: Node, section: int, version: str) -> str:
    """The page of one command, with all below it."""
    parts = [_head(page_name(node), section, version), _name(page_name(node), (node.title or node.about).rstrip("."))]
    parts += [".SH SYNOPSIS\n", *(f".B {escape(each.synopsis)}\n.br\n" for each in node.walk() if each.is_runnable)]
    parts.append(".SH DESCRIPTION\n")
    if node.text:
        parts += _prose(node.text)
    for each in node.walk():
        if each.is_runnable and not node.text:
            parts += _described(each)
    parts += [".SH EXIT STATUS\n", *(_item(*each) for each in _EXITS)]
    parts.append(f".SH SEE ALSO\n.BR {node.path.partition(' ')[0]} ({section})\n")
    return "".join(parts)


def settings_page(sections: Iterable[Section], version: str) -> str:
    """posthouse.toml(5): every setting."""
    name = "posthouse.toml"
    parts = [_head(name, 5, version), _name(name, "what Posthouse reads when it starts, and when it is reloaded")]
    parts += [".SH DESCRIPTION\n", *_prose(_FILE), ".SH SETTINGS\n"]
    for each in sections:
        parts += _section(each)
    parts += [".SH FILES\n", *(_item(*each) for each in _FILES), ".SH SEE ALSO\n"]
    return "".join([*parts, ".BR posthoused (8),\n.BR posthouse\\-setup (1)\n"])


def page_name(node: Node) -> str:
    """posthouse-list of `posthouse list`."""
    return node.path.replace(" ", "-")


def escape(text: str) -> str:
    """Text that roff takes for text."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.MULTILINE)


def _head(name: str, section: int, version: str) -> str:
    return f'.TH "{escape(name.upper())}" {section} "" "Posthouse {escape(version)}" "Posthouse"\n'


def _name(name: str, about: str) -> str:
    return f".SH NAME\n{escape(name)} \\- {escape(about)}\n"


def _section(told: Section) -> Iterator[str]:
    yield f".SS {escape(f'[{told.path}]' if told.path else 'Top of the file')}\n"
    if told.about:
        yield escape(_plain(told.about)) + "\n"
    for each in told.settings:
        yield _item(f"{told.path}.{each.name}" if told.path else each.name, _set(each))


def _set(told: Setting) -> str:
    about = told.about if told.about.endswith((".", "!", "?")) else told.about + "."
    return f"{about} ({told.kind}; otherwise {told.default}.)" + (" Needs a restart." if told.needs_restart else "")


def _described(node: Node) -> Iterator[str]:
    yield f".SS {escape(node.synopsis)}\n"
    yield escape(_plain(node.about)) + "\n"
    for each in node.words:
        yield _item(", ".join(each.names), _told(each))


def _told(word: Word) -> str:
    default = f" Otherwise {word.default}." if word.default else ""
    variable = f" Or the variable {word.variable}." if word.variable else ""
    needed = " It must be given." if word.is_option and word.is_required else ""
    return word.about + default + variable + needed


def _item(name: str, about: str) -> str:
    return f".TP\n.B {escape(name)}\n{escape(_plain(about))}\n"


def _prose(text: str) -> Iterator[str]:
    """Paragraphs; those that are set in stay as they are."""
    for part in text.strip("\n").split("\n\n"):
        is_set_in = all(line.startswith("    ") for line in part.splitlines())
        yield f".PP\n.nf\n{escape(part)}\n.fi\n" if is_set_in else f".PP\n{escape(_plain(part))}\n"


def _plain(text: str) -> str:
    """Without the marks of Markdown."""
    return re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text).replace("`", "").replace("**", "")

"""commands.md: every command, out of its own help."""

from collections.abc import Iterator
from typing import Final

from docs.written.parts import MARK, sentence, table
from engine.commands.tree import Node, Word, of_daemon, of_operators

_COMMANDS: Final = """\
# Commands

`posthoused` is the daemon. `posthouse` without a command opens the [terminal application](tui.md); with one it does one
thing and ends. All that changes a running Posthouse goes over its control socket ([control.md](control.md)); what needs
no daemon reads the configuration and the database itself.

**As whom.** Commands with `--socket` ask the daemon: whoever is in the group `posthouse` types them as they stand.
Commands with `--config` and no `--socket` open the database, the keys or the templates, which are the daemon's alone:
`sudo -u posthouse posthouse ...`, and where a file of yours is read or written, `sudo posthouse ...`, for the
daemon's user has no business in your home. What root makes in the daemon's folders is given to the daemon's user. All
manuals print commands in this way, as for a server; in a lab, or with a configuration of your own, leave `sudo` out.

The **socket** is the one named by `--socket` or `POSTHOUSE_SOCKET`, else the one that the configuration named by
`POSTHOUSE_CONFIG` says, else `./var/control.sock`, else `/run/posthouse/control.sock`. The **configuration** is the
one named by `--config` or `POSTHOUSE_CONFIG`, else `./var/posthouse.toml`, else `/etc/posthouse/posthouse.toml`. Both
options may stand before the command, too: `posthouse --socket PATH queue`.

**Exit codes.** 0: done. 1: refused or failed; standard error says what and how to mend it. 2: what was typed or given is
wrong, and nothing was changed; the nearest word that there is is named. 70: a carrier that lost its lease (only ever seen
in the log).
"""

_DEFAULTS: Final = {"--log-format": "`text` at a terminal, else `json`"}  # its own depends on where this runs


def commands() -> str:
    parts = [MARK, _COMMANDS, "\n## posthoused\n", *command_group(of_daemon())]
    for each in of_operators().children:
        parts.append(f"\n## {each.path}\n\n{sentence(each.title[0].upper() + each.title[1:])}\n")
        parts += [f"\n{each.text}"] if each.text else command_group(each)
    return "".join(parts)


def command_group(node: Node) -> Iterator[str]:
    if not node.children:
        yield command_text(node)
        return
    if node.is_runnable:
        yield f"\n### {node.path}\n" + command_text(node)
    for child in node.children:
        yield f"\n### {child.path}\n" + command_text(child)
        if child.children:
            yield from command_group(child)


def command_text(node: Node) -> str:
    rows = [(", ".join(f"`{name}`" for name in each.names), _told(each), _default(each)) for each in node.words]
    text = f"\n    {node.synopsis}\n\n{node.about}\n"
    return text + ("\n" + table(("", "meaning", "default"), rows) if rows else "")


def _told(word: Word) -> str:
    return word.about + (f" Or the variable `{word.variable}`." if word.variable else "")


def _default(word: Word) -> str:
    if word.names[0] in _DEFAULTS:
        return _DEFAULTS[word.names[0]]
    if word.is_option and word.is_required:
        return "must be given"
    return f"`{word.default}`" if word.default else ""

"""The `posthouse` commands: one module each, and only the one that was asked for is loaded.

Commands that change a running Posthouse ask its control socket. Those that need no daemon (audit, domain, flow check)
work without one. Exit codes: 0 done, 1 refused or failed, 2 what was typed or given is wrong.
"""

import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from engine.control.protocol.flows import FlowPicture

Draw: TypeAlias = "Callable[[FlowPicture, int], str]"
"""A picture of a flow and the cells there are in a line, to text."""

MODULES: Final = {
    "alert": "what needs a person, and who has seen it",
    "acts": "what operators did, and undoing it",
    "audit": "prove from the database that every accepted delivery has one end",
    "backup": "copies of everything, made while the daemon runs",
    "bounce": "what mail that came back means: who failed, who is to blame, for good or not",
    "campaign": "one mail to many: check, plan, start, schedule, show, pause, stop, recall, retry, resend",
    "check": "what DNS says of who may send: SPF, with every look-up",
    "consent": "what people agreed to, and the proof of it",
    "contact": "the people that we know: add, import, show, change, merge, export, erase",
    "coupon": "pools of coupon codes: make, load, show; who has a code",
    "credential": "who may submit mail with a password",
    "db": "the database as a whole: move it from SQLite to PostgreSQL, or back",
    "dkim": "verify the signatures of mails",
    "doctor": "what a sender must publish and keep in order, judged, with what to publish",
    "domain": "sending domains: make or take keys, show the DNS records to publish",
    "event": "tell Posthouse that something happened",
    "export": "everything as one folder, from which a new machine goes on",
    "extractor": "events out of mails by files of your own: try one, list them",
    "fence": "what keeps a restored backup from sending, and letting it send",
    "field": "custom fields of contacts",
    "flow": "check, plan, apply, pause, archive and list flows",
    "health": "whether all is well, and what is not; for monitoring",
    "hook": "webhooks that flows call",
    "history": "a made-up shop's history, to simulate flows with",
    "import": "what was imported, and what is held back because it bounced",
    "journal": "what happened, of every kind, the newest first",
    "lab": "start the lab, move its clock",
    "list": "lists and their double opt-in",
    "mail": "check the mails that flows send",
    "manual": "write the man pages, and the shells' completion",
    "metrics": "all figures, as Prometheus reads them",
    "message": "one message's whole life",
    "note": "something for whoever looks at the journal later",
    "pair": "which products go together: learnt, pinned, banned",
    "product": "what the shop sells: import, set, list, show",
    "queue": "what waits, by site; retry, hold, release, cancel",
    "report": "what came of flows, campaigns, lists, domains; lift; DMARC and TLS reports that others sent us",
    "reputation": "how our mail is taken: figures by provider, domain and day, one index, alarms",
    "restore": "an installation from a backup, or a new machine from an exported folder",
    "rules": "run the rules that judge replies over their samples, or over a reply",
    "segment": "segments: questions that are kept; who belongs, why, since when",
    "sendmail": "hand over a mail as sendmail(8) does, also while the daemon is down",
    "setup": "from an empty machine to a configuration, keys and the records to publish",
    "shaping": "what limits a site, and who set it; suspend, resume",
    "sunset": "who ignores a list; the flow that asks them once",
    "suppression": "who is not written to, and why; lift it",
    "survey": "questions that mails ask",
    "token": "which applications may use the HTTP interface",
    "trace": "a message's whole life, with every line that was said",
    "undo": "undo what you did last, or the act with a number",
    "why": "why a message was written, what it or mail to a site or domain waits for, and when that ends",
    "why-not": "why somebody did not get the mail of a flow or a campaign",
}


def usage() -> str:
    """The list of commands."""
    rows = "\n".join(f"  {name:<12} {about}" for name, about in MODULES.items())
    return (
        "Usage: posthouse [--socket PATH] [--config FILE] [COMMAND ...]\n\n"
        "Without a command it opens the terminal, or shows a screen as text: posthouse --plain post.\n\nCommands:\n"
        f"{rows}\n\n`posthouse COMMAND --help` says what each can do; posthoused runs the daemon."
    )


def run(argv: list[str], draw: "Draw | None" = None) -> int:
    """Run a command; its exit code. `draw` is how the terminal draws a flow, for the command that shows one."""
    from engine import output

    return output.printed(lambda: _run(argv, draw), "posthouse")


def _run(argv: list[str], draw: "Draw | None") -> int:
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if argv[0] == "--version":
        from engine.release import version

        print(version())
        return 0
    if argv[0] not in MODULES:
        return _unknown(argv[0])
    from engine import typed
    from engine.faults import ConfigFaults

    module = import_module(f"engine.commands.{argv[0].replace('-', '_')}")
    common = import_module("engine.commands.common")
    common.COMMAND.set(tuple(argv))
    begin = module.app if argv[0] == "sendmail" else partial(typed.run, module.app)
    try:
        return begin(argv[1:], f"posthouse {argv[0]}", draw)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except ConfigFaults as err:  # found out only now, such as a password whose file is not there
        print(f"posthouse: {err}", file=sys.stderr)
        return 2
    except PermissionError as err:
        return _shut(err, argv)
    finally:
        common.close_stores()
        common.hand_over()


def _unknown(word: str) -> int:
    from engine.typed import near

    print(
        f"posthouse: there is no command {word}{near(word, MODULES)}\n  `posthouse --help` lists them", file=sys.stderr
    )
    return 2


def _shut(err: PermissionError, argv: list[str]) -> int:
    """A file that is another's, most often the daemon's: say whose it is, and how the command is typed as that user."""
    import shlex

    from engine.own_folder import shut

    words, owner = shut(err)
    remedy = f"\n  `sudo {'' if owner == 'root' else f'-u {owner} '}posthouse {shlex.join(argv)}`" if owner else ""
    print(f"posthouse: {words}{remedy}", file=sys.stderr)
    return 1

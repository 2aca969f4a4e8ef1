"""The `posthouse` commands: one module each, and only the one that was asked for is loaded.

Commands that change a running Posthouse ask its control socket. Those that need no daemon (audit, domain, flow check)
work without one. Exit codes: 0 done, 1 refused or failed, 2 what was typed or given is wrong.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Final, TypeAlias

from engine.control.protocol.flows import FlowPicture

Draw: TypeAlias = Callable[[FlowPicture, int], str]
"""A picture of a flow and the cells there are in a line, to text."""

MODULES: Final = {
    "audit": "prove from the database that every accepted delivery has one end",
    "bounce": "what mail that came back means: who failed, who is to blame, for good or not",
    "campaign": "one mail to many: check, plan, start, schedule, show, pause, stop, recall, retry, resend",
    "check": "what DNS says of who may send: SPF, with every look-up",
    "consent": "what people agreed to, and the proof of it",
    "contact": "the people that we know: add, import, show, change, merge, export, erase",
    "coupon": "pools of coupon codes: make, load, show; who has a code",
    "credential": "who may submit mail with a password",
    "dkim": "verify the signatures of mails",
    "doctor": "what a sender must publish and keep in order, judged, with what to publish",
    "domain": "sending domains: make or take keys, show the DNS records to publish",
    "event": "tell Posthouse that something happened",
    "export": "everything as one folder, from which a new machine goes on",
    "extractor": "events out of mails by files of your own: try one, list them",
    "fence": "what keeps a restored backup from sending, and letting it send",
    "field": "custom fields of contacts",
    "flow": "check, plan, apply, pause, archive and list flows",
    "hook": "webhooks that flows call",
    "history": "a made-up shop's history, to simulate flows with",
    "import": "what was imported, and what is held back because it bounced",
    "lab": "start the lab, move its clock",
    "list": "lists and their double opt-in",
    "mail": "check the mails that flows send",
    "message": "one message's whole life",
    "pair": "which products go together: learnt, pinned, banned",
    "product": "what the shop sells: import, set, list, show",
    "queue": "what waits, by site; retry, hold, release, cancel",
    "report": "what came of flows, campaigns, lists, domains; lift; DMARC and TLS reports that others sent us",
    "reputation": "how our mail is taken: figures by provider, domain and day, one index, alarms",
    "restore": "a new machine from an exported folder",
    "rules": "run the rules that judge replies over their samples, or over a reply",
    "segment": "segments: questions that are kept; who belongs, why, since when",
    "sendmail": "hand over a mail as sendmail(8) does, also while the daemon is down",
    "shaping": "what limits a site, and who set it; suspend, resume",
    "sunset": "who ignores a list; the flow that asks them once",
    "suppression": "who is not written to, and why; lift it",
    "survey": "questions that mails ask",
    "token": "which applications may use the HTTP interface",
    "trace": "a message's whole life, with every line that was said",
    "why": "why a message was written, what it or mail to a site or domain waits for, and when that ends",
    "why-not": "why somebody did not get the mail of a flow or a campaign",
}


def usage() -> str:
    """The list of commands."""
    rows = "\n".join(f"  {name:<12} {about}" for name, about in MODULES.items())
    return (
        "Usage: posthouse [COMMAND] [--help]\n\nWithout a command it opens the terminal.\n\nCommands:\n"
        f"{rows}\n\nposthoused runs the daemon."
    )


def run(argv: list[str], draw: Draw | None = None) -> int:
    """Run a command; its exit code. `draw` is how the terminal draws a flow, for the command that shows one."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if argv[0] not in MODULES:
        import difflib

        near = difflib.get_close_matches(argv[0], MODULES, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        print(f"posthouse: there is no command {argv[0]!r}{hint}\n\n{usage()}", file=sys.stderr)
        return 2
    module = import_module(f"engine.commands.{argv[0].replace('-', '_')}")
    try:
        module.app(argv[1:], prog_name=f"posthouse {argv[0]}", obj=draw)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0

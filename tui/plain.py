"""The same pages as plain text: `posthouse --plain queue`, for scripts, pagers, reports and screen readers.

Nothing here imports textual, and a page's module is imported when it is asked for. What is printed is cleaned like what
is shown.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from engine.control.client import Control
from tui.ink import Line, plain

WIDTH: Final = 100
Say = Callable[[Control, Sequence[str], int], list[Line]]
"""What the daemon is asked, the words behind the page's name, the cells of a line; the lines."""


@dataclass(frozen=True, slots=True)
class PlainPage:
    place: str  # "module:function", a `Say`
    words: str = ""  # what has to be named, as it is written in a usage line
    least: int = 0  # how many words it needs
    most: int | None = None  # and takes; as many as it needs where it is not said

    def takes(self, count: int) -> bool:
        return self.least <= count <= (self.least if self.most is None else self.most)


PAGES: Final[Mapping[str, PlainPage]] = {
    "post": PlainPage("tui.pages.post:plain_post"),
    "queue": PlainPage("tui.pages.tables:plain_queue"),
    "flows": PlainPage("tui.pages.tables:plain_flows"),
    "flow": PlainPage("tui.pages.flows:plain_flow", "NAME", 1),
    "lists": PlainPage("tui.pages.lists:plain_lists"),
    "list": PlainPage("tui.pages.lists:plain_list", "NAME", 1),
    "people": PlainPage("tui.pages.lists:plain_people", "[TEXT]", 0, 1),
    "fields": PlainPage("tui.pages.lists:plain_fields"),
    "person": PlainPage("tui.pages.person:plain_person", "ADDRESS", 1),
    "consent": PlainPage("tui.pages.proof:plain_proof", "ADDRESS", 1),
    "segments": PlainPage("tui.pages.segments:plain_segments"),
    "segment": PlainPage("tui.pages.segments:plain_segment", "NAME", 1),
    "imports": PlainPage("tui.pages.imports:plain_imports"),
    "import": PlainPage("tui.pages.imports:plain_import", "ID", 1),
    "replies": PlainPage("tui.pages.replies:plain_replies", "[SITE]", 0, 1),
    "weather": PlainPage("tui.pages.heat:plain_weather", "[site|domain]", 0, 1),
    "ages": PlainPage("tui.pages.heat:plain_shape", "[domain|site|campaign|stream]", 0, 1),
    "bounces": PlainPage("tui.pages.bounces:plain_bounces"),
    "received": PlainPage("tui.pages.bounces:plain_received", "[KIND or ID]", 0, 1),
    "unclassified": PlainPage("tui.pages.replies:plain_unclassified"),
    "suppression": PlainPage("tui.pages.bounces:plain_suppression", "[TEXT]", 0, 1),
    "mail": PlainPage("tui.pages.mails:plain_mail", "[NAME [LANGUAGE]]", 0, 2),
    "schedule": PlainPage("tui.pages.schedule:plain_schedule", "[agenda|week|month]", 0, 1),
    "campaign": PlainPage("tui.pages.schedule_campaign:plain_campaign", "NAME", 1),
    "step": PlainPage("tui.pages.flow_rows:plain_people", "FLOW [STEP]", 1, 2),
    "versions": PlainPage("tui.pages.flow_rows:plain_history", "FLOW", 1),
    "recipes": PlainPage("tui.pages.flow_rows:plain_recipes"),
    "drafts": PlainPage("tui.pages.flow_rows:plain_drafts"),
    "draft": PlainPage("tui.pages.flow_rows:plain_draft", "NAME", 1),
    "trial": PlainPage("tui.pages.flow_rows:plain_trial", "NUMBER", 1),
    "domains": PlainPage("tui.pages.domains:plain_domains"),
    "domain": PlainPage("tui.pages.domains:plain_domain", "NAME", 1),
    "rules": PlainPage("tui.pages.rules:plain_doctor", "[DOMAIN]", 0, 1),
    "reports": PlainPage("tui.pages.reported:plain_reported", "[DOMAIN]", 0, 1),
    "reputation": PlainPage("tui.pages.reputation:plain_reputation", "[ABOUT]", 0, 3),
    "journal": PlainPage("tui.pages.journal:plain_journal", "[FILTER]", 0, 20),
    "acts": PlainPage("tui.pages.journal:plain_acts", "[FILTER]", 0, 20),
    "message": PlainPage("tui.pages.life:plain_message", "ID", 1),
}


def screen(control: Control, words: Sequence[str], width: int = WIDTH) -> str:
    """The page that `words` name. ValueError when they name none."""
    page = PAGES.get(words[0]) if words else None
    if page is None or not page.takes(len(words) - 1):
        raise ValueError(f"--plain shows one of: {usage()}")
    module, _, name = page.place.partition(":")
    say: Say = getattr(import_module(module), name)
    return plain(say(control, words[1:], width))


def usage() -> str:
    """All pages, as one types them."""
    return ", ".join(f"{name} {page.words}".rstrip() for name, page in PAGES.items())

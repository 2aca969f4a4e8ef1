"""The modes of the application, in the order of their digits. A mode's module is imported when it is first shown.

The first picture is on the screen in 700 ms because of that: whoever looks at the queue does not wait for the
calendar. Nine tabs fit 80 columns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from textual.screen import Screen


@dataclass(frozen=True, slots=True)
class Mode:
    key: str  # the digit that goes there
    name: str  # as one types it after a colon
    title: str
    screen: str  # "module:Class"; made without arguments
    about: str  # what it answers, for the help and the palette


MODES: Final = (
    Mode(
        "1", "post", "Post", "tui.screens.post:PostScreen", "what needs me, how much goes through, what just happened"
    ),
    Mode("2", "queue", "Queue", "tui.screens.queue:QueueScreen", "what waits, where, and why"),
    Mode("3", "flows", "Flows", "tui.screens.flows:FlowsScreen", "the flows, and who stands where in them"),
    Mode(
        "4", "schedule", "Schedule", "tui.screens.schedule:ScheduleScreen", "what is sent, and when it will have left"
    ),
    Mode(
        "5", "lists", "Lists", "tui.screens.lists:ListsScreen", "who asked for what, who said yes, and the proof of it"
    ),
    Mode("6", "bounces", "Bounces", "tui.screens.bounces:BouncesScreen", "what came back, and who is not written to"),
    Mode("7", "mail", "Mail", "tui.screens.mails:MailsScreen", "the mails that are sent, as each reader gets them"),
    Mode("8", "domains", "Domains", "tui.screens.domains:DomainsScreen", "keys, records, rules, reputation"),
    Mode("9", "journal", "Journal", "tui.screens.journal:JournalScreen", "what happened, and what was done"),
)


def load(place: str) -> "Callable[..., Screen[Any]]":
    """The class that "module:Class" names."""
    module, _, name = place.partition(":")
    found: Callable[..., Screen[Any]] = getattr(import_module(module), name)
    return found


def mode(name: str) -> Mode | None:
    """The mode of this name."""
    return next((each for each in MODES if each.name == name), None)

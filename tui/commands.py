"""The words behind a colon: what they mean, and what may come next. Pure.

:queue gmail.com /421      a mode, where to go there, and a filter
:message 4711              a thing by its kind and name
:hold                      a verb of the screen that is shown
:save night                what the terminal itself does
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum, auto
from itertools import takewhile
from typing import Final

from engine.control.protocol.house import Overview
from tui.behind import BEHIND
from tui.modes import MODES

OWN: Final = {
    "help": "keys of what has the focus",
    "undo": "take back what was done last",
    "log": "what was done from here, as command lines",
    "said": "the status line, all of it",
    "who": "who looks on",
    "save": "NAME: keep the filter under a name",
    "forget": "NAME: drop a filter that was kept",
    "filters": "the filters that are kept",
    "look": "the next look, or one by name",
    "pause": "hold the picture still, or let it go on",
    "exact": "exact numbers and times, or short ones",
    "quit": "leave; the daemon goes on",
}
_SHORT: Final = {"q": "quit", "h": "help", **{each.key: each.name for each in MODES}}


class Kind(Enum):
    MODE = auto()
    THING = auto()
    VERB = auto()
    OWN = auto()
    NOTHING = auto()  # it means nothing; `words` says so


@dataclass(frozen=True, slots=True)
class Command:
    kind: Kind
    name: str  # of the mode, the kind of thing, the verb's id, or ours
    words: str = ""


def understood(text: str, verbs: Sequence[str] = ()) -> Command:
    """What was typed, without the colon. `verbs`: ids of those that the screen has."""
    name, _, words = text.strip().partition(" ")
    name, words = _SHORT.get(name, name), words.strip()
    if any(each.name == name for each in MODES):
        return Command(Kind.MODE, name, words)
    if name in OWN:
        return Command(Kind.OWN, name, words)
    if name in BEHIND and words:
        return Command(Kind.THING, name, words)
    for verb in verbs:
        if name in (verb, verb.rpartition(".")[2]):
            return Command(Kind.VERB, verb, words)
    if name in BEHIND:
        return Command(Kind.NOTHING, name, f":{name} needs a name")
    near = get_close_matches(name, first_words(verbs), n=1)
    return Command(Kind.NOTHING, name, f"there is no :{name}" + (f"; did you mean :{near[0]}?" if near else ""))


def first_words(verbs: Sequence[str] = ()) -> list[str]:
    return [*(each.name for each in MODES), *BEHIND, *(verb.rpartition(".")[2] for verb in verbs), *OWN]


def candidates(text: str, verbs: Sequence[str], overview: Overview | None, shown: Iterable[str] = ()) -> list[str]:
    """The whole lines that `text` may become. `shown`: names of what is on the screen."""
    name, blank, begun = text.partition(" ")
    if not blank:
        return sorted({each for each in first_words(verbs) if each.startswith(name)})
    names = {*_names(_SHORT.get(name, name), overview), *shown}
    return [f"{name} {each}" for each in sorted(names) if each.startswith(begun) and each != begun][:_OFFERED]


_OFFERED: Final = 50


def _names(name: str, overview: Overview | None) -> Iterable[str]:
    """What the newest picture knows of this kind."""
    if overview is None:
        return ()
    if name in ("queue", "site"):
        return (each.site for each in overview.sites)
    return (each.name for each in overview.flows) if name in ("flows", "flow") else ()


def completed(text: str, offered: Sequence[str]) -> str:
    """As far as all that is offered agree."""
    shared = zip(*offered, strict=False) if offered else ()
    fuller = "".join(letters[0] for letters in takewhile(lambda letters: len(set(letters)) == 1, shared))
    return max(fuller, text, key=len)

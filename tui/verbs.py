"""What an operator can have done: a verb has a key and a name, and makes an intent of what the cursor is on. Pure.

A verb that changes mail is a capital letter, so that no slip of the hand does anything; none is on Enter, Delete or
Backspace. What can be taken back happens at once. What is bulk, or leaves the house, shows first what the daemon says
it would do, and there Cancel has the focus. What can't be taken back asks for its count or its name.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from shlex import quote
from typing import Final

SENT_FOR_OTHERS: Final[Mapping[str, str]] = {
    "ctrl+h": "Backspace", "ctrl+i": "Tab", "ctrl+j": "Enter", "ctrl+m": "Enter", "ctrl+left_square_bracket": "Escape",
}  # fmt: skip
"""Keys that a terminal does not tell from another (ECMA-48: they are the same octet)."""


def fit_for_a_verb(key: str) -> bool:
    """A capital letter, or one with ctrl that a terminal sends for nothing else."""
    *modifiers, last = key.split("+")
    if modifiers == ["ctrl"]:
        return key not in SENT_FOR_OTHERS and len(last) == 1 and last.isalpha()
    return not modifiers and len(last) == 1 and last.isupper()


class Ladder(Enum):
    """How much is asked before it is done."""

    AT_ONCE = auto()  # it can be taken back
    DRY_RUN = auto()  # bulk, or outward: the daemon's dry run is shown first
    TYPED = auto()  # for good: the count or the name is typed


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that is asked before anything else: why, for how long, which list."""

    name: str  # the word of the body it becomes
    label: str
    default: str = ""
    choices: tuple[str, ...] = ()
    hint: str = ""
    required: bool = False
    blamed: tuple[str, ...] = ()  # words by which a refusal may mean it, beside its name


@dataclass(frozen=True, slots=True)
class Intent:
    """Something to be done, before it is done."""

    words: str  # "Hold 3 deliveries to gmail.com"
    path: str  # POST /v1/{path}
    body: Mapping[str, object] = field(default_factory=dict)  # without `by`, which is added when it is sent
    command: str = ""  # the equal command line; {name} stands for a field's answer
    ladder: Ladder = Ladder.AT_ONCE
    fields: tuple[Field, ...] = ()
    dry: tuple[str, Mapping[str, object]] | None = None  # path of the dry run, and what is added to the body for it
    typed: str = ""  # what has to be typed, at TYPED
    keeps: bool = False  # when it is refused the form comes again, with what was typed and the reason

    def answered(self, answers: Mapping[str, str]) -> "Intent":
        """The same with what was answered; what was left empty is not said."""
        said = {name: text for name, text in answers.items() if text}
        return replace(self, body={**self.body, **said}, command=filled(self.command, answers), fields=())

    def anew(self, answered: "Intent") -> "Intent":
        """The same, its form filled in as it was answered."""
        said = {name: str(text) for name, text in answered.body.items()}
        return replace(self, fields=tuple(replace(each, default=said.get(each.name, "")) for each in self.fields))

    @property
    def asks(self) -> bool:
        """Whether something is asked before it is done."""
        return bool(self.fields) or self.ladder is not Ladder.AT_ONCE or self.dry is not None

    @property
    def dry_run(self) -> tuple[str, dict[str, object]] | None:
        """Path and body that say what would be done; None where nothing is asked first."""
        if self.dry is not None:
            return self.dry[0], {**self.body, **self.dry[1]}
        return (self.path, {**self.body, "dry_run": True}) if self.ladder is Ladder.DRY_RUN else None


@dataclass(frozen=True, slots=True)
class Verb:
    """A key of a screen that has something done, or says why it can't be done now."""

    key: str
    id: str  # "queue.hold": by this it is rebound, and typed after a colon by its last word
    label: str
    intent: str  # a method of the screen: `() -> Intent | str`, or a coroutine of it; a str says why not

    @property
    def word(self) -> str:
        return self.id.rpartition(".")[2]


def at_fault(fields: Sequence[Field], fault: str) -> int | None:
    """Which field a refusal speaks of: the one whose word it says first; None where it says none."""
    said = [
        (found.start(), index)
        for index, each in enumerate(fields)
        for word in (each.name, *each.blamed)
        if (found := re.search(rf"\b{re.escape(word)}\b", fault)) is not None
    ]
    return min(said)[1] if said else None


def filled(command: str, answers: Mapping[str, str]) -> str:
    """A command line with the answers in it, as a shell takes them; an option that was left empty is not said."""

    def said(found: re.Match[str]) -> str:
        option, name = found[1] or "", found[2]
        if name not in answers:
            return found[0]
        return f"{option} {quote(answers[name])}" if answers[name] or not option else ""

    return _ASKED.sub(said, command)


_ASKED: Final = re.compile(r"( --[a-z-]+)? \{(\w+)\}")

"""The command line of sendmail(8), read: what programs have written for forty years, as far as it still means something."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Final, NoReturn

HELP: Final = (
    "posthouse sendmail [-t] [-i] [-f ADDRESS] [-F NAME] [-N NOTIFY] [-R FULL|HDRS] [-V ENVID] [RECIPIENT ...]"
)


class Exit(IntEnum):
    """What the command's end says (sysexits.h)."""

    TAKEN = 0
    USAGE = 64
    BAD_DATA = 65
    NO_USER = 67
    UNAVAILABLE = 69
    CANT_CREATE = 73
    TRY_LATER = 75
    NOT_PERMITTED = 77
    BAD_CONFIG = 78


_WITH_VALUE: Final = "BCFfhLNOoprRVX"  # options that take a value, attached or as the next word
_ALONE: Final = "AGinmtUv"  # options that stand alone; most of them mean nothing here


class Trouble(Exception):
    """The command ends with this exit code and these words."""

    def __init__(self, code: Exit, words: str) -> None:
        super().__init__(words)
        self.code = code


@dataclass(slots=True)
class Asked:
    """The command line."""

    sender: str | None = None  # None: the user who runs this
    full_name: str = ""
    from_header: bool = False  # -t: recipients are read from the header
    dot_ends: bool = True  # unless -i
    config: Path | None = None
    notify: str = ""
    ret: str = ""
    envid: str = ""
    recipients: list[str] = field(default_factory=list)


def parse(argv: Sequence[str]) -> Asked:
    """Read the command line. What is unknown is refused: a mail must not go astray for a misread word."""
    asked, words = Asked(), list(argv)
    while words:
        word = words.pop(0)
        if word == "--":
            asked.recipients += words
            break
        if word == "--help":
            print(HELP)
            raise SystemExit(0)
        if not word.startswith("-") or word == "-":
            asked.recipients.append(word)
        elif word[1] == "b":
            _check_mode(word)
        elif word[1] == "q":
            raise SystemExit(0)  # "work off the queue": the daemon does
        else:
            _option(asked, word, words)
    return asked


def _check_mode(word: str) -> None:
    if word == "-bi":
        raise SystemExit(0)  # "make the alias database anew": there is none
    if word == "-bp":
        raise Trouble(Exit.USAGE, "`posthouse queue` shows what waits")
    if word != "-bm":
        raise Trouble(Exit.USAGE, f"{word[:20]} is not known here: only mail on standard input is taken")


def _option(asked: Asked, word: str, words: list[str]) -> None:
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in _WITH_VALUE:
            if not letters and not words:
                raise Trouble(Exit.USAGE, f"-{letter} needs a value\n{HELP}")
            _set(asked, letter, letters or words.pop(0))
            return
        if letter not in _ALONE:
            raise Trouble(Exit.USAGE, f"there is no option -{letter}\n{HELP}")
        asked.from_header |= letter == "t"
        asked.dot_ends &= letter != "i"


def _set(asked: Asked, letter: str, value: str) -> None:
    match letter:
        case "f" | "r":
            asked.sender = value.removeprefix("<").removesuffix(">")
        case "F":
            asked.full_name = value
        case "C":
            asked.config = Path(value)
        case "N":
            asked.notify = value.upper()
        case "R":
            asked.ret = {"FULL": "FULL", "HDRS": "HDRS"}.get(value.upper()) or _no(
                f"-R is full or hdrs, not {value[:20]}"
            )
        case "V":
            asked.envid = value
        case "o":
            asked.dot_ends &= value != "i"


def _no(words: str) -> NoReturn:
    raise Trouble(Exit.USAGE, words)

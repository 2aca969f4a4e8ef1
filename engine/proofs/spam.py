"""What SpamAssassin or rspamd thinks of mails, where one is installed. Only rules that need no network are asked."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

PATIENCE: Final = 300  # seconds for all mails of one question

_STATUS: Final = re.compile(rb"^X-Spam-Status:.*?score=(-?[\d.]+).*?tests=((?:[A-Z0-9_]+,?\s*)*)", re.M | re.S)
_NUMBER: Final = re.compile(rb"^X-Posthouse-Lint: (\d+)", re.M)
_BEGINS: Final = b"From lint@localhost"
_RSPAMD: Final = re.compile(r"^Score: (-?[\d.]+) /", re.M)
_SYMBOL: Final = re.compile(r"^Symbol: (\w+)", re.M)


class SpamTrouble(Exception):
    """The program did not answer; the words say what it said."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Who tells: `program` is spamassassin or rspamc."""

    program: str
    path: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Points, and the rules that gave them."""

    points: float
    rules: tuple[str, ...]


def judge() -> Judge | None:
    """The one that is installed."""
    for program in ("spamassassin", "rspamc"):
        if path := shutil.which(program):
            return Judge(program, path)
    return None


def score(judge: Judge, mails: Sequence[bytes]) -> list[Verdict]:
    """What it says of each mail. SpamTrouble."""
    if not mails:
        return []
    found = _spamassassin(judge, mails) if judge.program == "spamassassin" else [_rspamd(judge, each) for each in mails]
    if len(found) != len(mails):
        raise SpamTrouble(f"{judge.program} told of {len(found)} mails, but was given {len(mails)}")
    return found


def _spamassassin(judge: Judge, mails: Sequence[bytes]) -> list[Verdict]:
    """All in one run, as a mailbox: the program takes seconds to begin, and little for each mail. It sorts a mailbox by date and
    leaves those of one date in any order, so each mail bears its number."""
    box = b"".join(_in_mbox(number, each) for number, each in enumerate(mails))
    told = _ask([judge.path, "--local", "--mbox", "--prefspath=/dev/null"], box)
    found = {}
    for each in told.split(_BEGINS):
        if (status := _STATUS.search(each)) and (number := _NUMBER.search(each)):
            rules = tuple(status[2].decode("ascii").replace(",", " ").split())
            found[int(number[1])] = Verdict(float(status[1]), rules)
    return [found[number] for number in sorted(found)]


def _in_mbox(number: int, content: bytes) -> bytes:
    lines = re.sub(rb"^From ", b">From ", content.replace(b"\r\n", b"\n"), flags=re.M)
    return _BEGINS + b" Thu Jan  1 00:00:00 1970\nX-Posthouse-Lint: %d\n%s\n" % (number, lines)


def _rspamd(judge: Judge, mail: bytes) -> Verdict:
    told = _ask([judge.path, "symbols"], mail).decode("utf-8", "replace")
    points = _RSPAMD.search(told)
    if points is None:
        raise SpamTrouble(f"rspamc said nothing of points: {told[:100]}")
    return Verdict(float(points[1]), tuple(_SYMBOL.findall(told)))


def _ask(command: list[str], content: bytes) -> bytes:
    try:
        done = subprocess.run(command, input=content, capture_output=True, timeout=PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError) as err:
        raise SpamTrouble(f"{command[0]}: {err}") from None
    return done.stdout

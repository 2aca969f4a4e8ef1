"""What SpamAssassin or rspamd thinks of mails, where one is installed. Only rules that need no network are asked."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

PATIENCE: Final = 300  # seconds for all mails of one question

_STATUS: Final = re.compile(rb"^X-Spam-Status:.*?score=(-?[\d.]+).*?tests=((?:[A-Z0-9_]+,?\s*)*)", re.M | re.S)
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
    """All in one run, as a mailbox: the program takes seconds to begin, and little for each mail."""
    box = b"".join(b"From lint@localhost Thu Jan  1 00:00:00 1970\n" + _as_in_mbox(each) + b"\n" for each in mails)
    told = _ask([judge.path, "--local", "--mbox", "--prefspath=/dev/null"], box)
    return [
        Verdict(float(points), tuple(rules.decode("ascii").replace(",", " ").split()))
        for points, rules in _STATUS.findall(told)
    ]


def _as_in_mbox(content: bytes) -> bytes:
    return re.sub(rb"^From ", b">From ", content.replace(b"\r\n", b"\n"), flags=re.M)


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

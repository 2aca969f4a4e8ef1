"""What a rule says: its verdict, what was seen, and what to do. All foreign text in it was made harmless."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SHOWN: Final = 300  # characters of a record that are shown


class Verdict(StrEnum):
    """UNKNOWN is neither good nor bad: nobody answered, or another rule has to hold first."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


_GRAVITY: Final = (Verdict.PASS, Verdict.UNKNOWN, Verdict.WARN, Verdict.FAIL)


class NotKnown(Exception):
    """What a rule would have to look at can't be had here; the words say why."""


@dataclass(frozen=True, slots=True)
class Mend:
    """One thing to do. `how` is publish, remove, run or set; `text` is the line to copy: of a zone file, a shell, a
    configuration. A record is also given in its parts."""

    how: str
    text: str
    name: str = ""
    type: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What a rule found. `seen`: records and replies as they came, made harmless. `detail`: lines that explain."""

    verdict: Verdict
    says: str
    seen: tuple[str, ...] = ()
    mend: tuple[Mend, ...] = ()
    detail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule's verdict. `about`: the domain, or "" where it is about the house. `waits_for`: the rule that has to hold
    first, where that is why nothing is known."""

    rule: str
    about: str
    verdict: Verdict
    title: str
    says: str
    source: str
    seen: tuple[str, ...] = ()
    mend: tuple[Mend, ...] = ()
    detail: tuple[str, ...] = ()
    waits_for: str = ""


def good(says: str, *seen: str, detail: Sequence[str] = ()) -> Said:
    return Said(Verdict.PASS, says, tuple(map(shown, seen)), (), tuple(map(shown, detail)))


def warn(says: str, seen: Iterable[str] = (), mend: Iterable[Mend] = (), detail: Iterable[str] = ()) -> Said:
    return Said(Verdict.WARN, says, tuple(map(shown, seen)), tuple(mend), tuple(map(shown, detail)))


def bad(says: str, seen: Iterable[str] = (), mend: Iterable[Mend] = (), detail: Iterable[str] = ()) -> Said:
    return Said(Verdict.FAIL, says, tuple(map(shown, seen)), tuple(mend), tuple(map(shown, detail)))


def unknown(says: str, *seen: str) -> Said:
    return Said(Verdict.UNKNOWN, says, tuple(map(shown, seen)))


def gravest(said: Sequence[Said]) -> Said:
    """Several of a kind as one: the gravest, with all that are as grave."""
    worst = max(_GRAVITY.index(each.verdict) for each in said)
    same = [each for each in said if _GRAVITY.index(each.verdict) == worst]
    return Said(
        _GRAVITY[worst],
        "; ".join(dict.fromkeys(each.says for each in same)),
        tuple(dict.fromkeys(line for each in same for line in each.seen)),
        tuple(dict.fromkeys(mend for each in same for mend in each.mend)),
        tuple(dict.fromkeys(line for each in same for line in each.detail)),
    )


def publish(name: str, kind: str, value: str) -> Mend:
    """A record to publish, as a line of a zone file (RFC 1035 section 5)."""
    name = shown(name.rstrip("."))
    return Mend("publish", f"{name}. IN {kind} {_zone_value(kind, value)}", name, kind, shown(value, len(value)))


def remove(name: str, kind: str, value: str) -> Mend:
    """A record to take out."""
    name = shown(name.rstrip("."))
    return Mend("remove", f"{name}. IN {kind} {_zone_value(kind, value)}", name, kind, shown(value, len(value)))


def run(command: str) -> Mend:
    return Mend("run", shown(command))


def configure(section: str, line: str) -> Mend:
    """A line of posthouse.toml."""
    return Mend("set", f"[{section}] {line}" if section else line)


def brand(line: str) -> Mend:
    """A line of brand.toml, in one's own folder of templates."""
    return Mend("set", f"brand.toml: {line}")


def shown(text: str, most: int = SHOWN) -> str:
    """Foreign text on one line that moves no cursor: controls become their pictures (ESC is shown as ␛), what can't be
    seen is written as U+202E; what is too long is cut, and says so."""
    cut = text[:most]
    if not cut.isprintable():
        cut = "".join(each if each.isprintable() else _picture(ord(each)) for each in cut)
    return cut + (f" ... ({len(text):,} characters)" if len(text) > most else "")


def _picture(code: int) -> str:
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"U+{code:04X}"


def _zone_value(kind: str, value: str) -> str:
    if kind != "TXT":
        return shown(value)
    safe = shown(value, len(value)).replace("\\", "\\\\").replace('"', '\\"')
    strings = [safe[start : start + 250] for start in range(0, len(safe), 250)] or [""]
    quoted = " ".join(f'"{each}"' for each in strings)
    return f"( {quoted} )" if len(strings) > 1 else quoted

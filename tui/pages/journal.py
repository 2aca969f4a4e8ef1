"""What happened, what operators did, and the books: columns, details, and what a filter asks for. Pure."""

import json
from collections.abc import Sequence
from typing import Final

from engine.control.client import Control
from engine.control.protocol.journal import ActRow, Acts, Books, Happened, Happenings
from tui import words
from tui.columns import Column, table
from tui.format import clock, fit, number, safe, span, wrap
from tui.ink import BLANK, Ink, Line, Run, line, rule
from tui.words import Mark

Params = dict[str, str | int]
PLAIN_ROWS: Final = 100

HAPPENED: Final[tuple[Column[Happened], ...]] = (
    Column("when", 12, lambda row, now: Run(clock(row.at_ms, now), Ink.DIM)),
    Column("what", 20, lambda row, _: words.happening(row.kind).run()),
    Column("whom and how", 20, lambda row, _: Run(row.text), flex=1),
)

_STATES: Final = {
    "done": Mark("✓", "done", Ink.TEXT),
    "undone": Mark("↺", "undone", Ink.DIM),
    "under way": Mark("►", "under way", Ink.CALM),
    "unknown": Mark("?", "not known", Ink.DOUBT),
}


def act_state(row: ActRow) -> Mark:
    """What became of an act; one that can be undone says so."""
    if row.can_undo:
        return Mark("✓", "can be undone", Ink.GOOD)
    if row.state == "done" and row.done.startswith("0 "):
        return Mark("–", "did nothing", Ink.DIM)
    return _STATES.get(row.state) or Mark("·", safe(row.state), Ink.TEXT)


def who(row: ActRow) -> str:
    return row.user if row.by in ("", row.user) else f"{row.by} ({row.user})"


ACTS: Final[tuple[Column[ActRow], ...]] = (
    Column("act", 5, lambda row, _: Run(str(row.act), Ink.DIM), right=True, since=60),
    Column("when", 12, lambda row, now: Run(clock(row.at_ms, now), Ink.DIM)),
    Column("who", 10, lambda row, _: Run(who(row)), since=60),
    Column("state", 15, lambda row, _: act_state(row).run()),
    Column("what was done", 20, lambda row, _: Run(row.done or f"{row.what} {row.about}"), flex=1),
)


# -- details


def happened(row: Happened, now_ms: int, width: int) -> list[Line]:
    """One thing that happened, whole."""
    return [
        rule(row.kind, width, clock(row.at_ms, now_ms)),
        *(line(each) for each in wrap(row.text or "nothing more is known of it", width)),
        *([BLANK, line(("about  ", Ink.DIM), row.person)] if row.person else []),
        *([line(("enter  ", Ink.HORN), (f"the life of message {row.message_id}", Ink.DIM))] if row.message_id else []),
    ]


def act(row: ActRow, now_ms: int, width: int) -> list[Line]:
    """One act, whole: who asked for what, what was done, and whether it can be undone."""
    return [
        rule(f"Act {row.act}", width, clock(row.at_ms, now_ms)),
        line(act_state(row).run()),
        *(line((each, Ink.STRONG)) for each in wrap(row.done or "nothing is known of what was done", width)),
        BLANK,
        *_facts((("command", row.what), ("by", who(row)), ("about", row.about)), width),
        *_told(row.told, width),
        *_way_back(row, now_ms, width),
    ]


def _facts(facts: Sequence[tuple[str, str]], width: int) -> list[Line]:
    label = max(min(max((len(name) for name, text in facts if text), default=0) + 2, width // 2), 10)
    return [
        drawn
        for name, text in facts
        for at, piece in enumerate(text.splitlines())
        for drawn in line((fit("" if at else name, label), Ink.DIM), piece).folded(width)
    ]


def _told(told: str, width: int) -> list[Line]:
    """What was asked for, a word a line."""
    try:
        said = json.loads(told)
    except ValueError:
        return []
    if not isinstance(said, dict) or not said:
        return []
    return [rule("Asked for", width), *_facts([(str(name), _plain(value)) for name, value in said.items()], width)]


def _plain(value: object) -> str:
    """A value of a command's body as people write it: 5415, 5416; yes."""
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


def _way_back(row: ActRow, now_ms: int, width: int) -> list[Line]:
    words_ = row.why_not
    if row.can_undo:
        until = f", for {span(row.until_ms - now_ms)} more" if row.until_ms is not None else ""
        words_ = f"U undoes it{until}"
    elif row.undone_by is not None:
        words_ = f"undone by act {row.undone_by}; undo that one to do it again"
    elif row.state == "unknown":
        words_ = "the daemon stopped before it said whether this was done: look at what it was about"
    more = [f"it undid act {row.undoes}"] if row.undoes is not None else []
    return [rule("Way back", width), *(line((each, Ink.DIM)) for text in (words_, *more) for each in wrap(text, width))]


def books(found: Books | None, width: int) -> list[Line]:
    """The promise of delivery, gone over."""
    if found is None:
        asked = "The books prove that every accepted delivery has exactly one end, or is still there."
        return [
            rule("Books", width), *(line(each) for each in wrap(asked, width)), BLANK,
            line(("c", Ink.HORN), (" goes over them now; it reads every delivery there is", Ink.DIM)),
        ]  # fmt: skip
    verdict = Run("✓ the books balance", Ink.GOOD) if found.balances else Run("✗ THE BOOKS DO NOT BALANCE", Ink.BAD)
    took = f"{clock(found.at_ms, found.now_ms)}, in {span(found.took_ms)}"
    return [
        rule("Books", width, took),
        line(verdict),
        BLANK,
        line((f"{number(found.messages):>12}", Ink.STRONG), " messages"),
        line((f"{number(found.accepted):>12}", Ink.STRONG), " accepted deliveries, each in one of these states:"),
        *(line(f"{number(each.count):>12} ", words.delivery(each.state).run()) for each in found.states),
        BLANK,
        line(f"{number(found.doubts):>12} doubts on record, {number(found.open_doubts)} open"),
        *(
            drawn
            for each in found.findings
            for drawn in (BLANK, line((f"✗ {each.what}", Ink.BAD)),
                          *(line("  ", text) for text in wrap(", ".join(map(str, each.ids)), width - 2)))
        ),
    ]  # fmt: skip


# -- what a filter asks for


def happened_params(text: str) -> Params:
    """kind:bounced ann@example.org words: what the daemon is asked for."""
    return _params(text, {"kind": "kind", "person": "person"}, lone_address="person")


def act_params(text: str) -> Params:
    """by:olga what:queue about:gmail.com words."""
    return _params(text, {"by": "who", "what": "what", "about": "about"}, lone_address="about")


def _params(text: str, known: dict[str, str], lone_address: str) -> Params:
    found: Params = {}
    rest = []
    for word in text.split():
        name, colon, value = word.partition(":")
        if colon and name in known and value:
            found[known[name]] = value
        elif "@" in word.strip("@") and lone_address not in found:
            found[lone_address] = word.lstrip("@")
        else:
            rest.append(word)
    return {**found, **({"q": " ".join(rest)} if rest else {})}


# -- as text


def plain_journal(control: Control, said: Sequence[str], width: int) -> list[Line]:
    asked = {"limit": PLAIN_ROWS, **happened_params(" ".join(said))}
    found = control.get(Happenings, "/v1/journal", asked)
    return table("Journal", "line", HAPPENED, found.rows, found.now_ms, width)


def plain_acts(control: Control, said: Sequence[str], width: int) -> list[Line]:
    asked = {"limit": PLAIN_ROWS, **act_params(" ".join(said))}
    found = control.get(Acts, "/v1/acts", asked)
    return table("Acts", "act", ACTS, found.rows, found.now_ms, width)

"""Lists: the table of them, one's pipeline and settings, and where people stand. Pure."""

from collections.abc import Sequence
from typing import Final

from engine.control.client import Control, part
from engine.control.protocol.lists import (
    AnswerRow,
    FieldRow,
    Fields,
    ListPicture,
    ListRow,
    Lists,
    People,
    PersonRow,
    SettingRow,
    StandingRow,
    Standings,
)
from engine.counts import counted
from tui.chart import bars
from tui.columns import Column, table, tally
from tui.format import clock, cut, fit, number, short, span
from tui.ink import BLANK, Ink, Line, Run, line, rule
from tui.words import Mark

DAYS_IN_TABLE: Final = 14
LABEL: Final = 11
TO_ASK_MOST: Final = 1_000  # the daemon counts no further

_STATES: Final = {
    "confirmed": Mark("✓", "confirmed", Ink.GOOD),
    "unconfirmed": Mark("◔", "asked", Ink.WAIT),
    "to be asked": Mark("○", "to ask", Ink.CALM),
    "left": Mark("–", "left", Ink.DIM),
    "not confirmed in time": Mark("✗", "expired", Ink.BAD),
    "taken off": Mark("⊘", "taken off", Ink.DIM),
}
_ACTS: Final = {
    "asked": Mark("◔", "asked", Ink.WAIT),
    "confirmed": Mark("✓", "confirmed", Ink.GOOD),
    "withdrawn": Mark("–", "left", Ink.DIM),
    "restored": Mark("↺", "put back", Ink.CALM),
    "imported": Mark("⇣", "imported", Ink.CALM),
}


def standing(row: StandingRow) -> Mark:
    """Where somebody stands, and why they are off it."""
    if row.state == "unconfirmed" and row.why == "to be asked":
        return _STATES["to be asked"]
    if row.state != "unsubscribed":
        return _STATES.get(row.state) or Mark("·", row.state, Ink.TEXT)
    why = "taken off" if row.why.startswith("taken off") else row.why
    return _STATES.get(why) or Mark("–", "off", Ink.DIM)


def act(word: str, source: str = "") -> Mark:
    """An entry of the ledger; an operator's withdrawal is not the person's."""
    if word == "withdrawn" and source == "operator":
        return _STATES["taken off"]
    return _ACTS.get(word) or Mark("·", word, Ink.TEXT)


def _days(values: Sequence[int], count: int) -> str:
    """The last days as one row of bars."""
    shown = list(values[-count:])
    return bars(shown, 1)[0].text if shown else ""


def _opt_in(row: ListRow) -> Run:
    return Run(row.confirmation, Ink.DIM if row.confirmation == "double" else Ink.WAIT)


LISTS: Final[tuple[Column[ListRow], ...]] = (
    Column("list", 14, lambda row, _: Run(row.name, Ink.STRONG), flex=1),
    Column("title", 14, lambda row, _: Run(row.title, Ink.DIM), flex=1, since=96),
    Column("opt-in", 6, lambda row, _: _opt_in(row)),
    Column("confirmed", 9, lambda row, _: tally(row.confirmed, Ink.GOOD), right=True),
    Column("waiting", 7, lambda row, _: tally(row.unconfirmed, Ink.WAIT), right=True),
    Column("today", 6, lambda row, _: tally(row.days_confirmed[-1] if row.days_confirmed else 0), right=True, since=50),
    Column("14 d", DAYS_IN_TABLE, lambda row, _: Run(_days(row.days_confirmed, DAYS_IN_TABLE), Ink.HORN), since=66),
)


def _last(row: StandingRow) -> int:
    return row.ended_ms or row.confirmed_ms or row.reminded_ms or row.asked_ms


def _until(row: StandingRow, now_ms: int) -> Run:
    if row.expires_ms is not None and row.expires_ms > now_ms:
        return Run("in " + span(row.expires_ms - now_ms), Ink.WAIT)
    return Run("")


MEMBERS: Final[tuple[Column[StandingRow], ...]] = (
    Column("state", 11, lambda row, _: standing(row).run()),
    Column("address", 22, lambda row, _: Run(row.address, Ink.STRONG), flex=3),
    Column("name", 10, lambda row, _: Run(row.name), flex=2, since=56),
    Column("since", 9, lambda row, now: Run(span(now - _last(row)), Ink.DIM), right=True),
    Column("over", 12, _until, right=True, since=70),
    Column("source", 10, lambda row, _: Run(row.source, Ink.DIM), flex=1, since=80),
    Column("why", 12, lambda row, _: Run(row.why if row.why != "to be asked" else "", Ink.DIM), flex=2, since=110),
)

PEOPLE: Final[tuple[Column[PersonRow], ...]] = (
    Column("address", 24, lambda row, _: Run(row.address, Ink.STRONG), flex=3),
    Column("name", 12, lambda row, _: Run(row.name), flex=2),
    Column("locale", 7, lambda row, _: Run(row.locale, Ink.DIM), since=60),
    Column("orders", 6, lambda row, _: tally(row.orders), right=True, since=60),
    Column("known for", 9, lambda row, now: Run(span(now - row.created_ms), Ink.DIM), right=True),
    Column(
        "active", 9, lambda row, now: Run("" if row.engaged_ms is None else span(now - row.engaged_ms)), right=True, since=74,
    ),
    Column("source", 10, lambda row, _: Run(row.source, Ink.DIM), flex=1, since=90),
)  # fmt: skip

SETTINGS: Final[tuple[Column[SettingRow], ...]] = (
    Column("key", 14, lambda row, _: Run(row.key, Ink.STRONG)),
    Column("value", 16, lambda row, _: Run(row.value, Ink.DIM if row.value == row.default else Ink.TEXT), flex=2),
    Column("what it is", 20, lambda row, _: Run(row.about, Ink.DIM), flex=3, since=60),
)

FIELDS: Final[tuple[Column[FieldRow], ...]] = (
    Column("field", 16, lambda row, _: Run(row.name, Ink.STRONG), flex=1),
    Column("kind", 8, lambda row, _: Run(row.kind)),
    Column("title", 16, lambda row, _: Run(row.title), flex=1),
    Column("choices", 16, lambda row, _: Run(", ".join(row.choices), Ink.DIM), flex=2, since=70),
)


def pipeline(picture: ListPicture, width: int) -> list[Line]:
    """Who was asked, said yes, waits, or did not answer: counts, shares and a strip of days."""
    row, room = picture.row, max(min(width - LABEL - 20, picture.days), 0)
    note = (
        f"{counted(picture.days, 'day')}, a bar each"
        if room == picture.days
        else f"counts of {counted(picture.days, 'day')}"
    )
    flows = (
        ("asked", row.asked, row.days_asked, Ink.CALM, ""),
        ("confirmed", row.answered, row.days_confirmed, Ink.GOOD, _share(row.answered, row.asked)),
        ("expired", row.expired, row.days_expired, Ink.BAD, _share(row.expired, row.asked)),
        ("left", row.left, row.days_left, Ink.DIM, ""),
        ("imported", row.imported, row.days_imported, Ink.CALM, "") if row.imported else None,
    )
    lines = [rule("Pipeline", width, note)]
    for each in flows:
        if each is not None:
            name, count, days, ink, share = each
            strip = bars(days[-room:], 1)[0].runs if room and any(days) else ()
            lines.append(
                line(
                    (fit(name, LABEL), Ink.DIM),
                    (fit(number(count), 9, right=True), ink),
                    fit(share, 7, right=True),
                    "    ",
                    *strip,
                )
            )
    return [*lines, *_now(picture, width)]


def _share(part_of: int, whole: int) -> str:
    return f"{part_of * 100 // whole} %" if whole else ""


def _now(picture: ListPicture, width: int) -> list[Line]:
    row = picture.row
    parts = [
        (f"✓ {number(row.confirmed)} confirmed", Ink.GOOD),
        (f"   ◔ {counted(row.unconfirmed, 'waits', 'wait')}", Ink.WAIT),
    ]
    if row.to_ask:
        parts.append((f", {number(row.to_ask)}{'+' if row.to_ask >= TO_ASK_MOST else ''} to be asked", Ink.CALM))
    if picture.next_due_ms is not None and picture.next_due_ms > picture.now_ms:
        parts.append((f" · next over in {span(picture.next_due_ms - picture.now_ms)}", Ink.DIM))
    return line(fit("now", LABEL), *parts).cropped(width).folded(width)


def picture(found: ListPicture, width: int) -> list[Line]:
    """One list beside the table: its words, its pipeline, what came last."""
    row = found.row
    changed = [each for each in found.settings if each.value != each.default and each.key not in ("title", "purpose")]
    lines = [
        line((cut(row.title, width), Ink.STRONG)),
        *line((f"“{row.purpose}”" if row.purpose else "no purpose: people agree to no words", Ink.DIM)).folded(width),
        BLANK,
        *pipeline(found, width),
        BLANK,
        rule("Last", width, "entries of the ledger"),
        *answers(found.answers, found.now_ms, width),
    ]
    if changed:
        lines += [BLANK, rule("Settings", width)]
        lines += [line((fit(each.key, 14), Ink.DIM), cut(each.value, width - 14)) for each in changed]
    return lines


def answers(rows: Sequence[AnswerRow], now_ms: int, width: int) -> list[Line]:
    """What came last, each with the person behind it."""
    if not rows:
        return [line(("nobody was asked yet: A asks one, I imports a file", Ink.DIM))]
    return [
        line(
            (fit(clock(each.at_ms, now_ms), 13), Ink.DIM), act(each.act, each.source).run(12), " ",
            (cut(each.address, max(width - 40, 20)), Ink.TEXT), (f"  {each.source}", Ink.DIM),
        ).cropped(width).opens("person", each.address, key=each.entry)
        for each in rows
    ]  # fmt: skip


def total(count: int, noun: str, *, exact: bool = True) -> str:
    """1 person; 12,431 people; at least 200 people"""
    many = "people" if noun == "person" else noun + "s"
    return f"{'' if exact else 'at least '}{counted(count, noun, many)}"


def plain_lists(control: Control, words: Sequence[str], width: int) -> list[Line]:
    found = control.get(Lists, "/v1/lists")
    return table("Lists", "list", LISTS, found.rows, found.now_ms, width)


def plain_list(control: Control, words: Sequence[str], width: int) -> list[Line]:
    found = control.get(ListPicture, f"/v1/lists/{part(words[0])}")
    people = control.get(Standings, f"/v1/lists/{part(words[0])}/members", {"limit": 200})
    return [*picture(found, width), BLANK, *table("Members", "row", MEMBERS, people.rows, people.now_ms, width)]


def plain_people(control: Control, words: Sequence[str], width: int) -> list[Line]:
    asked: dict[str, str | int] = {"limit": 200}
    if words:
        asked["q"] = words[0]
    found = control.get(People, "/v1/people", asked)
    least = "at least " if found.after else ""
    title = (
        f"Contacts like {words[0]}, {least}{short(found.total)}" if words else f"Contacts, {short(found.total)} in all"
    )
    return table(title, "row", PEOPLE, found.rows, found.now_ms, width)


def plain_fields(control: Control, words: Sequence[str], width: int) -> list[Line]:
    found = control.get(Fields, "/v1/fields")
    return table("Fields", "field", FIELDS, found.rows, found.now_ms, width)

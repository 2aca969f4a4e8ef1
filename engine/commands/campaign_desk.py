"""Campaigns as the terminal's schedule has them: the calendar with its forecast, drafts, another time, mails looked at first."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from engine.commands.common import Json, Socket, act, ask, refuse, show, who
from engine.commands.files import text_of
from engine.control.client import part
from engine.control.protocol.calendar import Calendar, CampaignMail, CampaignText, Planned
from engine.control.protocol.wire import pretty

Name = Annotated[str, typer.Argument(help="The campaign's name.")]


def calendar(
    days: Annotated[int, typer.Option(help="So many days from today.", min=1, max=62)] = 14,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """What is planned and under way: campaigns and days of flows, each with when it will have left, as far as that is known."""
    found = ask(socket, lambda control: control.get(Calendar, "/v1/calendar", {"days": days}))
    if as_json:
        print(pretty(found))
        return
    for each in found.rows:
        _print_row(each)
    if not found.rows:
        print("nothing is planned")


def _print_row(row: Planned) -> None:
    at = f"{_time(row.at_ms)}" if row.at_ms else "no time yet"
    whose = ", each reader's clock" if row.zone == "contact" else ""
    people = f"{row.people:,} people" if row.people is not None else ""
    print(f"{at:<22} {row.state:<10} {row.name}  {people}{whose}".rstrip())
    if row.takes and row.kind == "campaign":
        end = f"; ends {_time(row.ends_ms)}" if row.ends_ms else ""
        print(f"{'':<22} {row.takes}{end}")
    if row.overlaps:
        print(f"{'':<22} beside {', '.join(row.overlaps)}")
    for each in row.warns:
        print(f"{'':<22} ! {each}")


def new(
    name: Name,
    of_list: Annotated[str, typer.Option("--list", help="To whom: a list.")] = "",
    segment: Annotated[str, typer.Option("--segment", help="... or a segment; with both, who is in both.")] = "",
    mail: Annotated[str, typer.Option("--mail", help="The mail it sends.")] = "newsletter",
    subject: Annotated[str, typer.Option("--subject", help="Its subject, in the installation's language.")] = "",
    heading: Annotated[str, typer.Option("--heading", help="What stands on top of its content.")] = "",
    text: Annotated[str, typer.Option("--text", help="The first paragraph of its content.")] = "",
    when: Annotated[str, typer.Option("--when", help='Such as "tue 10:00 reader"; a draft without it.')] = "",
    holdout: Annotated[str, typer.Option("--holdout", help="The share of readers who get nothing: 10%.")] = "",
    folder: Annotated[Path, typer.Option("--folder", help="Where the file is written.")] = Path(),
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Write a campaign file with the least that makes sense, NAME.yaml, and keep it as a draft."""
    file = folder / f"{name}.yaml"
    if file.exists():
        refuse(f"{file} is there already", "`posthouse campaign keep` takes it as it is", code=2)
    body = {
        "name": name, "list": of_list, "segment": segment, "mail": mail, "subject": subject, "heading": heading,
        "text": text, "when": when, "holdout": holdout, "by": who(),
    }  # fmt: skip
    done = ask(socket, lambda control: control.post("/v1/campaigns/new", body))
    kept = ask(socket, lambda control: control.get(CampaignText, f"/v1/campaigns/{part(name)}/text"))
    try:
        file.write_text(kept.source, encoding="utf-8")
    except OSError as err:
        refuse(f"{file} can't be written: {err.strerror}", f"it is kept: `posthouse campaign text {name}` prints it")
    show(done, as_json)
    if not as_json:
        print(f"its file is {file}")


def keep(
    file: Annotated[Path, typer.Argument(help="A campaign file.", exists=True, dir_okay=False)],
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Make a file the campaign's text: a draft at first; a run that has not begun takes the new text."""
    act(socket, "campaigns/keep", {"source": text_of(file), "file": file.name, "by": who()}, as_json)


def write(
    name: Name,
    locale: Annotated[str, typer.Option("--locale", help="The language: en, he, zh-Hant ...")] = "",
    subject: Annotated[str, typer.Option("--subject", help="Its subject in this language.")] = "",
    heading: Annotated[str, typer.Option("--heading", help="What stands on top.")] = "",
    text: Annotated[str, typer.Option("--text", help="The first paragraph.")] = "",
    variant: Annotated[str, typer.Option("--variant", help="In this variant, where it has words of its own.")] = "",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Write a campaign's words in one language into its text, as the daemon keeps it. What is not said stays as it is."""
    words = {"subject": subject, "heading": heading, "text": text, "locale": locale, "variant": variant}
    act(socket, "campaigns/write", {"campaign": name, "by": who()} | {k: v for k, v in words.items() if v}, as_json)


def text(name: Name, socket: Socket = None, as_json: Json = False) -> None:
    """Print a campaign's file as it is kept."""
    found = ask(socket, lambda control: control.get(CampaignText, f"/v1/campaigns/{part(name)}/text"))
    print(pretty(found) if as_json else found.source, end="")
    if as_json:
        print()


def drop(name: Name, socket: Socket = None, as_json: Json = False) -> None:
    """Forget a draft."""
    act(socket, "campaigns/drop", {"campaign": name, "by": who()}, as_json)


def unschedule(name: Name, socket: Socket = None, as_json: Json = False) -> None:
    """Take its time from a campaign that has not begun, or that comes again; its text is kept."""
    act(socket, "campaigns/unschedule", {"campaign": name, "by": who()}, as_json)


def move(
    name: Name,
    at: Annotated[str, typer.Argument(help='Such as "thu 9:00", "tomorrow 10:00 reader" or 2026-12-01T10:00.')],
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Give a run that has not begun another time; of a campaign that comes again the next run alone."""
    act(socket, "campaigns/move", {"campaign": name, "at": at, "by": who()}, as_json)


Locale = Annotated[str, typer.Option("--locale", help="In this language: en, he, zh-Hant ...")]
Variant = Annotated[str, typer.Option("--variant", help="This variant; the first without it.")]


def preview(
    name: Name,
    locale: Locale = "",
    variant: Variant = "",
    address: Annotated[str, typer.Option("--address", help="As this person would get it.")] = "",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Print a campaign's mail as a reader gets it: subject, sender and its text part."""
    words = {"locale": locale, "variant": variant, "address": address}
    path = f"/v1/campaigns/{part(name)}/mail"
    found = ask(socket, lambda control: control.get(CampaignMail, path, {k: v for k, v in words.items() if v}))
    if as_json:
        print(pretty(found))
        return
    if found.fault:
        refuse(found.fault)
    if found.missing:
        shown = "; shown is what will stand around it" if found.is_frame else ""
        told = f"{' and '.join(found.missing)} not written in {found.locale}: its readers get {found.instead or 'the mail'}'s"
        print(f"({told}{shown})", file=sys.stderr)
    print(f"From: {found.sender}\nSubject: {found.subject}\n\n{found.text}")


def test(
    name: Name,
    address: Annotated[str, typer.Argument(help="An address of your own.")],
    locale: Locale = "",
    variant: Variant = "",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Send one mail of a campaign to an address of your own. It is counted nowhere, and its links change nothing."""
    body = {"campaign": name, "address": address, "locale": locale, "variant": variant, "by": who()}
    act(socket, "campaigns/test", body, as_json)


def _time(at_ms: int | None) -> str:
    return "-" if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")

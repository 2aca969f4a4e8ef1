"""`posthouse campaign`: one mail to many, checked and planned before, stopped and recalled after. check needs no daemon."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.commands.campaign_desk import calendar, drop, keep, move, new, preview, test, text, unschedule, write
from engine.commands.common import (
    ConfigPath,
    Json,
    Socket,
    act,
    ask,
    make_app,
    own_templates,
    print_more,
    refuse,
    refuse_faulty,
    who,
)
from engine.commands.files import text_of
from engine.control.client import part
from engine.control.protocol.campaigns import Campaigns, CampaignShown, FigureRow, Recipients, RunRow
from engine.control.protocol.wire import pretty

app = make_app("Campaigns: one mail to many, planned before it is sent, recalled when it should not have been.")

app.command()(calendar)
app.command()(new)
app.command()(keep)
app.command()(write)
app.command()(text)
app.command()(drop)
app.command()(unschedule)
app.command()(move)
app.command()(preview)
app.command()(test)

PLAN_PATIENCE = 900.0  # seconds: a million people are asked about

Name = Annotated[str, typer.Argument(help="The campaign's name.")]
File = Annotated[Path, typer.Argument(help="A campaign file.", exists=True, dir_okay=False)]
RunNumber = Annotated[int, typer.Option("--run", help="Which run; the newest without it.", min=0)]
Why = Annotated[str, typer.Option("--why", help="Kept with the run.")]
Again = Annotated[bool, typer.Option("--again", help="Although it had a run already: everybody gets it once more.")]

Override = Annotated[
    str,
    typer.Option(
        "--override", help="Why it is sent although it breaks the rules of bulk senders; logged, with your name."
    ),
]

ForAll = Annotated[
    bool, typer.Option("--for-all", help="Of a campaign that comes again: the override holds for every run of it.")
]

Limit = Annotated[int, typer.Option(help="List so many recipients.", min=1, max=1000)]
After = Annotated[int, typer.Option(help="Go on behind this contact's number.", min=0)]


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Campaign files.", exists=True, dir_okay=False)],
    config_path: ConfigPath = None,
) -> None:
    """Read campaign files and the mails they send; list everything that is wrong, with place and remedy.

    Exit code 2 when anything is. Lists and segments are looked for by `plan`, `start` and `schedule`.
    """
    from engine.campaigns.model import Campaign
    from engine.campaigns.reading import check as check_text
    from engine.sending.checking import check_mails, mail_names

    resources = own_templates(config_path)
    names = set(mail_names(resources))
    faults: list[object] = []
    for file in files:
        found = check_text(text_of(file), str(file), names)
        if isinstance(found, Campaign):
            faults += check_mails(resources, sorted(found.templates))
            print(f"{file}: all right, campaign {found.name} version {found.short_version}")
        else:
            faults += found
    if faults:
        refuse_faulty(faults)


At = Annotated[
    str, typer.Option("--at", help='When, instead of what the file says: "tue 10:00 reader", or 2026-12-01T10:00.')
]


@app.command()
def plan(file: File, at: At = "", socket: Socket = None, as_json: Json = False) -> None:
    """Who would get it and who would not, when, in which words, how long it takes, and what speaks against it. Changes
    nothing."""
    body = _source(file) | ({"at": at} if at else {})
    done = ask(socket, lambda control: control.post("/v1/campaigns/plan", body, patience=PLAN_PATIENCE))
    print(pretty(done) if as_json else done.text)


@app.command()
def start(
    file: File, again: Again = False, override: Override = "", socket: Socket = None, as_json: Json = False
) -> None:  # fmt: skip
    """Begin a campaign now. Refused where it breaks what Gmail, Yahoo or Microsoft ask of bulk senders (`posthouse
    doctor`), unless --override says why."""
    act(socket, "campaigns/start", _source(file) | {"again": again, "by": who(), "override": override}, as_json)


@app.command()
def schedule(
    file: File, at: At = "", again: Again = False, override: Override = "", for_all: ForAll = False, socket: Socket = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Plan a campaign for the time that its file says: once, in each reader's own zone, or again and again. Refused as
    `start` is."""
    body = _source(file) | {"again": again, "by": who(), "override": override, "for_all": for_all}
    body |= {"at": at} if at else {}
    act(socket, "campaigns/schedule", body, as_json)


@app.command("list")
def list_campaigns(socket: Socket = None, as_json: Json = False) -> None:
    """All campaigns, with where their newest run stands."""
    found = ask(socket, lambda control: control.get(Campaigns, "/v1/campaigns"))
    if as_json:
        return _print(found)
    for each in found.rows:
        run = each.newest[0] if each.newest else None
        state = run.state if run else "planned"
        when = f"next {_time(each.next_ms)}" if each.next_ms else _time(run.began_ms or run.due_ms) if run else ""
        done = _sum(run.figures, "delivered") if run else 0
        print(f"{each.name:<24} {state:<10} {done:>10,} delivered  {when}  {each.title}")
    return None


@app.command()
def show(
    name: Name,
    recipients: Annotated[
        str, typer.Option("--recipients", help="List who stands there: delivered, excluded, waiting ... or all.")
    ] = "",
    address: Annotated[str, typer.Option("--address", help="Where this person stands, and why.")] = "",
    run: RunNumber = 0,
    limit: Limit = 100,
    after: After = 0,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Where a campaign's runs stand, with figures; or who of the newest (or --run) stands where."""
    if recipients or address:
        words: dict[str, str | int] = {"limit": limit, "after": after, "run": run, "address": address}
        return _show_recipients(name, words | ({"state": recipients} if recipients != "all" else {}), socket, as_json)
    found = ask(socket, lambda control: control.get(CampaignShown, _path(name)))
    if as_json:
        return _print(found)
    print(f"{found.name}  {found.title}\n\ngoal        {found.goal}")
    if found.next_ms:
        print(f"next        {_time(found.next_ms)}")
    for at, each in enumerate(found.runs):
        _show_run(each, is_newest=at == 0)
    return None


def _show_run(run: RunRow, *, is_newest: bool) -> None:
    print(f"\nrun {run.id}      {run.state}" + (f": {run.why}" if run.why else "") + f"  ({run.occasion}, by {run.by})")
    print(f"  due       {_time(run.due_ms)}\n  began     {_time(run.began_ms)}\n  ended     {_time(run.ended_ms)}")
    if run.verdict:
        print(f"  test      {run.verdict}")
    elif run.judge_ms is not None:
        print(f"  test      is judged {_time(run.judge_ms)}")
    if not is_newest:
        return
    if run.next_ms is not None:
        print(f"  next mail {_time(run.next_ms)}")
    if not run.is_resolved:
        print("  audience  is being found")
    for each in sorted(run.figures, key=lambda row: (row.variant, row.what, row.reason)):
        variant = {"": "", "?": "  for the winner"}.get(each.variant, f"  variant {each.variant}")
        print(f"  {each.what:<10}{each.people:>10,}{variant}" + (f"  {each.reason}" if each.reason else ""))


def _show_recipients(name: str, words: dict[str, str | int], socket: Path | None, as_json: bool) -> None:
    found = _recipients(name, words, socket)
    if as_json:
        return _print(found)
    for each in found.rows:
        variant = f"  variant {each.variant}" if each.variant else ""
        print(f"{each.address:<40} {each.state:<10} {_time(each.at_ms)}{variant}" + f"  {each.reason}".rstrip())
    print_more(found.after)
    return None


def _recipients(name: str, words: dict[str, str | int], socket: Path | None) -> Recipients:
    """As many as the words ask for. The daemon looks at a part of the audience at a time, so it is asked until there are so
    many; `after` is 0 unless there is one more."""
    found = _part(name, words, socket)
    limit = int(words["limit"])
    while found.after and len(found.rows) < limit:
        part = _part(name, words | {"after": found.after, "limit": limit - len(found.rows)}, socket)
        found = replace(part, rows=found.rows + part.rows)
    next_one = found
    while next_one.after:
        next_one = _part(name, words | {"after": next_one.after, "limit": 1}, socket)
        if next_one.rows:
            return found
    return replace(found, after=0)


def _part(name: str, words: dict[str, str | int], socket: Path | None) -> Recipients:
    return ask(socket, lambda control: control.get(Recipients, _path(name, "recipients"), words))


@app.command()
def pause(name: Name, run: RunNumber = 0, why: Why = "", socket: Socket = None, as_json: Json = False) -> None:
    """Write no more mails, and hold those that are queued."""
    act(socket, "campaigns/pause", _run(name, run, why), as_json)


@app.command()
def resume(
    name: Name, run: RunNumber = 0, override: Override = "", socket: Socket = None, as_json: Json = False
) -> None:  # fmt: skip
    """Let a paused campaign go on where it was. One that has not begun yet is refused as by `start`."""
    act(socket, "campaigns/resume", _run(name, run) | {"override": override}, as_json)


@app.command()
def stop(
    name: Annotated[str, typer.Argument(help="The campaign's name; or --all.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Every campaign there is, those that come again too.")] = False,
    run: RunNumber = 0,
    why: Why = "",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Stop at once: nothing more is written, nothing more of what is queued leaves. `retry` goes on with the rest."""
    if bool(name) == every:
        refuse("name a campaign, or say --all", code=2)
    body = {"all": True, "by": who(), "why": why} if every else _run(name, run, why)
    act(socket, "campaigns/stop", body, as_json)


@app.command()
def recall(
    name: Name, run: RunNumber = 0, why: Why = "", limit: Limit = 20, after: After = 0, socket: Socket = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Take back what has not left, and say how many have it, and who the first of them are."""
    done = act(socket, "campaigns/recall", _run(name, run, why), as_json)
    if not as_json and done.facts.get("have_it"):
        words: dict[str, str | int] = {"state": "delivered", "run": int(done.facts["run"])}
        _show_recipients(name, words | {"limit": limit, "after": after}, socket, as_json)


@app.command()
def retry(
    name: Name,
    what: Annotated[
        str, typer.Option("--what", help="rest: what was stopped, recalled or could not be written; failed; bounced.")
    ] = "rest",
    run: RunNumber = 0,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Go on with exactly the rest: nobody who has it gets it again."""
    act(socket, "campaigns/retry", _run(name, run) | {"what": what}, as_json)


@app.command()
def resend(
    name: Name,
    subject: Annotated[str, typer.Option("--subject", help="Instead of the campaign's own.")] = "",
    run: RunNumber = 0,
    override: Override = "",
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Write once more to those who got it and did not open or click: people are counted, machines are not. Refused as by
    `start`."""
    act(socket, "campaigns/resend", _run(name, run) | {"subject": subject, "override": override}, as_json)


def _run(name: str, run: int, why: str = "") -> dict[str, Any]:
    return {"campaign": name, "by": who()} | ({"run": run} if run else {}) | ({"why": why} if why else {})


def _source(file: Path) -> dict[str, Any]:
    return {"source": text_of(file), "file": file.name}


def _sum(rows: tuple[FigureRow, ...], what: str) -> int:
    return sum(each.people for each in rows if each.what == what)


def _path(name: str, what: str = "") -> str:
    return f"/v1/campaigns/{part(name)}" + (f"/{what}" if what else "")


def _time(at_ms: int | None) -> str:
    return "-" if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _print(found: Any) -> None:
    print(pretty(found))

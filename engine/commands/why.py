"""`posthouse why`: why a message was written; what it, or mail to a site or a domain, waits for now, and who set that."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from engine.commands.common import Json, Socket, address, ask, make_app
from engine.commands.journal import print_rows
from engine.control.client import part
from engine.control.protocol.journal import Happenings
from engine.control.protocol.queue import Messages
from engine.control.protocol.reasons import OriginRow
from engine.control.protocol.shaping import Wait, Why, WhyMessage
from engine.control.protocol.wire import pretty

_LAST: Final = 5  # happenings of somebody

app = make_app("What mail waits for, and when that ends.")


@app.command()
def why(
    name: Annotated[
        str,
        typer.Argument(
            help="A message's number, a site as `posthouse queue` names it, a domain; or somebody's address."
        ),
    ],
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Of a message first why it was written: the event, the flow's version, each condition's value, consent, the arbiter.
    Then all that holds it back, the longest first: that one binds. Who set it, when it ends, what would hold without
    it; and how it will leave: from which source, over which TLS. Of somebody: what happened to them last, and how to ask on."""
    if "@" in name:
        return _of_person(str(address(name)), socket, as_json)
    is_number = name.isascii() and name.isdigit()
    found: Why | WhyMessage
    if is_number:
        found = ask(socket, lambda control: control.get(WhyMessage, f"/v1/messages/{name}/why"))
    else:
        found = ask(socket, lambda control: control.get(Why, f"/v1/why/{part(name)}"))
    if as_json:
        print(pretty(found))
    elif isinstance(found, Why):
        later = f", {found.later} later" if found.later else ""
        print(
            f"{found.name}: {found.waiting} due{later}" + (f", site {found.site}" if found.site != found.name else "")
        )
        if found.waiting and found.later_ms is not None:
            reply = f", after: {found.later_reply}" if found.later_reply else ""
            print(f"later   the first of those in {_seconds(found.later_ms - found.now_ms)}{reply}")
        _print_waits(found.waits, found.what_if, found.now_ms)
        _print_how(found.how)
    else:
        _print_origin(found.origin)
        for row in found.deliveries:
            print(f"delivery {row.delivery_id} to {row.forward_path}: {row.state}, site {row.site}")
            if row.state in ("queued", "held"):
                _print_waits(row.waits, row.what_if, found.now_ms)
                expires = _seconds(row.expires_ms - found.now_ms)
                print(f"expires in {expires}" + (": before it can leave" if row.expires_first else ""))
                _print_how(row.how)
            elif row.carried_by:
                taken = found.now_ms - (row.claimed_ms or row.due_ms)
                print(
                    f"carried by {row.carried_by}, for {_seconds(taken)}; it was due {_seconds(found.now_ms - row.due_ms)} ago"
                )
    return None


def _of_person(whom: str, socket: Path | None, as_json: bool) -> None:
    """What happened to somebody last, what waits for them, and what answers why they did not get a mail."""
    asked: dict[str, str | int] = {"person": whom, "limit": _LAST}
    found = ask(socket, lambda control: control.get(Happenings, "/v1/journal", asked))
    waits = ask(socket, lambda control: control.get(Messages, "/v1/messages", {"q": whom, "limit": _LAST}))
    if as_json:
        print(pretty({"happened": found.rows, "waits": waits.rows}))
        return
    print_rows(found)
    for row in waits.rows:
        print(f"waits: delivery {row.delivery_id}, {row.subject!r}, {row.state}: posthouse why {row.message_id}")
    if not found.rows and not waits.rows:
        print(f"nothing is known of {whom}; by a name, or a part of the address: posthouse contact list TEXT")
        return
    print(f"all of it: posthouse journal --person {whom}")
    print(f"what they did not get: posthouse why-not {whom} FLOW, or CAMPAIGN")
    print(f"who they are, what they are suppressed for: posthouse contact show {whom}")


def _print_origin(origin: OriginRow) -> None:
    """Why it was written."""
    by = f" {origin.by}" if origin.by else ""
    version = f", version {origin.version[:12]}, step {origin.step}" if origin.version else ""
    print(f"written {_time(origin.at_ms)} by {origin.kind}{by}{version}: {origin.stream}")
    if origin.event:
        key = f" {origin.event_key}" if origin.event_key else ""
        print(f"event   {origin.event}{key} ({origin.event_source}), {_time(origin.event_ms or 0)}")
    for row in origin.passed:
        print(f"passed  {_time(row.at_ms)} {row.kind} {row.step}: {row.result}")
        for text, value in row.values.items():
            print(f"        {text} = {'missing' if value is None else json.dumps(value, ensure_ascii=False)}")
    if origin.consent:
        entry = f", entry {origin.consent_entry}: `posthouse consent show`" if origin.consent_entry else ""
        print(f"consent {origin.consent}{entry}")
    if origin.arbiter:
        print(f"arbiter {origin.arbiter}")


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _print_waits(waits: tuple[Wait, ...], what_if: str, now_ms: int) -> None:
    if not waits:
        print("nothing holds it back")
        return
    for place, each in enumerate(waits):
        word = "held by" if place == 0 else "also by"
        print(f"{word} {each.limit}: {each.text}\nset by  {each.origin}")
        if each.frees_ms is not None:
            print(f"frees   in {_seconds(each.frees_ms - now_ms)}")
    print(f"what if {what_if}")


def _print_how(how: tuple[str, ...]) -> None:
    for each in how:
        print(f"leaves  {each}" if each.startswith("from ") else each)


def _seconds(ms: int) -> str:
    seconds = max(0, ms) // 1000
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"

"""Imports over the control socket: a file that comes in parts or lies on the daemon's machine, its dry run, the import
itself with its progress, and what is over.
"""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from engine.audience import trials
from engine.audience.ledger import SALT_OCTETS
from engine.audience.trials import Batch
from engine.control import said
from engine.control.protocol.acts import Done
from engine.control.protocol.imports import ColumnRow, FaultRow, ImportPicture, ImportRow, Imports
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.counts import counted
from engine.exchange.desk import DeskError
from engine.exchange.errands import Errand, Fault, State
from engine.exchange.importing import finish
from engine.house import House
from mta.ports import to_ms

PART_MOST: Final = 512 * 1024  # octets of a part
_OPTIONS: Final = (
    "source", "wording", "lists", "tags", "columns", "list_names", "locale", "zone", "dates", "kind", "encoding",
    "separator", "overwrite", "asks", "again",
)  # fmt: skip


# -- questions


async def every(house: House, office: Office) -> Imports:
    """What is at the desk, then what was imported."""
    found = await house.store.read(trials.batches)
    at_desk = sorted(office.imports.errands.values(), key=lambda each: -each.started_ms)
    theirs = {each.batch for each in at_desk if each.batch}
    rows = [_row(each, found) for each in at_desk] + [_batch(each) for each in found if each.id not in theirs]
    return Imports(to_ms(house.clock.now()), tuple(rows))


async def one(house: House, office: Office, name: str) -> ImportPicture:
    """One, by its number at the desk or its batch's."""
    now_ms = to_ms(house.clock.now())
    errand = office.imports.errands.get(name)
    if errand is None:
        return ImportPicture(now_ms, _batch(await _found(house, name)))
    found = await house.store.read(lambda tx: trials.batch(tx, errand.batch)) if errand.batch else None
    tried = errand.tried
    return ImportPicture(
        now_ms, _row(errand, [found] if found else []), tried.encoding, tuple(ColumnRow(*each) for each in tried.columns),
        tuple(FaultRow(reason, rows, first, table) for reason, rows, table, first in tried.reasons),
        tuple(map(_fault, errand.faults or tried.faults)), tuple(tried.people),
        tuple((key, _said(errand.options[key])) for key in _OPTIONS if errand.options.get(key)),
        errand.state in (State.STOPPED, State.FAILED) and bool(errand.batch),
    )  # fmt: skip


async def _found(house: House, name: str) -> Batch:
    number = int(name) if name.isdecimal() and len(name) < 12 else 0
    found = await house.store.read(lambda tx: trials.batch(tx, number))
    if found is None:
        raise Refusal(f"there is no import {name[:20]}", "`posthouse import list` lists them", 404)
    return found


# -- commands


async def come(house: House, office: Office, body: dict[str, Any]) -> Done:
    """A file is to be imported: one that lies on the daemon's machine (`path`), or one that comes in parts."""
    by = said.by(body)
    try:
        if path := said.text(body, "path", ""):
            errand = await office.imports.at(path, by)
        else:
            errand = office.imports.come(said.text(body, "name"), body.get("size", 0), by)
    except DeskError as err:
        raise Refusal(str(err), "nothing was changed", 409) from None
    return Done(f"import {errand.id}: {errand.name}, {errand.size:,} octets", _facts(errand) | {"part": PART_MOST})


async def part(house: House, office: Office, body: dict[str, Any]) -> Done:
    """The next octets of its file."""
    try:
        octets = base64.b64decode(said.text(body, "octets"), validate=True)
    except (ValueError, binascii.Error):
        raise Refusal("octets is no base64") from None
    if len(octets) > PART_MOST:
        raise Refusal(f"a part has at most {PART_MOST:,} octets")
    errand = _asked(lambda: office.imports.part(said.text(body, "id"), body.get("offset", 0), octets))
    return Done(f"{errand.come:,} of {errand.size:,} octets are here", _facts(errand))


async def try_out(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Begin a dry run."""
    errand = _asked(lambda: office.imports.try_out(said.text(body, "id"), _options(body)))
    return Done(f"import {errand.id} is being tried: nothing is written", _facts(errand))


async def start(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Begin the import; without options one that was stopped goes on."""
    options = _options(body) or None
    if body.get("dry_run"):
        return _would(_asked(lambda: office.imports.errand(said.text(body, "id"))))
    try:
        errand = await office.imports.start(said.text(body, "id"), options)
    except DeskError as err:
        raise Refusal(str(err), "nothing was imported", 409) from None
    return Done(f"import {errand.id} runs", _facts(errand))


async def cancel(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Stop it between two commits; what was taken stays, and it can go on."""
    errand = _asked(lambda: office.imports.cancel(said.text(body, "id")))
    return Done(f"import {errand.id} stops; `posthouse import start {errand.id}` lets it go on", _facts(errand))


async def drop(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Take its file away."""
    errand = _asked(lambda: office.imports.drop(said.text(body, "id")))
    return Done(f"the file of import {errand.id} is gone; what was imported stays", {"id": errand.id})


async def release(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Let marketing go to the people of an import again."""
    number, by, why, now = body.get("batch", 0), said.by(body), said.reason(body), house.clock.now()
    if not await house.store.write(lambda tx: trials.release(tx, number, by=by, why=why, now=now)):
        raise Refusal(
            f"there is no import {number} that could be released", "`posthouse import list` shows how each stands", 409
        )
    return Done(f"import {number} is released", {"batch": number})


async def end(house: House, office: Office, body: dict[str, Any]) -> Done:
    """End an import that was interrupted as it is, with the rows that it has taken."""
    number, salt, now = body.get("batch", 0), house.chance.octets(SALT_OCTETS), house.clock.now()
    if any(each.batch == number and each.is_busy for each in office.imports.errands.values()):
        raise Refusal(f"import {number} runs", "cancel it first", 409)

    seq = await asyncio.to_thread(finish, house.store, number, salt, now)
    if seq is None:
        raise Refusal(f"import {number} is not interrupted", "`posthouse import list` shows how each stands", 409)
    for each in office.imports.errands.values():
        if each.batch == number:
            each.state, each.entry, each.why = State.DONE, seq or None, "ended as it was"
            each.keep()
    words = (
        f"import {number} is entry {seq} of the consent ledger"
        if seq
        else f"import {number} had taken nobody: it is gone"
    )
    return Done(words, {"batch": number, "entry": seq})


# -- how


def _would(errand: Errand) -> Done:
    """What the dry run found, for whoever is about to begin."""
    tried, lists = errand.tried, ", ".join(errand.options.get("lists", ())) or "no list"
    if errand.state is State.STOPPED:
        return Done(
            f"{counted(errand.taken, 'row was', 'rows were')} taken; the rest of {errand.name} would be", _facts(errand)
        )
    if not tried.rows:
        return Done(f"{errand.name} was not tried: nobody knows what would be taken", _facts(errand))
    how = "each is asked by mail" if errand.options.get("asks") else "they are believed, with what is declared"
    stopped = counted(tried.stopped, "is suppressed and stays", "are suppressed and stay")
    words = (
        f"{tried.good:,} of {counted(tried.rows, 'row')} would be taken onto {lists}: {how}; {tried.rows - tried.good:,} can't"
        f" be, {counted(tried.known, 'is', 'are')} known, {stopped} so"
    )
    return Done(words, _facts(errand))


def _asked(do: Callable[[], Errand]) -> Errand:
    try:
        return do()
    except DeskError as err:
        raise Refusal(str(err), "nothing was changed", 409) from None


def _options(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in _OPTIONS if name in body}


def _facts(errand: Errand) -> dict[str, Any]:
    return {"id": errand.id, "state": str(errand.state), "come": errand.come, "size": errand.size}


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={each}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "yes" if value is True else str(value)


def _fault(each: Fault) -> FaultRow:
    return FaultRow(each.reason, 1, each.number, each.table, each.cells)


def _row(errand: Errand, batches: list[Batch]) -> ImportRow:
    found = next((each for each in batches if each.id == errand.batch), None)
    tried = errand.tried
    is_dry = errand.state in (State.COMING, State.READY, State.TRYING, State.TRIED)
    return ImportRow(
        errand.id, str(errand.state), errand.name, errand.batch, errand.by, tried.kind, errand.size, errand.come,
        tried.rows, errand.done, tried.good if is_dry else errand.taken, errand.made, tried.known,
        tried.rows - tried.good if is_dry else errand.refused, tried.stopped if is_dry else errand.stopped,
        errand.started_ms, errand.entry, errand.why or (found.why if found else ""), found.sendings if found else 0,
        found.bounces if found else 0, tuple(errand.options.get("lists", ())), bool(errand.options.get("asks")),
    )  # fmt: skip


def _batch(found: Batch) -> ImportRow:
    return ImportRow(
        str(found.id), str(found.state), found.file, found.id, found.operator, found.kind, rows=found.rows,
        done=found.rows, taken=found.taken, made=found.made, refused=found.refused, stopped=found.stopped,
        started_ms=to_ms(found.started), entry=found.seq, why=found.why, sendings=found.sendings, bounces=found.bounces,
    )  # fmt: skip


ACTS: Final[Mapping[str, Callable[[House, Office, dict[str, Any]], Awaitable[Done]]]] = {
    "imports": come,
    "imports/part": part,
    "imports/try": try_out,
    "imports/start": start,
    "imports/cancel": cancel,
    "imports/drop": drop,
    "imports/release": release,
    "imports/finish": end,
}

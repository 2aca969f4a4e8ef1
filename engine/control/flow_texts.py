"""The flow texts that requests bring: read, judged, and where they send people under way."""

import asyncio
from dataclasses import fields
from typing import Any, Final

from engine.control.protocol.flows import FlowFault, Names
from engine.control.refusal import Refusal
from engine.flow.definition import Definition, Fault, check, recall
from engine.flow.feeding import round_through
from engine.flow.known import Known
from engine.flow.spelling import near
from engine.flow.versions import Route
from engine.house import House
from engine.running.book import FlowBook
from engine.running.naming import names_there
from engine.sending.checking import check_mails
from mta.ports import Tx, to_ms

THERE_ARE: Final = "`posthouse flow list` lists them"


def word(body: dict[str, Any], key: str, default: str | None = None) -> str:
    """A text of a request. Refusal."""
    value = body.get(key, default)
    if not isinstance(value, str):
        raise Refusal(f"{key} is missing, or no text")
    return value


async def names(house: House) -> Names:
    """The names that a flow file may speak of."""
    found = await _names_there(house)
    return Names(to_ms(house.clock.now()), **{each.name: tuple(getattr(found, each.name)) for each in fields(found)})


async def _names_there(house: House) -> Known:
    staff, permits = house.config.mail.staff, house.config.hooks.permit
    return await house.store.read(lambda tx: names_there(tx, house.template_names(), staff, permits))


async def faults_in(house: House, source: str, file: str) -> tuple[Definition | None, tuple[FlowFault, ...]]:
    """What a text says, and all that is wrong with it, with its place: in itself, with what is there, with its mails."""
    known = await _names_there(house)
    found = await asyncio.to_thread(check, source, file, known)
    if not isinstance(found, Definition):
        return None, tuple(map(_fault, found))
    faults = [FlowFault(1, 1, "steps", words, "") for words in await _rounds(house, found)]
    faults += [_fault_of_mail(source, str(each)) for each in check_mails(house.resources, sorted(found.templates))]
    return found, tuple(faults)


def _fault(fault: Fault) -> FlowFault:
    return FlowFault(fault.line, fault.column, fault.key, fault.message, fault.remedy)


def _fault_of_mail(source: str, words: str) -> FlowFault:
    """At the first line that sends this mail, as far as that can be seen."""
    name = words.removeprefix("mail/").split(".", 1)[0].split("/")[-1]
    lines = (at for at, line in enumerate(source.splitlines(), 1) if name and line.rstrip().endswith(f"send: {name}"))
    return FlowFault(next(lines, 1), 1, "send", words, "mend the mail that the flow sends")


async def checked(house: House, body: dict[str, Any]) -> Definition:
    """The flow of a request. Refusal with all that is wrong with it."""
    source, file = word(body, "source"), word(body, "file", "flow.yaml")
    definition = await asyncio.to_thread(check, source, file, await _names_there(house))
    if not isinstance(definition, Definition):
        raise Refusal("\n".join(map(str, definition)), "nothing was changed", 422)
    for words in await _rounds(house, definition):
        raise Refusal(words, "nothing was changed: put a wait such as wait: 1d into one of them", 422)
    faults = check_mails(house.resources, sorted(definition.templates))
    if faults:
        raise Refusal("\n".join(map(str, faults)), "nothing was changed: mend the mails that the flow sends", 422)
    return definition


async def _rounds(house: House, definition: Definition) -> list[str]:
    """With the flows that are there, this one must not go round for ever."""
    there, segments = await house.store.read(
        lambda tx: (FlowBook().all(tx), dict(tx.query("SELECT name, expression FROM segment WHERE removed = 0")))
    )
    others = [each.definition for each in there if each.definition.name != definition.name]
    way = await asyncio.to_thread(round_through, definition, others, segments)  # up to some tenths of a second
    return [f"flows that feed each other for ever, with no wait on the way: {' -> '.join(way)}"] if way else []


async def route(house: House, body: dict[str, Any], definition: Definition) -> Route:
    """Where the request sends people; steps that are nowhere are refused."""
    mapping = body.get("map", {})
    known = await house.store.read(lambda tx: _steps_known(tx, definition.name)) if mapping else set()
    for old, new in mapping.items():
        if not isinstance(new, str):
            raise Refusal("map is a JSON object of texts: old step to new step")
        if new not in definition.program:
            raise Refusal(
                f"map: the file has no step {new[:64]!r}{near(new, definition.program)}", "nothing was changed"
            )
        if old not in known:
            raise Refusal(
                f"map: no version of the flow has a step {old[:64]!r}{near(old, known)}", "nothing was changed"
            )
    return Route(definition, mapping, bool(body.get("leave")))


def _steps_known(tx: Tx, name: str) -> set[str]:
    sources = tx.query("SELECT v.source FROM flow_version v JOIN flow f ON f.id = v.flow_id WHERE f.name = ?", (name,))
    found = (recall(source, f"{name}.yaml") for (source,) in sources)
    return {step for each in found if isinstance(each, Definition) for step in each.program}


def flow_named(tx: Tx, name: str) -> tuple[int, str]:
    """(id, state) of a flow. Refusal."""
    row = tx.one("SELECT id, state FROM flow WHERE name = ?", (name,))
    if row is None:
        raise Refusal(f"there is no flow {name[:70]}", THERE_ARE, 404)
    return row[0], row[1]


def active_version(tx: Tx, book: FlowBook, name: str) -> tuple[int, str, Definition | None]:
    """(flow's id, state, active version): (0, "", None) of a flow that is not there."""
    row = tx.one("SELECT id, state, version_id FROM flow WHERE name = ?", (name,))
    if row is None:
        return 0, "", None
    return row[0], row[1], book.definition(tx, row[2]) if row[2] is not None else None

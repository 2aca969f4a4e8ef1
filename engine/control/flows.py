"""What an operator does to flows, and asks of their versions, over the control socket.

People under way are moved by batches: this module does them for some seconds, the front office's janitor does the rest.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from deliverability.address import Address, AddressError
from engine.audience.contacts import find_contact
from engine.control.protocol.acts import Done
from engine.control.protocol.flows import FlowChangeRow, FlowHistory, FlowText, Names
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.flow.definition import Definition, check, recall
from engine.flow.differences import Difference, difference
from engine.flow.entering import Entered, Entry, NotEntered, Renewed
from engine.flow.events import EventError, read_data
from engine.flow.feeding import round_through
from engine.flow.known import Known
from engine.flow.spelling import near
from engine.flow.versions import Destination, Fate, Route
from engine.house import House
from engine.running import history, moving
from engine.running.beginning import Hand
from engine.running.book import Applied, FlowBook, apply_flow, set_flow_state
from engine.running.naming import names_there
from engine.sending.checking import check_mails
from mta.ports import Tx, to_ms

SECONDS: Final = 5.0  # that one request moves people at most
CHUNK: Final = 500  # runs looked at in one snapshot
STATES: Final = ("active", "paused", "archived")
_THERE_ARE: Final = "`posthouse flow list` lists them"


async def plan(house: House, office: Office, body: dict[str, Any]) -> Done:
    """What a flow file changes, and where everybody under way would go. Changes nothing."""
    definition = await _checked(house, body)
    route, book = await _route(house, body, definition), FlowBook()
    flow_id, state, active = await house.store.read(lambda tx: _active(tx, book, definition.name))
    count = _Count(definition.version)
    after = (0, "")
    while runs := await house.store.read(partial(_look, flow_id, after, route, book, count)):
        after = (runs[-1].contact_id, runs[-1].run_key)
        if len(runs) < CHUNK:
            break
    changed = difference(active, definition)
    facts = {
        "flow": definition.name, "state": state, "active": active.version if active else "",
        "version": definition.version, "changed": list(changed.head), "steps": [str(each) for each in changed.steps],
        "under_way": count.all, "there_already": count.there, "places": count.rows(),
    }  # fmt: skip
    return Done("\n".join(_words(definition, active, changed, count)), facts)


async def apply(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Make a flow file's text the active version of its flow; with `move`, move whoever is under way to it."""
    definition, by, move = await _checked(house, body), _text(body, "by", ""), bool(body.get("move"))
    if not move and (body.get("map") or body.get("leave")):
        raise Refusal("map and leave say where people under way go", "say move (--move) too, or leave them out")
    route = await _route(house, body, definition)
    now, source = house.clock.now(), _text(body, "source")
    detail = {"move": True, "map": dict(route.mapping), "leave": route.leaves} if move else {}

    def work(tx: Tx) -> tuple[Applied, int]:
        applied = apply_flow(tx, definition, source, now, operator=by, detail=detail)
        errand = moving.begin(
            tx, applied.flow_id, applied.version_id, by, now, mapping=route.mapping, leaves=route.leaves
        ) if move else 0  # fmt: skip
        return applied, errand

    applied, errand = await house.store.write(work)
    office.tell(wake=[])
    words = f"flow {definition.name} version {definition.short_version} is {'new and ' * applied.is_new}active"
    facts: dict[str, Any] = {"version": definition.version}
    if move:
        told, figures = await _errand(house, office, errand)
        return Done(f"{words}; {told}", facts | figures)
    return Done(words, facts)


async def set_state(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Pause a flow (people enter and wait at its first step), let it go on, or archive it (nobody enters; with `end`
    whoever is inside leaves, else they go on to the end)."""
    name, state, by, end = _text(body, "flow"), _text(body, "state"), _text(body, "by", ""), bool(body.get("end"))
    if state not in STATES:
        raise Refusal(f"{state[:20]} is no state of a flow", f"there are: {', '.join(STATES)}")
    if end and state != "archived":
        raise Refusal("end is for archiving", "leave it out")
    now = house.clock.now()

    def work(tx: Tx) -> int | None:
        flow_id = set_flow_state(tx, name, state, now, by)
        if flow_id is None:
            raise Refusal(f"there is no flow {name[:70]}", _THERE_ARE, 404)
        return moving.begin(tx, flow_id, None, by, now) if end else None

    errand = await house.store.write(work)
    office.tell(wake=[])
    if errand is not None:
        told, figures = await _errand(house, office, errand)
        return Done(f"flow {name} is {state}; {told}", figures)
    return Done(f"flow {name} is {state}")


async def start(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Let somebody who is known into a flow, with data of their own."""
    name, text = _text(body, "flow"), _text(body, "address")
    data = body.get("data") or {}
    try:
        address, told = Address.parse(text), read_data(data)
    except (AddressError, EventError) as err:
        raise Refusal(str(err), "nothing was done") from None
    hand, now = Hand(FlowBook(), ZoneInfo(house.config.mail.zone)), house.clock.now()
    by = _text(body, "by", "") or "an operator"

    def work(tx: Tx) -> tuple[Entry, int]:
        contact_id = find_contact(tx, address)
        if contact_id is None:
            raise Refusal(f"there is no contact {address}", f"`posthouse contact add {address}` makes one", 404)
        try:
            return hand.start(tx, name, contact_id, told, now, by=by)
        except LookupError as err:
            raise Refusal(str(err), _THERE_ARE, 404) from None

    entry, enrolment_id = await house.store.write(work)
    office.tell(wake=[])
    facts = {"flow": name, "address": str(address), "run": enrolment_id}
    match entry:
        case NotEntered(reason=reason):
            raise Refusal(f"{address} does not enter {name}: {reason}", "`posthouse why-not` says more", 409)
        case Renewed():
            return Done(f"{address} is in {name} already: run {enrolment_id} has newer data", facts)
        case Entered(is_held_out=True):
            return Done(f"{address} is held out of {name}: run {enrolment_id} is over", facts)
    return Done(f"{address} entered {name}: run {enrolment_id}", facts)


async def changes(house: House, name: str) -> FlowHistory:
    """What was done to a flow, the newest first."""

    def look(tx: Tx) -> FlowHistory:
        flow_id, state = _flow(tx, name)
        rows = tuple(
            FlowChangeRow(to_ms(each.at), each.what, each.operator, each.version, each.detail)
            for each in history.changes(tx, flow_id)
        )
        return FlowHistory(to_ms(house.clock.now()), name, state, rows)

    return await house.store.read(look)


async def text(house: House, name: str, version: str) -> FlowText:
    """The text of a flow's version: of the active one, or of the one whose hash begins so."""

    def look(tx: Tx) -> FlowText:
        flow_id, _ = _flow(tx, name)
        which, word = ("f.version_id = v.id", flow_id) if not version else ("substr(v.hash, 1, ?) = ?", version)
        told = (len(version), version) if version else ()
        rows = tx.query(
            "SELECT v.id, v.hash, v.source, f.version_id FROM flow_version v JOIN flow f ON f.id = v.flow_id"
            f" WHERE f.id = ? AND {which} ORDER BY v.id LIMIT 2",
            (flow_id, *told),
        )
        if len(rows) != 1:
            what = "has no version" if not rows else "has more than one version that begins with"
            raise Refusal(f"the flow {name} {what} {word}", f"`posthouse flow history {name}` lists them", 404)
        version_id, digest, source, active_id = rows[0]
        made = tx.one(
            "SELECT at_ms, operator FROM flow_change WHERE flow_id = ? AND version_id = ? AND what = 'applied'"
            " ORDER BY id LIMIT 1",
            (flow_id, version_id),
        ) or (0, "")  # fmt: skip
        waiting = tx.one("SELECT count(*) FROM enrolment WHERE version_id = ? AND state = 'waiting'", (version_id,))
        return FlowText(
            to_ms(house.clock.now()), name, digest, source, version_id == active_id, made[0], made[1],
            waiting[0] if waiting else 0,
        )  # fmt: skip

    return await house.store.read(look)


# -- what a request names


def _text(body: dict[str, Any], key: str, default: str | None = None) -> str:
    value = body.get(key, default)
    if not isinstance(value, str):
        raise Refusal(f"{key} is missing, or no text")
    return value


async def names(house: House) -> Names:
    """The names that a flow file may speak of."""
    found = await _names_there(house)
    return Names(to_ms(house.clock.now()), **{each.name: tuple(getattr(found, each.name)) for each in fields(found)})


async def _names_there(house: House) -> Known:
    return await house.store.read(lambda tx: names_there(tx, house.template_names(), house.config.mail.staff))


async def _checked(house: House, body: dict[str, Any]) -> Definition:
    source, file = _text(body, "source"), _text(body, "file", "flow.yaml")
    definition = check(source, file, await _names_there(house))
    if not isinstance(definition, Definition):
        raise Refusal("\n".join(map(str, definition)), "nothing was changed", 422)
    await _refuse_round(house, definition)
    faults = check_mails(house.resources, sorted(definition.templates))
    if faults:
        raise Refusal("\n".join(map(str, faults)), "nothing was changed: mend the mails that the flow sends", 422)
    return definition


async def _refuse_round(house: House, definition: Definition) -> None:
    """With the flows that are there, this one must not go round for ever."""
    there, segments = await house.store.read(
        lambda tx: (FlowBook().all(tx), dict(tx.query("SELECT name, expression FROM segment WHERE removed = 0")))
    )
    others = [each.definition for each in there if each.definition.name != definition.name]
    if way := await asyncio.to_thread(round_through, definition, others, segments):  # up to some tenths of a second
        told = f"flows that feed each other for ever, with no wait on the way: {' -> '.join(way)}"
        raise Refusal(told, "nothing was changed: put a wait such as wait: 1d into one of them", 422)


async def _route(house: House, body: dict[str, Any], definition: Definition) -> Route:
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


def _flow(tx: Tx, name: str) -> tuple[int, str]:
    row = tx.one("SELECT id, state FROM flow WHERE name = ?", (name,))
    if row is None:
        raise Refusal(f"there is no flow {name[:70]}", _THERE_ARE, 404)
    return row[0], row[1]


def _active(tx: Tx, book: FlowBook, name: str) -> tuple[int, str, Definition | None]:
    """(flow's id, state, active version): (0, "", None) of a flow that is not there."""
    row = tx.one("SELECT id, state, version_id FROM flow WHERE name = ?", (name,))
    if row is None:
        return 0, "", None
    return row[0], row[1], book.definition(tx, row[2]) if row[2] is not None else None


# -- moving


async def _errand(house: House, office: Office, errand: int) -> tuple[str, dict[str, Any]]:
    """Move people for some seconds; what became of it, in words and figures."""
    mover, began = moving.Mover(), house.clock.monotonic()
    figures = await house.store.read(lambda tx: moving.figures(tx, errand))
    while not figures.is_over and house.clock.monotonic() - began < SECONDS:
        await house.store.read(lambda tx: mover.is_due(tx, house.clock.now()))
        await house.store.write(lambda tx: mover.move_some(tx, house.clock.now()))
        figures = await house.store.read(lambda tx: moving.figures(tx, errand))
    office.tell(wake=[])
    told = f"{figures.moved:,} moved, {figures.stayed:,} stay on their version, {figures.gone:,} left"
    rest = "" if figures.is_over else " so far; the daemon goes on with the others"
    facts = {"moved": figures.moved, "stayed": figures.stayed, "left": figures.gone, "over": figures.is_over}
    return told + rest, facts


# -- the plan


@dataclass(slots=True)
class _Count:
    """How many go where from where."""

    version: str
    all: int = 0
    there: int = 0  # on the new version already
    places: Counter[tuple[str, str, Destination]] = field(default_factory=Counter)

    def rows(self) -> list[dict[str, Any]]:
        return [
            {
                "version": version, "step": step, "people": people, "fate": to.fate, "to": to.step, "why": to.why,
                "keeps_wait": to.keeps_wait,
            }
            for (version, step, to), people in self.places.most_common()
        ]  # fmt: skip

    def of(self, fate: Fate) -> int:
        return sum(people for (_, _, to), people in self.places.items() if to.fate is fate)


def _look(
    flow_id: int, after: tuple[int, str], route: Route, book: FlowBook, count: _Count, tx: Tx
) -> Sequence[moving.UnderWay]:
    runs = list(moving.under_way(tx, flow_id, after, CHUNK))
    there = tx.one("SELECT id FROM flow_version WHERE flow_id = ? AND hash = ?", (flow_id, count.version))
    found = list(moving.destinations(tx, book, route, there[0] if there else 0, runs))
    count.all += len(runs)
    count.there += len(runs) - len(found)
    for run, to in found:
        definition = book.definition(tx, run.version_id)
        count.places[definition.short_version if definition else "?", run.step, to] += 1
    return runs


def _words(definition: Definition, active: Definition | None, changed: Difference, count: _Count) -> list[str]:
    if active is None:
        lines = [f"Flow {definition.name} is new: version {definition.short_version}", ""]
    elif active.version == definition.version:
        lines = [f"Flow {definition.name}: this is the active version, {definition.short_version}", ""]
    elif changed.is_nothing:
        lines = [
            f"Flow {definition.name}: {active.short_version} -> {definition.short_version}, the same in other words",
            "",
        ]
    else:
        lines = [f"Flow {definition.name}: {active.short_version} -> {definition.short_version}", ""]
        lines += [*changed.head, ""] if changed.head else []
        lines.append("Steps (+ new, - gone, ~ changed, > elsewhere):")
    lines += [*map(str, changed.steps), ""]
    return [*lines, *_people(count)]


def _people(count: _Count) -> list[str]:
    there = f", {count.there:,} of them on this version already" if count.there else ""
    if not count.all:
        return ["Nobody is under way."]
    lines = [f"Under way: {count.all:,}{there}"]
    for (version, step, to), people in count.places.most_common():
        lines.append(f"{people:>9,}  {f'before {step}' if step else 'at the end':<32} of {version}  {_goes(to)}")
    if count.places:
        moved, stay, leave = (count.of(fate) for fate in (Fate.MOVES, Fate.STAYS, Fate.LEAVES))
        lines += ["", f"apply --move would move {moved:,}, leave {stay:,} on their version and end {leave:,};"]
        lines.append("apply alone leaves everybody on the version they entered.")
    return lines


def _goes(to: Destination) -> str:
    if to.fate is not Fate.MOVES:
        return f"{to.fate}: {to.why}"
    where = to.step or "the end"
    return f"-> {where}, until the same time" if to.keeps_wait else f"-> {where}, at once"

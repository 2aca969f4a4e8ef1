"""What a flow's text would change, and where everybody under way would go. Nothing here changes anything."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from engine.control import overlay
from engine.control.flow_texts import active_version, checked, route
from engine.control.protocol.acts import Done
from engine.control.protocol.flows import DraftPicture, Landing
from engine.control.work import Office
from engine.flow.definition import Definition
from engine.flow.differences import Difference, difference
from engine.flow.model import walk
from engine.flow.versions import Destination, Fate, Route
from engine.house import House
from engine.running import moving
from engine.running.book import FlowBook
from mta.ports import Tx

CHUNK: Final = 500  # runs looked at in one snapshot


@dataclass(frozen=True, slots=True)
class _Plan:
    """A text beside the version that is active."""

    flow_id: int
    definition: Definition
    state: str
    active: Definition | None
    changed: Difference
    count: "_Count"


async def _plan(house: House, body: dict[str, Any]) -> _Plan:
    definition = await checked(house, body)
    way, book = await route(house, body, definition), FlowBook()
    flow_id, state, active = await house.store.read(lambda tx: active_version(tx, book, definition.name))
    count = _Count(definition.version)
    after = (0, "")
    while runs := await house.store.read(partial(_look, flow_id, after, way, book, count)):
        after = (runs[-1].contact_id, runs[-1].run_key)
        if len(runs) < CHUNK:
            break
    return _Plan(flow_id, definition, state, active, difference(active, definition), count)


async def plan(house: House, office: Office, body: dict[str, Any]) -> Done:
    """What a flow file changes, and where everybody under way would go."""
    found = await _plan(house, body)
    definition, active, changed, count = found.definition, found.active, found.changed, found.count
    facts = {
        "flow": definition.name, "state": found.state, "active": active.version if active else "",
        "version": definition.version, "changed": list(changed.head), "steps": [str(each) for each in changed.steps],
        "under_way": count.all, "there_already": count.there, "places": count.rows(),
    }  # fmt: skip
    return Done("\n".join(_words(definition, active, changed, count)), facts)


async def draw(house: House, office: Office, body: dict[str, Any]) -> Done:
    """The same as a picture: the text drawn over the flow that runs."""
    found = await _plan(house, body)
    figures, crowd = await office.flows.figures(found.flow_id), await office.flows.crowd(found.flow_id)
    landings = tuple(
        Landing(version, step, people, str(to.fate), to.step, to.why, to.keeps_wait)
        for (version, step, to), people in found.count.places.most_common()
    )
    picture = overlay.picture(
        found.definition, found.active, found.changed, figures, crowd, landings, house.clock.now(), found.state
    )
    steps = tuple(each.id for each in walk(found.definition.steps))
    draft = DraftPicture(picture, found.changed.head, landings, found.count.all, steps)
    return Done(_summary(found), {"draft": draft})


def _summary(found: _Plan) -> str:
    count, definition = found.count, found.definition
    if found.active is None:
        return f"flow {definition.name} is new: version {definition.short_version}"
    moved, stay, leave = (count.of(fate) for fate in (Fate.MOVES, Fate.STAYS, Fate.LEAVES))
    return (
        f"{found.active.short_version} -> {definition.short_version}: {count.all:,} under way, {moved:,} would move,"
        f" {stay:,} stay on their version, {leave:,} leave"
    )


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

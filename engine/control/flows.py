"""What an operator does to flows, and asks of their versions, over the control socket.

People under way are moved by batches: this module does them for some seconds, the front office's janitor does the rest.
What can be undone says how (`undo`: the path and the body of the request that does it).
"""

from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from deliverability.address import Address, AddressError
from engine.audience.contacts import find_contact
from engine.control.flow_plans import plan
from engine.control.flow_texts import THERE_ARE, active_version, checked, flow_named, route, word
from engine.control.protocol.acts import Done
from engine.control.protocol.flows import FlowChangeRow, FlowHistory, FlowText
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.counts import counted
from engine.flow.definition import Definition
from engine.flow.entering import Entered, Entry, NotEntered, Renewed
from engine.flow.events import EventError, read_data
from engine.flow.versions import Route
from engine.house import House
from engine.running import drafts, history, moving
from engine.running.beginning import Hand
from engine.running.book import Applied, FlowBook, apply_flow, set_flow_state
from mta.ports import Tx, to_ms

SECONDS: Final = 5.0  # that one request moves people at most
STATES: Final = ("active", "paused", "archived")


async def apply(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Make a flow file's text the active version of its flow; with `move`, move whoever is under way to it."""
    if body.get("dry_run"):
        return await plan(house, office, body)
    definition, source = await checked(house, body), word(body, "source")
    return await _apply(house, office, body, definition, source)


async def give_back(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Make an older version the active one again: its text is applied as if it came from a file."""
    found = await text(house, word(body, "flow"), word(body, "version"))
    told = {**body, "source": found.source, "file": f"{found.name}.yaml"}
    if body.get("dry_run"):
        return await plan(house, office, told)
    definition, state = await checked(house, told), word(body, "state", "")
    if state and state not in STATES:
        raise Refusal(f"{state[:20]} is no state of a flow", f"there are: {', '.join(STATES)}")
    return await _apply(house, office, told, definition, found.source, state)


async def _apply(
    house: House, office: Office, body: dict[str, Any], definition: Definition, source: str, state: str = ""
) -> Done:  # fmt: skip
    """One commit: the version, the flow's state where one is said, and who is to be moved."""
    by, move = word(body, "by", ""), bool(body.get("move"))
    if not move and (body.get("map") or body.get("leave")):
        raise Refusal("map and leave say where people under way go", "say move (--move) too, or leave them out")
    way, now, draft = await route(house, body, definition), house.clock.now(), word(body, "draft", "")
    detail = {"move": True, "map": dict(way.mapping), "leave": way.leaves} if move else {}

    def work(tx: Tx) -> tuple[Applied, int, dict[str, Any] | None]:
        undo = _undo(tx, definition, way, is_moved=move)
        if draft:
            drafts.drop(tx, draft)
        applied = apply_flow(tx, definition, source, now, operator=by, detail=detail)
        if state:
            set_flow_state(tx, definition.name, state, now, by)
        errand = moving.begin(
            tx, applied.flow_id, applied.version_id, by, now, mapping=way.mapping, leaves=way.leaves
        ) if move else 0  # fmt: skip
        return applied, errand, undo

    applied, errand, undo = await house.store.write(work)
    office.tell(wake=[])
    words = f"flow {definition.name} version {definition.short_version} is {'new and ' * applied.is_new}active"
    facts: dict[str, Any] = {"version": definition.version}
    facts |= {"undo": undo} if undo else {"final": "it was the active version already"}
    if move:
        told, figures = await _errand(house, office, errand)
        return Done(f"{words}; {told}", facts | figures)
    return Done(words, facts)


def _undo(tx: Tx, definition: Definition, way: Route, *, is_moved: bool) -> dict[str, Any] | None:
    """How it is as before: the version before, with whoever was moved; where there was none, nobody enters any more."""
    _, state, before = active_version(tx, FlowBook(), definition.name)
    if before is None:
        body: Mapping[str, Any] = {"flow": definition.name, "state": "archived", "end": True}
        return {"path": "flows/state", "body": body}
    if before.version == definition.version and state != "archived":
        return None
    body = {"flow": definition.name, "version": before.version, "move": is_moved}
    body |= {"state": state} if state == "archived" else {}  # of the others nothing changes by being applied
    back = {new: old for old, new in way.mapping.items() if new not in before.program and old in before.program}
    return {"path": "flows/return", "body": {**body, "map": back} if is_moved and back else body}


async def set_state(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Pause a flow (people enter and wait at its first step), let it go on, or archive it (nobody enters; with `end`
    whoever is inside leaves, else they go on to the end)."""
    name, state, by, end = word(body, "flow"), word(body, "state"), word(body, "by", ""), bool(body.get("end"))
    if state not in STATES:
        raise Refusal(f"{state[:20]} is no state of a flow", f"there are: {', '.join(STATES)}")
    if end and state != "archived":
        raise Refusal("end is for archiving", "leave it out")
    now = house.clock.now()
    if body.get("dry_run"):
        return await _would(house, office, name, state, end=end)

    def work(tx: Tx) -> tuple[str, int | None]:
        flow_id, before = flow_named(tx, name)
        set_flow_state(tx, name, state, now, by)
        return before, moving.begin(tx, flow_id, None, by, now) if end else None

    before, errand = await house.store.write(work)
    office.tell(wake=[])
    if errand is not None:  # those who left do not come back
        told, figures = await _errand(house, office, errand)
        return Done(f"flow {name} is {state}; {told}", {**figures, "final": "who was inside has left"})
    if before == state:
        return Done(f"flow {name} is {state}", {"final": "it was so already"})
    return Done(f"flow {name} is {state}", {"undo": {"path": "flows/state", "body": {"flow": name, "state": before}}})


async def _would(house: House, office: Office, name: str, state: str, *, end: bool) -> Done:
    """What a state would mean for those who are under way."""
    flow_id, before = await house.store.read(lambda tx: flow_named(tx, name))
    people = (await office.flows.figures(flow_id)).ends.get("waiting", 0)
    told = {
        "active": "go on", "paused": "stay where they are; who enters waits at the first step",
        "archived": "leave now" if end else "go on to the end; nobody enters any more",
    }[state]  # fmt: skip
    return Done(f"flow {name}: {before} -> {state}; {people:,} under way {told}", {"under_way": people})


async def start(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Let somebody who is known into a flow, with data of their own."""
    name, text = word(body, "flow"), word(body, "address")
    data = body.get("data") or {}
    try:
        address, told = Address.parse(text), read_data(data)
    except (AddressError, EventError) as err:
        raise Refusal(str(err), "nothing was done") from None
    hand, now = Hand(FlowBook(), ZoneInfo(house.config.mail.zone)), house.clock.now()
    by = word(body, "by", "") or "an operator"

    def work(tx: Tx) -> tuple[Entry, int]:
        contact_id = find_contact(tx, address)
        if contact_id is None:
            raise Refusal(f"there is no contact {address}", f"`posthouse contact add {address}` makes one", 404)
        try:
            return hand.start(tx, name, contact_id, told, now, by=by)
        except LookupError as err:
            raise Refusal(str(err), THERE_ARE, 404) from None

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
        flow_id, state = flow_named(tx, name)
        rows = tuple(
            FlowChangeRow(to_ms(each.at), each.what, each.operator, each.version, each.detail)
            for each in history.changes(tx, flow_id)
        )
        return FlowHistory(to_ms(house.clock.now()), name, state, rows)

    return await house.store.read(look)


async def text(house: House, name: str, version: str) -> FlowText:
    """The text of a flow's version: of the active one, or of the one whose hash begins so."""

    def look(tx: Tx) -> FlowText:
        flow_id, _ = flow_named(tx, name)
        which, word = (
            ("f.version_id = v.id", flow_id) if not version else ("substr(v.hash, 1, CAST(? AS INTEGER)) = ?", version)
        )
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
    told = (
        f"{figures.moved:,} moved, {counted(figures.stayed, 'stays', 'stay')} on their version, {figures.gone:,} left"
    )
    rest = "" if figures.is_over else " so far; the daemon goes on with the others"
    facts = {"moved": figures.moved, "stayed": figures.stayed, "left": figures.gone, "over": figures.is_over}
    return told + rest, facts

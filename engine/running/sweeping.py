"""Flows that begin by time: the sweeper finds their occasions, and lets people in, some at a time.

It runs in the front office. Each minute it looks which occasions came since it looked last, on the clock of each zone that
contacts have; those become rows, in the commit that says how far it looked. Each row is worked off by parts, with how far it
is in the commit of those who were let in. A crash repeats a part, and a run's key is the day, so an occasion lets in once.

Who comes in late (nobody was there to look) is due at the time of the occasion: `late:` decides what becomes of the mail.
Occasions longer ago than LOOK_BACK are over.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from engine.bell import Bell
from engine.flow.entering import Entered, Occasion, enter
from engine.flow.triggers import EventTrigger, ManualTrigger, TimeTrigger
from engine.running import facts, flowlog
from engine.running.beginning import Beginning, begin, entered_at
from engine.running.book import ActiveFlow, FlowBook
from engine.running.clocks import RULES, note, read_again
from engine.running.occasions import Part, Sweep, between, data_of, part_of, zones
from engine.running.passages import Happened, write_passages
from engine.running.products import NO_FLOW, reach
from mta.ports import Clock, Store, StoreTrouble, Tx, from_ms, to_ms

POLL_SECONDS: Final = 5.0
LOOK_BACK: Final = timedelta(days=3)
_MINUTE: Final = 60_000


class Sweeper:
    def __init__(
        self, store: Store, clock: Clock, zone: ZoneInfo, wake: Callable[[], None] = lambda: None, rules: str = ""
    ) -> None:
        """`zone`: the installation's; `wake`: somebody was let in; `rules`: which rules of zones this machine has, "" where
        nobody can tell."""
        self._rules = rules
        self._store, self._clock, self._zone, self._wake = store, clock, zone, wake
        self._book = FlowBook()
        self._minute = -1  # when it looked for occasions last
        self._bell = Bell()

    def use(self, zone: ZoneInfo) -> None:
        """The configuration was read again."""
        self._zone = zone

    def ring(self) -> None:
        """Work now: a flow is new, or the clock was moved."""
        self._minute = -1
        self._bell.ring()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                busy = await self.turn()
            except StoreTrouble as err:
                flowlog.store_trouble(err)
                busy = False
            except Exception as err:  # what is wrong with one occasion must not end the front office
                flowlog.alarm(
                    f"an occasion of a flow can't be worked off, and is tried again: {err or type(err).__name__}"
                )
                busy = False
            if not busy:
                await self._bell.rest(POLL_SECONDS)

    async def turn(self) -> bool:
        """Find occasions, once a minute; let one part in. Whether there may be more."""
        now = self._clock.now()
        if to_ms(now) // _MINUTE != self._minute:
            if self._rules:
                await self._store.write(lambda tx: note(tx, self._rules, now))
                self._rules = ""  # they are the same for the life of a process
            flows = await self._store.read(self._timed)
            if flows:
                await self._store.write(lambda tx: self._find(tx, flows, now))
            self._minute = to_ms(now) // _MINUTE
        found = await self._store.read(self._next)
        if found is None:
            return False
        sweep, flow, part = found
        if sweep.flow_id == RULES:
            entered = await self._store.write(lambda tx: read_again(tx, sweep, now, self._zone))
        elif sweep.flow_id == NO_FLOW:
            entered = await self._store.write(lambda tx: reach(tx, self._book, sweep, now, self._zone))
        else:
            entered = await self._store.write(lambda tx: self._let_in(tx, sweep, flow, part, now))
        if entered:
            self._wake()
        return True

    # -- occasions

    def _timed(self, tx: Tx) -> list[ActiveFlow]:
        return [flow for flow in self._book.all(tx) if _time_of(flow) is not None]

    def _find(self, tx: Tx, flows: Sequence[ActiveFlow], now: datetime) -> None:
        """Write down what came since the last look; of a flow that is new, since it was applied."""
        swept = dict(tx.query("SELECT flow_id, swept_ms FROM flow_clock" + tx.for_update()))
        for flow in flows:
            since, trigger = _since(tx, flow.flow_id, swept.get(flow.flow_id), now), _time_of(flow)
            if trigger is None or since >= now:
                continue
            rows = [
                (flow.flow_id, zone, day, to_ms(first), to_ms(until))
                for zone, day, first, until in between(trigger, zones(tx), since, now, self._zone)
            ]
            tx.executemany(
                "INSERT INTO flow_sweep (flow_id, zone, day, from_ms, until_ms, cursor) VALUES (?,?,?,?,?,0)", rows
            )
            tx.execute(
                "INSERT INTO flow_clock (flow_id, swept_ms) VALUES (?,?)"
                " ON CONFLICT (flow_id) DO UPDATE SET swept_ms = excluded.swept_ms",
                (flow.flow_id, to_ms(now)),
            )

    # -- people

    def _next(self, tx: Tx) -> tuple[Sweep, ActiveFlow | None, Part] | None:
        """The oldest sweep that is not over, its flow, and who is next."""
        row = tx.one("SELECT id, flow_id, zone, day, from_ms, until_ms, cursor FROM flow_sweep ORDER BY id LIMIT 1")
        if row is None:
            return None
        sweep = Sweep(row[0], row[1], row[2], row[3], from_ms(row[4]), from_ms(row[5]), row[6])
        flow = next((each for each in self._book.all(tx) if each.flow_id == sweep.flow_id), None)
        trigger = _time_of(flow) if flow else None
        if flow is None or trigger is None:  # archived meanwhile, or it begins by something else now
            return sweep, None, Part((), None)
        return sweep, flow, part_of(tx, trigger, sweep, self._zone)

    def _let_in(self, tx: Tx, sweep: Sweep, flow: ActiveFlow | None, part: Part, now: datetime) -> int:
        """Let these people in, and say how far that is; how many came in."""
        if part.cursor is None:
            is_ours = tx.execute("DELETE FROM flow_sweep WHERE id = ? AND cursor = ?", (sweep.id, sweep.cursor))
        else:
            sql = "UPDATE flow_sweep SET cursor = ? WHERE id = ? AND cursor = ?"
            is_ours = tx.execute(sql, (part.cursor, sweep.id, sweep.cursor))
        if not is_ours or flow is None or not part.people:
            return 0
        people = facts.read_contacts(tx, (contact_id for contact_id, _, _ in part.people))
        happened: list[Happened] = []
        entered = 0
        for contact_id, key, moment in part.people:
            contact = people.get(contact_id)
            if contact is None:
                continue
            own, data = facts.zone_for(contact, self._zone), data_of(key, moment)
            entry = enter(
                flow.definition, Occasion(key), facts.scope(contact, dict(data), now, own), contact_id=contact_id,
                waiting=_waiting(tx, flow.flow_id, contact_id), entered_at=entered_at(tx, flow.flow_id, contact_id),
                now=now, zone=own,
            )  # fmt: skip
            if isinstance(entry, Entered) and entered_at(tx, flow.flow_id, contact_id)(key) is None:
                begin(tx, Beginning(flow, contact_id, data, key, {"day": key}, due=moment), entry, now, happened)
                entered += 1
        write_passages(tx, happened, now)
        return entered


def _since(tx: Tx, flow_id: int, swept_ms: int | None, now: datetime) -> datetime:
    """From when on occasions are looked for: what passed while the flow was in the archive is over."""
    began = "SELECT MIN(at_ms) FROM flow_change WHERE flow_id = ? AND what IN ('applied', 'resumed') AND id > ?"
    kept = tx.one("SELECT MAX(id) FROM flow_change WHERE flow_id = ? AND what = 'archived'", (flow_id,))
    row = tx.one(began, (flow_id, kept[0] if kept and kept[0] is not None else 0))
    back = [now - LOOK_BACK, *([from_ms(swept_ms)] if swept_ms is not None else [])]
    return max([*back, *([from_ms(row[0])] if row and row[0] is not None else [])])


def _time_of(flow: ActiveFlow) -> TimeTrigger | None:
    trigger = flow.definition.trigger
    return None if isinstance(trigger, EventTrigger | ManualTrigger) else trigger


def _waiting(tx: Tx, flow_id: int, contact_id: int) -> set[str]:
    rows = tx.query(
        "SELECT run_key FROM enrolment WHERE flow_id = ? AND contact_id = ? AND state = 'waiting'",
        (flow_id, contact_id),
    )
    return {key for (key,) in rows}

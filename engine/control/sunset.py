"""What sunset would do with a list, over the control socket."""

from datetime import timedelta

from engine.audience import lists
from engine.audience.lists import MailingList
from engine.control.asked import Asked
from engine.control.protocol.sunset import IgnoringRow, SunsetPlan
from engine.control.refusal import Refusal
from engine.house import House
from engine.sunset.ignored import Ignoring, Looked, is_measured, look
from engine.sunset.rhythm import Rhythm, measure
from mta.ports import Tx, to_ms

PART = 200  # people in one snapshot


async def plan(house: House, name: str, asked: Asked) -> SunsetPlan:
    """Who of a list would be asked whether they still want it. Changes nothing."""
    now, limit = house.clock.now(), asked.number("limit", 100, most=100_000)

    def begin(tx: Tx) -> tuple[MailingList | None, Rhythm]:
        found = lists.get(tx, name)
        return found, measure(tx, found.id, now) if found else Rhythm(None, 0)

    mailing_list, rhythm = await house.store.read(begin)
    if mailing_list is None:
        raise Refusal(f"there is no list {name}", "`posthouse list show` lists them", 404)
    threshold = mailing_list.settings.silence or rhythm.threshold
    people, found = await _everybody(house, mailing_list.id, threshold)
    return SunsetPlan(
        to_ms(now), name, mailing_list.settings.sunset, is_measured(house.config.tracking, mailing_list),
        rhythm.gap / timedelta(days=1) if rhythm.gap else None, rhythm.readers, threshold.days, people, len(found),
        tuple(map(_row, found[:limit])),
    )  # fmt: skip


async def _everybody(house: House, list_id: int, threshold: timedelta) -> tuple[int, list[Ignoring]]:
    """How many are on the list, and who ignores it; a part at a time."""
    people, after, now = 0, 0, house.clock.now()
    found: list[Ignoring] = []
    while True:
        at = after

        def read(tx: Tx, at: int = at) -> Looked:
            return look(tx, list_id, threshold, at, PART, now)

        looked = await house.store.read(read)
        people += looked.people
        found += looked.found
        if looked.after is None:
            return people, found
        after = looked.after


def _row(found: Ignoring) -> IgnoringRow:
    return IgnoringRow(
        found.address, found.mails, to_ms(found.on_since), to_ms(found.last) if found.last is not None else None
    )

"""What a recall, a retry or a resend would do: counted, and nothing is changed."""

from engine.campaigns import figures
from engine.campaigns.runs import Run
from engine.campaigns.states import AGAIN, LEFT, Fate, RunState
from engine.control.protocol.acts import Done
from engine.control.refusal import Refusal
from engine.counts import counted
from engine.house import House
from mta.ports import Tx


async def recall(house: House, run: Run) -> Done:
    """How many have it, and how many would not get it."""

    def look(tx: Tx) -> tuple[int, int, int]:
        return (
            figures.count(tx, run.id, LEFT), figures.count(tx, run.id, [Fate.QUEUED, Fate.CLAIMED]),
            figures.count(tx, run.id, [Fate.WAITING]),
        )  # fmt: skip

    if not run.state.is_open and run.state is not RunState.RECALLED:
        raise Refusal(f"{run.name} is {run.state} already", f"`posthouse campaign show {run.name}`", 409)
    have, leaving, waiting = await house.store.read(look)
    began = "it has not begun: nobody would get it" if run.began is None else ""
    told = began or (
        f"{counted(have, 'has it and keeps', 'have it and keep')} it; {counted(leaving, 'is', 'are')} queued and would be"
        f" taken back; {waiting:,} would never be written"
    )
    return Done(f"recalling {run.name}: {told}", {"run": run.id, "have_it": have})


async def retry(house: House, run: Run, what: str) -> Done:
    """How many would be taken up again."""
    again = await house.store.read(lambda tx: figures.count(tx, run.id, AGAIN[what]))
    waiting = await house.store.read(lambda tx: figures.count(tx, run.id, [Fate.WAITING]))
    return Done(
        f"{run.name} would go on: {again:,} again, {counted(waiting, 'waits', 'wait')} and would be written",
        {"run": run.id, "again": again},
    )


async def resend(house: House, run: Run) -> Done:
    """About how many did not open it."""

    def look(tx: Tx) -> tuple[int, int]:
        return figures.count(tx, run.id, [Fate.DELIVERED]), figures.count(tx, run.id, ["opened"])

    delivered, opened = await house.store.read(look)
    people = max(0, delivered - opened)
    return Done(
        f"{run.name} would go once more to {people:,} of the {delivered:,} who have it and neither opened nor clicked",
        {"run": run.id, "people": people},
    )

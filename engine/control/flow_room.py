"""What the front office knows of flows between two questions: the figures of their people, and what is played over the
past. So a picture costs what changed since the last, and a large flow is counted beside the answers.
"""

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

from engine.control.flow_trials import TrialRoom
from engine.control.picture import picture_of, text_of
from engine.control.protocol.flows import FlowPicture, FlowRow, Flows
from engine.control.sparing import Sparing
from engine.flow.definition import Definition, recall
from engine.running.traffic import NO_FIGURES, Counted, Crowd, Figures, Traffic, crowd
from mta.ports import Clock, Store, to_ms

SMALL: Final = 5000  # runs that are counted anew for each question
LARGE: Final = 50_000  # runs under way that nobody waits for to be counted
NOBODY: Final = Crowd({}, 0)
KEPT: Final = 50  # flows whose crowds are remembered
HEADS_MAX: Final = 2_000  # versions whose titles are

_ROWS: Final = (
    "SELECT f.id, f.name, f.state, v.id, v.source FROM flow f JOIN flow_version v ON v.id = f.version_id"
    " ORDER BY f.name"
)


class FlowRoom:
    """One for a front office, and for its life."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._traffic = Traffic(store)
        self._counted = Sparing(self._count, lambda found: found.rows <= SMALL, clock.monotonic)
        self._crowds: dict[int, Sparing[Crowd]] = {}
        self._heads: dict[int, tuple[str, str]] = {}  # title and stream of a version, which never change
        self.trials = TrialRoom(clock)

    def begin(self) -> None:
        """Count now, so that whoever asks first need not wait."""
        self._counted.begin()

    async def stop(self) -> None:
        """End whatever is under way."""
        await self.trials.stop()
        await self._counted.stop()
        for each in self._crowds.values():
            await each.stop()

    async def flows(self, now: datetime) -> Flows:
        """All flows with the figures of their runs. StoreTrouble."""
        counted, rows = await self._counted.get(), await self._store.read(lambda tx: tx.query(_ROWS))
        found = tuple(
            self._row(name, state, version, source, counted.flows.get(flow_id, NO_FIGURES))
            for flow_id, name, state, version, source in rows
        )
        return Flows(to_ms(now), found)

    async def picture(self, name: str, now: datetime) -> FlowPicture | None:
        """A flow's picture; None when there is no such flow. StoreTrouble."""
        found = await self._store.read(lambda tx: text_of(tx, name))
        if found is None:
            return None
        flow_id, row = found
        figures = await self.figures(flow_id)
        if figures.ends.get("waiting", 0) > LARGE and self._sparing(flow_id).known is None:
            self._sparing(flow_id).begin()  # the first look at so many takes longer than anybody waits
            return replace(picture_of(row, figures, NOBODY, to_ms(now)), is_counting=True)
        return picture_of(row, figures, await self.crowd(flow_id), to_ms(now))

    async def figures(self, flow_id: int) -> Figures:
        """What is counted of a flow."""
        return (await self._counted.get()).flows.get(flow_id, NO_FIGURES)

    async def crowd(self, flow_id: int) -> Crowd:
        """Who stands where in a flow."""
        return await self._sparing(flow_id).get()

    def _sparing(self, flow_id: int) -> Sparing[Crowd]:
        if flow_id not in self._crowds:
            if len(self._crowds) >= KEPT:
                self._crowds.pop(next(iter(self._crowds)))
            self._crowds[flow_id] = Sparing(
                partial(self._look, flow_id), lambda found: found.people <= SMALL, self._clock.monotonic
            )
        return self._crowds[flow_id]

    async def _count(self) -> Counted:
        return await self._traffic.count(self._clock.now())

    async def _look(self, flow_id: int) -> Crowd:
        return await crowd(self._store, flow_id, self._clock.now())

    def _row(self, name: str, state: str, version: int, source: str, figures: Figures) -> FlowRow:
        title, stream = self._head(version, source)
        ends = figures.ends
        return FlowRow(
            name, title or name, state, stream, ends.get("waiting", 0), ends.get("completed", 0), ends.get("goal", 0),
            figures.mails,
        )  # fmt: skip

    def _head(self, version: int, source: str) -> tuple[str, str]:
        if version not in self._heads:
            if len(self._heads) >= HEADS_MAX:
                self._heads.clear()
            found = recall(source, "flow.yaml")
            self._heads[version] = (found.title, found.stream.word) if isinstance(found, Definition) else ("", "")
        return self._heads[version]

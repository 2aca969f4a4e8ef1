"""A small Posthouse of flows: a real store, real templates, a clock that tests move, and a runner or two."""

import asyncio
import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from clock import FakeChance, FakeClock
from mail_shop import make_composer, open_store

from deliverability.address import Address
from engine.flow.definition import Definition, check
from engine.flow.events import make_event
from engine.intake.recording import record
from engine.running.book import apply_flow, set_flow_state
from engine.running.runner import Runner
from engine.sending.arbiter import Arbiter
from engine.sending.judging import Policy
from engine.sending.permission import may_send
from mta.ports import Tx
from mta.queue.settings import QueueSettings

ANN = "ann@example.org"


class FlowHouse:
    """Conversations: tell it what happened, let time pass, ask what was written."""

    def __init__(
        self, folder: Path, flow: str, *, place: Path | str | None = None, runners: int = 1,
        gate: Callable[..., str] | None = None, greedy: bool = False, policy: Policy | None = None,
        staff: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        """`place` is where its database goes, if not into `folder`. `greedy` runners heed no shares: all of them plan
        whatever is due."""
        self.clock = FakeClock()
        self.store = open_store(place or folder, self.clock)
        self.alarms: list[str] = []
        self.woken: list[str] = []
        self.was_woken = asyncio.Event()  # whenever the relay is told of new mail
        self.composer = make_composer(folder / "templates", staff=staff)
        self.arbiter = Arbiter(policy or Policy(), gate=gate or may_send)
        self.runners = [self.runner(*(0, 1) if greedy else (which, runners)) for which in range(runners)]
        self.apply(flow)

    def runner(self, which: int = 0, count: int = 1) -> Runner:
        """A runner of a process that has just begun."""
        return Runner(
            self.store, self.composer, self.clock, FakeChance(which), QueueSettings(), zone=ZoneInfo("UTC"),
            share=(which, count), arbiter=self.arbiter, wake=self._note_wake, alarm=self.alarms.append,
        )  # fmt: skip

    def _note_wake(self, domains: Iterable[str]) -> None:
        self.woken.extend(domains)
        self.was_woken.set()

    def apply(self, flow: str) -> Definition:
        found = check(flow, "flow.yaml")
        assert isinstance(found, Definition), [str(fault) for fault in found]
        self.store.write_now(lambda tx: apply_flow(tx, found, flow, self.clock.now()))
        return found

    def set_state(self, name: str, state: str) -> None:
        assert self.store.write_now(lambda tx: set_flow_state(tx, name, state, self.clock.now()))

    def tell(self, name: str, address: str | None = ANN, *, at: datetime | None = None, **data: Any) -> int | None:
        """An event was recorded; nobody looked at it yet."""
        event = make_event(
            name, data, at=at or self.clock.now(), source="command",
            address=Address.parse(address) if address else None, contact_name="Ann" if address == ANN else "",
        )  # fmt: skip
        return self.store.write_now(lambda tx: record(tx, event, now=self.clock.now()))

    async def settle(self) -> None:
        """Turn until nothing is left to do now."""
        for _ in range(200):
            if not any([await runner.turn() for runner in self.runners]):
                return
        raise AssertionError("the runner finds no rest")

    async def later(self, **duration: float) -> None:
        self.clock.advance(timedelta(**duration))
        await self.settle()

    # -- what was written

    def rows(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        return self.store.read_now(lambda tx: tx.query(sql, params))

    def do(self, sql: str, *params: Any) -> None:
        def work(tx: Tx) -> None:
            tx.execute(sql, params)

        self.store.write_now(work)

    @property
    def mails(self) -> list[tuple[str, str]]:
        """(to, template) of each mail in the queue, in order."""
        return self.rows(
            "SELECT d.forward_path, s.template FROM sending s JOIN delivery d ON d.message_id = s.message_id ORDER BY d.id"
        )

    @property
    def path(self) -> list[str]:
        """Every passage, as "step: result", the waits without their times."""
        rows = self.rows("SELECT step, result FROM passage ORDER BY enrolment_id, id")
        return [f"{step}: {'waits' if result.startswith('until ') else result}" for step, result in rows]

    @property
    def enrolments(self) -> list[tuple[Any, ...]]:
        """(run key, step, state, how it ended) of each."""
        return self.rows("SELECT run_key, step, state, ended_how FROM enrolment ORDER BY id")

    def data(self) -> list[dict[str, Any]]:
        return [json.loads(data) for (data,) in self.rows("SELECT data FROM enrolment ORDER BY id")]

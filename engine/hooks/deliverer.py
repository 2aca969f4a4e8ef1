"""The deliverer: makes the calls that flows ask for, in the front office, a few at the same time."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from engine import houselog
from engine.bell import Bell
from engine.hooks import calls, signing, trying
from engine.hooks.calls import Call, State
from engine.hooks.poster import Answer, Poster
from engine.hooks.settings import HookSettings
from mta.ports import Chance, Clock, Store, StoreTrouble, Tx

POLL_SECONDS: Final = 1.0


Answered = Callable[[Tx, Call, int, bool], None]
"""Told in the transaction that ends a call whose flow waits: (tx, call, status, whether it was taken)."""


class Deliverer:
    def __init__(
        self, store: Store, poster: Poster, clock: Clock, chance: Chance, settings: HookSettings, key: bytes,
        answered: Answered, wake: Callable[[], None], is_fenced: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        """`key` signs; `wake`: a flow that waited may go on; while `is_fenced` no call is begun (engine.fence)."""
        self._store, self._poster, self._clock, self._chance = store, poster, clock, chance
        self._settings, self._key, self._answered, self._wake = settings, key, answered, wake
        self._is_fenced = is_fenced
        self._open: set[asyncio.Task[None]] = set()
        self._bell = Bell()

    def use(self, poster: Poster, settings: HookSettings) -> None:
        """The configuration was read again."""
        self._poster, self._settings = poster, settings

    def ring(self) -> None:
        """Work now: a call was asked for, or the clock was moved."""
        self._bell.ring()

    async def run(self) -> None:
        """Until cancelled. What is under way then is tried again by the next."""
        try:
            while True:
                try:
                    await self.turn()
                except StoreTrouble as err:
                    houselog.webhooks_wait(err)
                await self._bell.rest(POLL_SECONDS)
        finally:
            for task in self._open:
                task.cancel()

    async def turn(self) -> None:
        """Begin what is due, as far as there is room."""
        now, room = self._clock.now(), self._settings.at_once - len(self._open)
        if room <= 0 or self._is_fenced() or not await self._store.read(lambda tx: calls.is_due(tx, now)):
            return
        for call in await self._store.write(lambda tx: calls.claim(tx, now, room)):
            task = asyncio.create_task(self._make(call))
            self._open.add(task)
            task.add_done_callback(self._made)

    async def rest(self) -> None:
        """Wait until nothing is under way."""
        while self._open:
            await asyncio.gather(*self._open)

    def _made(self, task: "asyncio.Task[None]") -> None:
        self._open.discard(task)
        self._bell.ring()
        if not task.cancelled() and (error := task.exception()) is not None:
            houselog.webhook_unwritten(error)  # it is tried again when the claim is over

    async def _make(self, call: Call) -> None:
        body = call.body.encode()
        headers = signing.headers(self._key, call.uid, self._clock.now(), body)
        answer = await self._poster.post(call.url, body, headers, self._settings.timeout.total_seconds())
        with suppress(StoreTrouble):
            await self._settle(call, answer)

    async def _settle(self, call: Call, answer: Answer) -> None:
        now = self._clock.now()
        good = trying.is_good(answer.status)
        due = None
        if not (good or answer.is_hopeless or trying.is_final(answer.status)):
            due = trying.next_try(call.tries, now, call.give_up, self._chance.uniform(0, 1))
        why = answer.why or f"answered {answer.status}"
        if due is not None:
            await self._store.write(lambda tx: calls.put_off(tx, call, answer.status, why, due))
            houselog.webhook_put_off(call.id, flow=call.flow, step=call.step, why=why)
            return

        def end(tx: Tx) -> None:
            state = State.TAKEN if good else State.FAILED
            if calls.end(tx, call, state, answer.status, "" if good else why, now) and call.waits:
                self._answered(tx, call, answer.status, good)

        await self._store.write(end)
        if good:
            houselog.webhook_taken(call.id, flow=call.flow, step=call.step)
        else:
            houselog.webhook_failed(call.id, flow=call.flow, step=call.step, why=why)
        if call.waits:
            self._wake()

"""Flows that are played over the past for an operator: one at a time, in a process of its own, so that nothing here waits
for it. How far it is can be asked, and it can be cancelled; the last few reports are remembered until the daemon stops.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import engine
from engine.control.protocol.flows import Trial, Trials
from engine.control.refusal import Refusal
from mta.ports import Clock, to_ms

SECONDS: Final = 900.0  # for one
KEPT: Final = 8
LINE_MAX: Final = 8 << 20  # octets of the report
RUNNING, DONE, FAILED, CANCELLED = "running", "done", "failed", "cancelled"
_WORKER: Final = (sys.executable, "-m", "engine.simulation.worker")
_HOME: Final = Path(str(engine.__file__)).parent.parent


class TrialRoom:
    """One for a front office."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._trials: dict[int, Trial] = {}
        self._task: asyncio.Task[None] | None = None
        self._last = 0

    async def start(self, asked: Mapping[str, Any], flow: str, version: str, operator: str) -> Trial:
        """Begin to play (`asked` is the worker's own request). Refusal while another is played."""
        if (running := self._running()) is not None:
            remedy = f"`posthouse flow trial cancel {running.id}` ends it; or wait"
            raise Refusal(f"trial {running.id} of {running.flow} is being played", remedy, 409)
        self._last += 1
        trial = Trial(0, self._last, flow, version, str(asked["since"]), RUNNING, operator)
        self._trials[trial.id] = trial
        for old in list(self._trials)[:-KEPT]:
            del self._trials[old]
        self._task = asyncio.create_task(self._play(trial.id, asked))
        return self.get(trial.id)

    def get(self, number: int) -> Trial:
        """One, as it is now. Refusal."""
        trial = self._trials.get(number)
        if trial is None:
            raise Refusal(f"there is no trial {number}", "`posthouse flow trial list` lists those remembered", 404)
        return replace(trial, now_ms=to_ms(self._clock.now()))

    def all(self) -> Trials:
        """Those that are remembered, the newest first, without their reports."""
        rows = tuple(replace(each, lines=(), figures={}) for each in reversed(self._trials.values()))
        return Trials(to_ms(self._clock.now()), rows)

    async def cancel(self, number: int) -> Trial:
        """End one that is under way. Refusal where it is over."""
        if self.get(number).state != RUNNING or self._task is None:
            raise Refusal(f"trial {number} is over", "", 409)
        self._set(number, state=CANCELLED)
        await self.stop()
        return self.get(number)

    async def stop(self) -> None:
        """End the one that is under way, if one is."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _running(self) -> Trial | None:
        return next((each for each in self._trials.values() if each.state == RUNNING), None)

    def _set(self, number: int, **changed: Any) -> None:
        self._trials[number] = replace(self._trials[number], **changed)

    async def _play(self, number: int, asked: Mapping[str, Any]) -> None:
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *_WORKER, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, cwd=_HOME, limit=LINE_MAX
            )
        except OSError as err:
            self._set(number, state=FAILED, trouble=f"no process can be made for it: {err.strerror}")
            return
        is_ending = False
        try:
            async with asyncio.timeout(SECONDS):
                await self._hear(number, process, asked)
            is_ending = True  # to kill it now might bury it before asyncio does
        except TimeoutError:
            self._set(
                number, state=FAILED, trouble=f"it took over {SECONDS / 60:.0f} minutes: ask for less of the past"
            )
        except (OSError, ValueError) as err:
            self._set(number, state=FAILED, trouble=str(err))
        finally:
            if process.returncode is None and not is_ending:
                process.kill()
            await process.wait()
        if self._trials[number].state == RUNNING:
            self._set(number, state=FAILED, trouble=f"its process ended with {process.returncode}")

    async def _hear(self, number: int, process: asyncio.subprocess.Process, asked: Mapping[str, Any]) -> None:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(asked).encode() + b"\n")
        await process.stdin.drain()
        process.stdin.close()
        while line := await process.stdout.readline():
            said = json.loads(line)
            if "lines" in said:
                self._set(number, state=DONE, lines=tuple(said["lines"]), figures=said["figures"])
            elif "trouble" in said:
                self._set(number, state=FAILED, trouble=said["trouble"])
            else:
                self._set(number, done=said["done"], of=said["of"])

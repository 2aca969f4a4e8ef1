"""The application on a stage of a given size, with the canned daemon behind it, and the scenes that are pictured.

Nothing here waits for a time. A key is pressed when all that the one before it does is done and painted: Textual's own
pilot takes a process that gets no turn of the processor for one that has nothing to do. `until` lets the application work
until a fact holds of a picture that nothing moves any more.
"""

import asyncio
import time
import unicodedata
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from canned_daemon import CannedDaemon, canned, modules
from rich.segment import Segment
from scene import Scene
from textual import events
from textual.keys import REPLACED_KEYS, _character_to_key, _get_unicode_name_from_key
from textual.pilot import Pilot

from engine.control.client import AsyncControl
from tui.app import PosthouseApp
from tui.themes import NIGHT, PAPER

SIZES = ((80, 24), (160, 48))
_PATIENCE = 60.0  # seconds until a fact is given up, on a machine that may be busy
_LONG = 3600.0  # seconds: no answer and no picture is ever too late for a test
_STILL = 3  # turns of the loop with nothing in it
_SOON = 0.25  # seconds: over what the application and Textual put off


@dataclass
class Stage:
    app: PosthouseApp
    pilot: Pilot[None]
    daemon: CannedDaemon

    @property
    def text(self) -> str:
        """What the terminal shows, line by line."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips) + "\n"

    @property
    def segments(self) -> list[Segment]:
        """What goes to the terminal, through all sieves."""
        return [segment for strip in self.app.screen._compositor.render_strips() for segment in strip]

    async def settle(self) -> None:
        """Until nothing is left to do: no message to take, no octet between the application and its daemon, nothing that
        a timer brings in a moment (Textual lays out what comes together after one), nothing to paint."""
        loop, still = asyncio.get_running_loop(), 0
        while still < _STILL:
            await asyncio.sleep(_due_in(loop))
            still = 0 if loop._ready or _due_in(loop) else still + 1  # type: ignore[attr-defined]
            if not still:
                continue
            self.app.screen._on_timer_update()  # paints, as its timer would

    async def until(self, fact: Callable[[], object]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while True:
            await self.settle()
            if fact():
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"never came true; the screen shows:\n{self.text}")
            await self.pilot.pause()

    async def see(self, *texts: str) -> None:
        await self.until(lambda: all(text in self.text for text in texts))

    async def press(self, *keys: str) -> None:
        for key in keys:
            self.app.post_message(_key(key))
            await self.settle()


def _due_in(loop: asyncio.AbstractEventLoop) -> float:
    """Seconds until the next timer goes off, if that is soon; else 0."""
    timers: list[asyncio.TimerHandle] = loop._scheduled  # type: ignore[attr-defined]
    soon = [each.when() - loop.time() for each in timers if not each.cancelled()]
    return max((each for each in soon if each < _SOON), default=0.0)


def _key(name: str) -> events.Key:
    """A letter or the name of a key, as Textual's pilot takes them, with what it writes."""
    known = name if name.isalnum() or len(name) > 1 else _character_to_key(name)
    try:
        written = unicodedata.lookup(_get_unicode_name_from_key(REPLACED_KEYS.get(known, known)))
    except KeyError:
        written = name if len(name) == 1 else None
    return events.Key(known, written)


@asynccontextmanager
async def stage(
    folder: Path, size: tuple[int, int] = (80, 24), look: str = NIGHT, **words: Any
) -> AsyncIterator[Stage]:
    """The application has painted its first picture when this begins."""
    path = folder / "control.sock"
    async with canned(path) as daemon:
        control = AsyncControl(path, patience=_LONG, silence=_LONG)
        app = PosthouseApp(control, look=look, by="dana", **words)
        app.session.monotonic = lambda: 0.0  # ages are what they are, however long a test takes
        async with app.run_test(size=size) as pilot:
            one = Stage(app, pilot, daemon)
            await one.see(" live", "41,204 contacts")
            yield one


SCENES: tuple[Scene, ...] = tuple(scene for module in modules() for scene in getattr(module, "SCENES", ()))


async def pictured(folder: Path, scene: Scene, size: tuple[int, int]) -> tuple[str, dict[str, str]]:
    """The scene as text, and as SVG by the picture's name: in the dark, on paper too."""
    name = picture_name(scene, size)
    async with stage(folder, size, scene.look) as one:
        await one.press(*scene.keys)
        await one.see(scene.sees)
        text, drawn = one.text, {name: one.app.export_screenshot(title="Posthouse")}
        if scene.look == NIGHT:
            one.app.theme = PAPER
            await one.settle()
            drawn[f"{name}-paper"] = one.app.export_screenshot(title="Posthouse")
        return text, drawn


def drawn_names() -> set[str]:
    """The names of all pictures."""
    names = {picture_name(scene, size): scene for scene in SCENES for size in SIZES}
    return set(names) | {f"{name}-paper" for name, scene in names.items() if scene.look == NIGHT}


def picture_name(scene: Scene, size: tuple[int, int]) -> str:
    return f"{scene.name}-{size[0]}x{size[1]}"

"""The application on a stage of a given size, with the canned daemon behind it, and the scenes that are pictured.

Nothing here waits for a time: `until` lets the application work until a fact holds.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from canned_daemon import CannedDaemon, canned, modules
from rich.segment import Segment
from scene import Scene
from textual.pilot import Pilot

from engine.control.client import AsyncControl
from tui.app import PosthouseApp
from tui.themes import NIGHT, PAPER

SIZES = ((80, 24), (160, 48))
_PATIENCE = 60.0  # seconds until a fact is given up, on a machine that may be busy


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

    async def until(self, fact: Callable[[], object]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if fact():
                return
            await self.pilot.pause()
        raise AssertionError(f"never came true; the screen shows:\n{self.text}")

    async def see(self, *texts: str) -> None:
        await self.until(lambda: all(text in self.text for text in texts))

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)


@asynccontextmanager
async def stage(
    folder: Path, size: tuple[int, int] = (80, 24), look: str = NIGHT, **words: Any
) -> AsyncIterator[Stage]:
    """The application has painted its first picture when this begins."""
    path = folder / "control.sock"
    async with canned(path) as daemon:
        app = PosthouseApp(AsyncControl(path), look=look, by="dana", **words)
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
        for key in scene.keys:
            await one.press(key)
            await one.pilot.pause()
        await one.see(scene.sees)
        text, drawn = one.text, {name: one.app.export_screenshot(title="Posthouse")}
        if scene.look == NIGHT:
            one.app.theme = PAPER
            await one.pilot.pause()
            drawn[f"{name}-paper"] = one.app.export_screenshot(title="Posthouse")
        return text, drawn


def drawn_names() -> set[str]:
    """The names of all pictures."""
    names = {picture_name(scene, size): scene for scene in SCENES for size in SIZES}
    return set(names) | {f"{name}-paper" for name, scene in names.items() if scene.look == NIGHT}


def picture_name(scene: Scene, size: tuple[int, int]) -> str:
    return f"{scene.name}-{size[0]}x{size[1]}"

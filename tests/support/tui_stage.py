"""The application on a stage of a given size, with the canned daemon behind it, and the scenes that are pictured.

Nothing here waits for a time: `until` lets the application work until a fact holds.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from canned_daemon import CannedDaemon, canned
from textual.pilot import Pilot

from engine.control.client import AsyncControl
from tui.app import PosthouseApp
from tui.themes import NIGHT, PAPER

SIZES = ((80, 24), (160, 48))
_PATIENCE = 30.0  # seconds until a fact is given up, on a machine that may be busy


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
async def stage(folder: Path, size: tuple[int, int] = (80, 24), look: str = NIGHT) -> AsyncIterator[Stage]:
    """The application has painted its first picture when this begins."""
    path = folder / "control.sock"
    async with canned(path) as daemon:
        app = PosthouseApp(AsyncControl(path), look=look)
        async with app.run_test(size=size) as pilot:
            one = Stage(app, pilot, daemon)
            await one.see("● live", "41,204 contacts")
            yield one


class Scene(NamedTuple):
    name: str
    keys: tuple[str, ...]
    sees: str  # what tells that the scene is complete
    look: str = NIGHT


SCENES = (
    Scene("post", (), "reader3@b"),
    Scene("post-paper", (), "reader3@b", PAPER),
    Scene("queue", ("2",), "outlook.example"),
    Scene("site", ("2", "enter"), "reader10@gmail.com"),
    Scene("life", ("2", "enter", "enter"), "cart.updated, 2 lines"),
    Scene("flows", ("3",), "win-back"),
    Scene("flow", ("3", "enter"), "cart-reminder"),
    Scene("outline", ("3", "enter", "v"), "╰─ else"),
    Scene("help", ("question_mark",), "Signs"),
)


async def pictured(folder: Path, scene: Scene, size: tuple[int, int]) -> tuple[str, str]:
    """The scene as text and as SVG."""
    async with stage(folder, size, scene.look) as one:
        for key in scene.keys:
            await one.press(key)
            await one.pilot.pause()
        await one.see(scene.sees)
        return one.text, one.app.export_screenshot(title="Posthouse")


def picture_name(scene: Scene, size: tuple[int, int]) -> str:
    return f"{scene.name}-{size[0]}x{size[1]}"

"""A real browser for a test: Chromium without a window, driven over the pipes of its own protocol (CDP).

    with Browser(tmp_path) as browser:
        browser.open("http://127.0.0.1:8025/subscribe/tea")
        browser.type("#address", "ann@example.org")
        browser.press("button")
        assert "mailbox" in browser.text

JavaScript is off in the pages, as their readers may have it; what is asked here runs in the protocol's own world.
"""

import json
import os
import select
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from house_process import kill

# The protocol's pipes are the descriptors 3 and 4.
_PIPES = """
import fcntl, os, sys
given = [fcntl.fcntl(int(each), fcntl.F_DUPFD, 100) for each in sys.argv[1:3]]
for place, each in enumerate(given, 3):
    os.dup2(each, place)
os.execvp(sys.argv[3], sys.argv[3:])
"""
PATIENCE = 60.0  # seconds for an answer; a machine with nothing to spare takes a few


class Browser:
    """One page in one Chromium, with a profile of its own. `languages`: what it asks for, the best first."""

    def __init__(self, folder: Path, *, languages: str = "en", width: int = 320, dark: bool = False) -> None:
        self._folder, self._languages, self._width, self._dark = folder, languages, width, dark
        self._number = 0
        self._events: list[dict[str, Any]] = []
        self._rest = b""

    def __enter__(self) -> Self:
        child_in, self._out = os.pipe()
        self._in, child_out = os.pipe()
        command = [
            "chromium", "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--no-sandbox",
            "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
            f"--user-data-dir={self._folder / 'profile'}", f"--accept-lang={self._languages}", "about:blank",
        ]  # fmt: skip
        wrapped = [sys.executable, "-c", _PIPES, str(child_in), str(child_out), *command]
        self._process = subprocess.Popen(
            wrapped, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            pass_fds=(child_in, child_out), start_new_session=True,
        )  # fmt: skip
        os.close(child_in)
        os.close(child_out)
        self._ask("Target.setDiscoverTargets", session="", discover=True)
        page = self._await("Target.targetCreated", lambda told: told["targetInfo"]["type"] == "page")
        self._ask("Target.setDiscoverTargets", session="", discover=False)
        target = page["targetInfo"]["targetId"]  # it answers before it has opened one
        self._session = self._ask("Target.attachToTarget", session="", targetId=target, flatten=True)["sessionId"]
        self._ask("Page.enable")
        self._ask("Emulation.setScriptExecutionDisabled", value=True)
        self.resize(self._width)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if self._dark else "light"}]
        self._ask("Emulation.setEmulatedMedia", features=scheme)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._ask("Browser.close", session="")
            self._process.wait(PATIENCE)
        finally:
            if self._process.poll() is None:
                kill([self._process.pid])
            os.close(self._in)
            os.close(self._out)

    # -- what a reader does

    def open(self, address: str) -> None:
        self._and_wait_for_load(lambda: self._ask("Page.navigate", url=address))

    def type(self, place: str, text: str) -> None:
        """Put text into an input, as a person types it."""
        self._run(f"document.querySelector({json.dumps(place)}).value = ''")
        self._run(f"document.querySelector({json.dumps(place)}).focus()")
        self._ask("Input.insertText", text=text)

    def press(self, place: str) -> None:
        """Click the middle of something that leads to another page, with a mouse."""
        x, y = self._middle(place)
        self._and_wait_for_load(lambda: self._click(x, y))

    def tick(self, place: str) -> None:
        """Click something that stays on the page."""
        self._click(*self._middle(place))

    def choose(self, place: str, value: str) -> None:
        """Choose from a list."""
        self._run(f"document.querySelector({json.dumps(place)}).value = {json.dumps(value)}")

    def resize(self, width: int, height: int = 800) -> None:
        self._ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2, mobile=width < 600
        )

    # -- what a reader sees

    @property
    def text(self) -> str:
        return str(self._run("document.body.innerText"))

    @property
    def address(self) -> str:
        return str(self._run("location.href"))

    def get(self, expression: str) -> Any:
        """What a JavaScript expression is in this page, as JSON."""
        return self._run(expression)

    @property
    def overflows(self) -> bool:
        """Whether a reader would have to scroll sideways."""
        return bool(self._run("document.documentElement.scrollWidth > document.documentElement.clientWidth"))

    def picture(self, file: Path) -> Path:
        """The whole page as a PNG."""
        height = int(self._run("Math.ceil(document.documentElement.scrollHeight)"))
        clip = {"x": 0, "y": 0, "width": int(self._run("innerWidth")), "height": height, "scale": 1}
        shot = self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        file.write_bytes(b64decode(shot["data"]))
        return file

    # -- the protocol

    def _middle(self, place: str) -> tuple[float, float]:
        box = self._run(
            f"(() => {{ const e = document.querySelector({json.dumps(place)}); e.scrollIntoView({{block: 'center'}});"
            " const b = e.getClientRects()[0]; return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        return box[0], box[1]

    def _click(self, x: float, y: float) -> None:
        for kind in ("mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def _and_wait_for_load(self, act: Callable[[], dict[str, Any] | None]) -> None:
        """Another page has come, is whole, and was painted once: what is told late of the page before counts for nothing,
        and what is clicked before the first paint is dropped."""
        self._events.clear()
        loader = (act() or {}).get("loaderId")
        self._await("Page.frameNavigated", lambda told: loader in (None, told["frame"]["loaderId"]))
        self._await("Page.loadEventFired")
        self._ask("Page.captureScreenshot", clip={"x": 0, "y": 0, "width": 1, "height": 1, "scale": 1})

    def _await(self, method: str, is_it: Callable[[dict[str, Any]], bool] = lambda told: True) -> dict[str, Any]:
        """What the next event of this kind tells."""
        while True:
            while not self._events:
                self._hear()
            event = self._events.pop(0)
            if event["method"] == method and is_it(event["params"]):
                return dict(event["params"])

    def _run(self, expression: str) -> Any:
        answer = self._ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def _ask(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        self._number += 1
        number = self._number
        words: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session is None:
            words["sessionId"] = self._session
        os.write(self._out, json.dumps(words).encode() + b"\0")
        while True:
            heard = self._hear()
            if heard.get("id") == number:
                assert "error" not in heard, heard
                return dict(heard["result"])

    def _hear(self) -> dict[str, Any]:
        """The next message; events are kept."""
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser says nothing"
            octets = os.read(self._in, 1 << 20)
            assert octets, "the browser is gone"
            self._rest += octets
        message, _, self._rest = self._rest.partition(b"\0")
        heard: dict[str, Any] = json.loads(message)
        if "method" in heard:
            self._events.append(heard)
        return heard

"""The same pages as plain text: `posthouse --plain queue`, for scripts, pagers, reports and screen readers.

Nothing here imports textual. What is printed is cleaned like what is shown.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from engine.control.client import Control, part
from engine.control.protocol.flows import FlowPicture, Flows
from engine.control.protocol.house import Overview
from engine.control.protocol.queue import MessageLife, Queue
from tui.columns import Column, R, heading, layout, row
from tui.format import number
from tui.ink import Line, plain, rule
from tui.pages import flows as flow_pages
from tui.pages import life as life_page
from tui.pages import post as post_page
from tui.pages.tables import FLOWS, SITES

WIDTH: Final = 100


def post(control: Control, width: int = WIDTH) -> str:
    return plain(post_page.post(control.get(Overview, "/v1/overview"), width))


def queue(control: Control, width: int = WIDTH) -> str:
    found = control.get(Queue, "/v1/queue")
    return plain(_table("Queue", "site", SITES, found.sites, found.now_ms, width))


def flows(control: Control, width: int = WIDTH) -> str:
    found = control.get(Flows, "/v1/flows")
    return plain(_table("Flows", "flow", FLOWS, found.rows, found.now_ms, width))


def flow(control: Control, name: str, width: int = WIDTH) -> str:
    picture = control.get(FlowPicture, f"/v1/flows/{part(name)}")
    return plain(flow_pages.flow(picture, width, as_outline=True))


def message(control: Control, message_id: str, width: int = WIDTH) -> str:
    return plain(life_page.life(control.get(MessageLife, f"/v1/messages/{part(message_id)}"), width))


WITHOUT_NAME: Final[Mapping[str, Callable[[Control, int], str]]] = {"post": post, "queue": queue, "flows": flows}
WITH_NAME: Final[Mapping[str, Callable[[Control, str, int], str]]] = {"flow": flow, "message": message}


def screen(control: Control, words: Sequence[str], width: int = WIDTH) -> str:
    """The screen that `words` name. ValueError when they name none."""
    match words:
        case [name] if name in WITHOUT_NAME:
            return WITHOUT_NAME[name](control, width)
        case [name, what] if name in WITH_NAME:
            return WITH_NAME[name](control, what, width)
    raise ValueError("--plain shows one of: post, queue, flows, flow NAME, message ID")


def _table(
    title: str, noun: str, columns: Sequence[Column[R]], rows: Sequence[R], now_ms: int, width: int
) -> list[Line]:
    there = layout(columns, width)
    note = f"{number(len(rows))} {noun}{'' if len(rows) == 1 else 's'}"
    return [rule(title, width, note), heading(there), *(row(there, each, now_ms) for each in rows)]

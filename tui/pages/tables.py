"""The columns of the tables: sites, messages, flows."""

from collections.abc import Sequence
from typing import Final

from engine.control.client import Control
from engine.control.protocol.flows import FlowRow, Flows
from engine.control.protocol.house import CarrierRow
from engine.control.protocol.queue import MessageRow, Queue, SiteRow
from tui import words
from tui.columns import Column, table, tally
from tui.format import size, span
from tui.ink import Ink, Line, Run


def _oldest(row: SiteRow, now_ms: int) -> Run:
    return Run("") if row.oldest_ms is None else Run(span(now_ms - row.oldest_ms), Ink.DIM)


def _retry(row: SiteRow, now_ms: int) -> Run:
    until_ms = max(row.retry_ms or 0, row.suspended_ms or 0)
    return Run("in " + span(until_ms - now_ms), Ink.WAIT) if until_ms > now_ms else Run("")


SITES: Final[tuple[Column[SiteRow], ...]] = (
    Column("state", 11, lambda row, now: words.site(row, now).run()),
    Column("name", 16, lambda row, _: Run(row.site or "-", Ink.STRONG), flex=1),
    Column("domains", 7, lambda row, _: tally(row.domains, Ink.DIM), right=True, since=110),
    Column("queued", 6, lambda row, _: tally(row.queued), right=True),
    Column("flying", 6, lambda row, _: tally(row.in_flight, Ink.CALM), right=True, since=52),
    Column("doubt", 6, lambda row, _: tally(row.in_doubt, Ink.DOUBT), right=True, since=90),
    Column("held", 6, lambda row, _: tally(row.held, Ink.WAIT), right=True, since=90),
    Column("oldest", 9, _oldest, right=True),
    Column("retry", 12, _retry, right=True, since=64),
    Column("last reply", 20, lambda row, _: Run(row.last_reply, Ink.DIM), flex=2, since=110),
)

TROUBLED: Final[tuple[Column[SiteRow], ...]] = (
    Column("state", 11, lambda row, now: words.site(row, now).run()),
    Column("site", 14, lambda row, _: Run(row.site, Ink.STRONG), flex=1),
    Column("queued", 6, lambda row, _: tally(row.queued), right=True),
    Column("retry", 12, _retry, right=True, since=50),
    Column("last reply", 14, lambda row, _: Run(row.last_reply, Ink.DIM), flex=1, since=60),
)


CARRIERS: Final[tuple[Column[CarrierRow], ...]] = (
    Column("carrier", 12, lambda row, _: Run(row.name, Ink.STRONG), flex=1),
    Column("process", 8, lambda row, _: Run(str(row.pid), Ink.DIM), right=True, since=60),
    Column("delivered", 9, lambda row, _: tally(row.delivered, Ink.GOOD), right=True),
    Column("connections", 11, lambda row, _: tally(row.connections, Ink.CALM), right=True),
    Column("memory", 10, lambda row, _: Run(size(row.memory_kib * 1024), Ink.DIM), right=True, since=50),
)


def _when(row: MessageRow, now_ms: int) -> Run:
    """When it is tried again, or how long ago it was accepted when nothing more will happen."""
    if row.state == "queued" and row.due_ms > now_ms:
        return Run("in " + span(row.due_ms - now_ms), Ink.WAIT)
    return Run(span(now_ms - row.created_ms), Ink.DIM)


MESSAGES: Final[tuple[Column[MessageRow], ...]] = (
    Column("state", 11, lambda row, _: words.delivery(row.state).run()),
    Column("to", 20, lambda row, _: Run(row.forward_path), flex=4),
    Column("subject", 10, lambda row, _: Run(row.subject, Ink.DIM), flex=3),
    Column("stream", 13, lambda row, _: Run(row.stream, Ink.DIM), since=130),
    Column("tries", 5, lambda row, _: tally(row.attempts), right=True, since=64),
    Column("age or try", 12, _when, right=True),
    Column("last reply", 12, lambda row, _: Run(row.last_reply, Ink.DIM), flex=4, since=88),
)

FLOWS: Final[tuple[Column[FlowRow], ...]] = (
    Column("state", 10, lambda row, _: words.flow(row.state).run()),
    Column("flow", 18, lambda row, _: Run(row.name, Ink.STRONG), flex=1),
    Column("title", 12, lambda row, _: Run(row.title, Ink.DIM), flex=1, since=110),
    Column("stream", 13, lambda row, _: Run(row.stream, Ink.DIM), since=90),
    Column("waiting", 7, lambda row, _: tally(row.waiting, Ink.WAIT), right=True),
    Column("completed", 9, lambda row, _: tally(row.completed), right=True, since=50),
    Column("goals", 6, lambda row, _: tally(row.goals, Ink.GOOD), right=True),
    Column("mails", 6, lambda row, _: tally(row.mails, Ink.CALM), right=True, since=64),
)


def plain_queue(control: Control, words: Sequence[str], width: int) -> list[Line]:
    found = control.get(Queue, "/v1/queue")
    return table("Queue", "site", SITES, found.sites, found.now_ms, width)


def plain_flows(control: Control, words: Sequence[str], width: int) -> list[Line]:
    found = control.get(Flows, "/v1/flows")
    return table("Flows", "flow", FLOWS, found.rows, found.now_ms, width)

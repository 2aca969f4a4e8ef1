"""Keys in bursts, by chance (the same at each run), while the daemon's answers come late and in any order.

A burst has done what the same keys have done one by one. Where rows move meanwhile, what is done is about what stood under the
cursor when its key was heard. And whatever was thrown at it, in every mode, the keys stay alive.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, is_dataclass, replace
from inspect import isawaitable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from canned import queue as canned_queue
from textual import events
from textual.widgets import Input, TextArea
from tui_stage import SIZES, Stage, _key, stage

from engine.control.protocol.acts import Done
from engine.control.protocol.queue import Messages
from tui.app import PosthouseApp
from tui.modes import MODES
from tui.screens.doing import Doing
from tui.screens.help import HelpScreen
from tui.screens.house import HouseScreen
from tui.session import Session
from tui.verbs import Verb
from tui.widgets.bar import Bar
from tui.widgets.page import Page

SEEDS = range(2)
_ROUNDS = 8
_KEYS = (
    *("j", "k", "g", "G", "space", "V", "asterisk", "tab", "enter", "enter", "enter", "escape", "escape"),
    *(
        "slash",
        "colon",
        "ctrl+p",
        "n",
        "w",
        "y",
        "u",
        "p",
        "r",
        "i",
        "at",
        "left_square_bracket",
        "right_square_bracket",
    ),
    *("v", "v", "s", "m", "c", "f", "d", "e", "o", "l", "h", "t", "z", "x", "a", "less_than_sign", "question_mark"),
    *"ABCDFHILMOPRSTUX",
    *"HPTOSLDX",
    *"123456789",
)
_NAMES = {
    "queue/": ("deliveries", "site", "domain", "stream", "campaign"),
    "shaping/": ("name",),
    "flows/state": ("flow",),
    "lists/drop": ("name",),
    "lists/remove": ("address",),
    "people/tag": ("address",),
    "suppression/lift": ("address",),
    "segments/remove": ("name",),
}
"""The words of an act that say what it is about, by the beginning of its path."""
_MANY = 12  # letters of a name that no column cuts

seen: ContextVar[str] = ContextVar("what stood under the cursor when the key was heard")


class Doorman:
    """Lets answers out one by one."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[None]] = []
        self.is_open = True

    async def passed(self) -> None:
        if not self.is_open:
            self.waiting.append(asyncio.get_running_loop().create_future())
            await self.waiting[-1]

    def let_out(self, chance: Random, many: int) -> None:
        for _ in range(min(many, len(self.waiting))):
            one = self.waiting.pop(chance.randrange(len(self.waiting)))
            if not one.done():
                one.set_result(None)

    def open(self) -> None:
        self.is_open = True
        self.let_out(Random(0), len(self.waiting))


def _turned(answer: Any, by: int) -> Any:
    """The same with its rows in another order."""
    if not is_dataclass(answer):
        return answer
    names = [each.name for each in fields(answer) if each.name in ("rows", "sites")]
    rows = {name: getattr(answer, name) for name in names}
    turned = {name: each[by % len(each) :] + each[: by % len(each)] for name, each in rows.items() if each}
    return replace(answer, **turned)  # type: ignore[type-var]


def _late(
    doorman: Doorman, chance: Random, most: int, real: Callable[..., object]
) -> Callable[..., Coroutine[Any, Any, object]]:
    async def answer(*words: Any) -> object:
        await doorman.passed()
        found = real(*words)
        return _turned(await found if isawaitable(found) else found, chance.randint(0, most))

    return answer


def _done(body: Mapping[str, Any]) -> Done:
    return Done(
        "it would be done" if body.get("dry_run") else "it was done", {"act": 7, "undo": {"path": "x", "body": {}}}
    )


def _messages(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    """As canned, but each delivery has a number of its own, and they are sorted and filtered."""
    place = query.get("site") or query.get("domain") or query.get("stream") or query.get("campaign") or ""
    rows = [replace(canned_queue.row(each, place), delivery_id=_number(f"reader{each}@{place}")) for each in range(30)]
    rows = [each for each in rows if query.get("q", "") in each.forward_path]
    by = {"oldest": 29, "next": 11, "expiry": 17}.get(query.get("sort", ""), 1)
    found = tuple(rows[each * by % len(rows)] for each in range(len(rows))) if by < len(rows) else tuple(reversed(rows))
    return Messages(canned_queue.NOW, found, len(found))


_numbers: dict[str, int] = {}


def _number(address: str) -> int:
    return _numbers.setdefault(address, 100 + len(_numbers))


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """What was done that was not about what stood under the cursor."""
    wrong: list[str] = []
    real_verb, real_act = Doing._verb, Session.act

    def verb(self: Doing, verb: Verb, made: Any) -> Coroutine[Any, Any, None]:
        stood = _under_the_cursor(self)

        async def done() -> None:
            seen.set(stood)
            await real_verb(self, verb, made)

        return done()

    async def act(self: Session, path: str, body: Mapping[str, Any]) -> Done:
        stood = seen.get("")
        wrong.extend(
            f"{path} {name} of {stood!r}" for name in _about(path, body) if stood and name[:_MANY] not in stood
        )
        return await real_act(self, path, body)

    monkeypatch.setattr(Doing, "_verb", verb)
    monkeypatch.setattr(Session, "act", act)
    monkeypatch.setattr(PosthouseApp, "action_quit", lambda self: None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "kept"))
    yield wrong


def _under_the_cursor(screen: Doing) -> str:
    """Its line and what the screen is named; "" where others are marked."""
    assert isinstance(screen, HouseScreen)
    table = screen._table
    if table is not None and table.marked.chosen:
        return ""
    pages = screen.query(Page)
    lines = [
        each.drawn(each.cursor).text for each in (table, *pages) if each is not None and each.cursor < each.count()
    ]
    title = screen.query("#title")
    return " ".join([*lines, title.first(Bar)._left.text if title else ""])


def _about(path: str, body: Mapping[str, Any]) -> list[str]:
    for begins, words in _NAMES.items():
        if path.startswith(begins):
            said = [body[name] for name in words if name in body]
            return [each for one in said for each in (_addresses(one) if isinstance(one, list) else [str(one)])]
    return []


def _addresses(numbers: list[int]) -> list[str]:
    return [next((address for address, number in _numbers.items() if number == each), str(each)) for each in numbers]


@asynccontextmanager
async def thrown_at(
    folder: Path, chance: Random, size: tuple[int, int], most: int = 0
) -> AsyncIterator[tuple[Stage, Doorman]]:
    """`most`: by so many places rows are moved."""
    async with stage(folder, size) as one:
        doorman, daemon = Doorman(), one.daemon
        daemon.answers["/v1/messages"] = _messages
        daemon.acts = {name: daemon.acts.get(name, _done) for name in (*daemon.acts, *_ACTS)}
        daemon.answers = {path: _late(doorman, chance, most, real) for path, real in daemon.answers.items()}
        daemon.acts = {path: _late(doorman, chance, 0, real) for path, real in daemon.acts.items()}
        yield one, doorman


_ACTS = (
    *("queue/hold", "queue/release", "queue/retry", "queue/cancel", "queue/redirect", "acts/undo", "people/tag"),
    *("shaping/suspend", "shaping/resume", "shaping/slow", "lists/drop", "suppression/lift", "segments/remove"),
)


async def _is_alive(one: Stage) -> None:
    """Whatever stands there: Escape leads out of it, and `?` brings the help."""
    for _ in range(12):
        if isinstance(one.app.screen, HouseScreen) and not isinstance(one.app.focused, Input | TextArea):
            break
        await one.press("escape")
        await one.until(lambda: not one.app._keys_waiting)
    await one.press("question_mark")
    await one.until(lambda: isinstance(one.app.screen, HelpScreen))


@dataclass(frozen=True, slots=True)
class Drill:
    """Where it begins, and what is typed there: nothing that asks before it does."""

    begins: tuple[str, ...]
    sees: str
    keys: tuple[str, ...]
    acts: str
    is_wide: bool = False


_FILTER = "slash 1 enter"  # one phrase
DRILLS = {
    "sites": Drill(("2",), "outlook", ("j", "k", "G", "v", "s", "n", "enter", "escape", _FILTER), "OT"),
    "beside": Drill(("2",), "reader0@gmail", ("j", "k", "tab", "v", "s", "escape"), "OT", is_wide=True),
    "deliveries": Drill(
        ("2", "enter"), "reader0@", ("j", "k", "G", "s", "space", "enter", "escape", "w", _FILTER), "HRT"
    ),
    "flows": Drill(("3",), "win-back", ("j", "k", "G", "n", "enter", "escape", "slash a enter"), "P"),
    "acts": Drill(("9", "l"), "gmail.com waits", ("j", "k", "h", "l", "escape", "enter"), "U"),
}


async def _slowly(folder: Path, drill: Drill, keys: list[str]) -> list[tuple[str, Mapping[str, Any]]] | None:
    """What the keys have done one by one; None where one was refused, or had a question asked: who types on then, types for
    what is not there."""
    async with thrown_at(folder, Random(0), SIZES[drill.is_wide]) as (one, _):
        await one.press(*drill.begins)
        await one.see(drill.sees)
        forgotten: list[None] = []
        one.app.forget_waiting_keys = lambda: forgotten.append(None)  # type: ignore[method-assign]
        await one.press(*keys)
        return None if forgotten or one.app.screen.is_modal else one.daemon.done


async def _in_bursts(
    folder: Path, drill: Drill, keys: list[str], chance: Random
) -> list[tuple[str, Mapping[str, Any]]]:
    async with thrown_at(folder, chance, SIZES[drill.is_wide]) as (one, doorman):
        await one.press(*drill.begins)
        await one.see(drill.sees)
        doorman.is_open = False
        while keys:
            many = chance.randint(1, 6)
            now, keys = keys[:many], keys[many:]
            for each in now:
                one.app.post_message(_key(each))
            for _ in range(chance.randint(0, 3)):
                await one.settle()
                doorman.let_out(chance, chance.randint(0, 2))
        doorman.open()
        await one.until(lambda: not one.app._keys_waiting and not one.app.turns.is_busy)
        return one.daemon.done


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", DRILLS)
async def test_a_burst_has_done_what_the_same_keys_have_done_one_by_one(tmp_path: Path, name: str, seed: int) -> None:
    chance, drill = Random(f"{name} {seed}"), DRILLS[name]
    done = None
    while not done:
        phrases = [chance.choice(drill.acts if chance.random() < 0.4 else drill.keys) for _ in range(10)]
        keys = [each for phrase in phrases for each in phrase.split()]
        done = await _slowly(tmp_path, drill, keys)
    assert await _in_bursts(tmp_path, drill, keys, chance) == done, " ".join(keys)


@pytest.mark.parametrize("mode", [each.key for each in MODES])
async def test_whatever_is_thrown_at_a_mode_the_keys_stay_alive(tmp_path: Path, watched: list[str], mode: str) -> None:
    chance = Random(mode)
    async with thrown_at(tmp_path, chance, SIZES[chance.randrange(2)], most=2) as (one, doorman):
        thrown: list[str] = []
        for _ in range(_ROUNDS):
            await one.press(mode)
            doorman.is_open = False
            keys = chance.choices(_KEYS, k=chance.randint(1, 12))
            thrown += [mode, *keys, "|"]
            for each in keys:
                one.app.post_message(_key(each))
            one.app.post_message(events.Paste("pH\nasted"))
            for _ in range(chance.randint(0, 4)):
                await one.settle()
                doorman.let_out(chance, chance.randint(0, 3))
            one.daemon.push(queued=chance.randrange(9999))
            doorman.open()
            await one.settle()
        await _is_alive(one)
        assert watched == [], " ".join(thrown)

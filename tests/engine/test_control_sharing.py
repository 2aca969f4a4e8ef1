"""One answer for all who ask the same at the same time; nobody gets one from before the newest picture or command."""

import asyncio
from dataclasses import dataclass, field

import pytest

from engine.control.refusal import Refusal
from engine.control.sharing import Sharing


@dataclass
class Desk:
    """Answers with how often it was asked; the first picture is there."""

    asked: int = 0
    picture: int = 1
    is_refusing: bool = False
    sharing: Sharing = field(init=False)

    def __post_init__(self) -> None:
        self.sharing = Sharing(lambda: self.picture)

    async def find(self) -> bytes:
        self.asked += 1
        number = self.asked
        await asyncio.sleep(0)
        if self.is_refusing:
            raise Refusal("there is none", "", 404)
        return b"%d" % number

    async def ask(self, question: str = "/v1/queue") -> bytes:
        return await self.sharing.answer(question, self.find)


@pytest.fixture(autouse=True)
def _answers_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long this process stands still."""
    monkeypatch.setattr("engine.control.sharing.SECONDS", 3600.0)


async def test_twelve_who_ask_the_same_are_given_one_answer() -> None:
    desk = Desk()
    assert await asyncio.gather(*(desk.ask() for _ in range(12))) == [b"1"] * 12
    assert await desk.ask() == b"1"
    assert await desk.ask("/v1/queue?by=domain") == b"2"


async def test_what_was_answered_before_the_newest_picture_is_asked_again() -> None:
    desk = Desk()
    await desk.ask()
    desk.picture = 2
    assert await desk.ask() == b"2"


async def test_what_was_answered_before_a_command_is_asked_again_even_while_it_is_being_answered() -> None:
    desk = Desk()
    before = asyncio.ensure_future(desk.ask())
    await asyncio.sleep(0)
    desk.sharing.forget()
    assert [await desk.ask(), await before] == [b"2", b"1"]
    assert await desk.ask() == b"2"


async def test_a_refusal_is_told_to_all_who_wait_for_it_and_kept_for_nobody() -> None:
    desk = Desk(is_refusing=True)
    said = await asyncio.gather(*(desk.ask() for _ in range(3)), return_exceptions=True)
    assert [str(each) for each in said] == ["there is none"] * 3
    assert desk.asked == 1
    desk.is_refusing = False
    assert await desk.ask() == b"2"


async def test_who_leaves_takes_the_answer_from_nobody() -> None:
    desk = Desk()
    one, other = (asyncio.ensure_future(desk.ask()) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one
    assert await other == b"1"


async def test_an_answer_is_not_kept_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.control.sharing.SECONDS", 0.0)
    desk = Desk()
    await desk.ask()
    gone = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.001, gone.set_result, None)
    await gone
    assert await desk.ask() == b"2"

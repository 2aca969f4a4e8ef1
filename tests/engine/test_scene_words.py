"""What the lab's report says."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from engine.scene.play import Scene


@pytest.mark.parametrize(("count", "words"), [(1, "1 person passed the step"), (2, "2 people passed the step")])
def test_the_report_counts_one_person_and_two_people(count: int, words: str) -> None:
    noted: list[str] = []

    async def see(look: Any) -> list[tuple[str, str]]:
        return [("ann@example.org", "Thanks")] * count

    stub = SimpleNamespace(_see=see, report=SimpleNamespace(note=lambda act, what, *_: noted.append(what)))
    asyncio.run(Scene._mail_of(cast(Scene, stub), "thanks", "Later", count))
    assert noted[-1] == words

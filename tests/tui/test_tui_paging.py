"""A long list through a window: any row is found from the nearest cursor, and only some rows are held."""

import pytest

from tui.paging import KEPT, PAGE, SKIP_MOST, Paged, Part


class Source:
    """Rows are their own numbers, from 1 on."""

    def __init__(self, count: int, *, counts: bool = True) -> None:
        self.count, self.counts = count, counts
        self.questions: list[tuple[int, int, int]] = []

    async def ask(self, after: int, skip: int, limit: int) -> Part[int]:
        assert skip <= SKIP_MOST
        self.questions.append((after, skip, limit))
        rows = range(after + skip + 1, min(after + skip + limit, self.count) + 1)
        return Part(rows, rows[-1] if len(rows) == limit else 0, self.count if self.counts else None)


async def test_every_window_of_a_million_is_found_and_few_rows_are_held() -> None:
    source, rows = Source(1_000_000), Paged[int](lambda row: row)
    for first in (0, 120, 999_980, 500_000, 499_900, 3):
        await rows.fill(first, source.ask)
        assert len(rows) == 1_000_000
        assert [rows[index] for index in range(first, min(first + 40, 1_000_000))] == list(
            range(first + 1, min(first + 41, 1_000_001))
        )
        assert len(rows._rows) <= KEPT + PAGE
    asked = len(source.questions)
    await rows.fill(999_980, source.ask)
    assert len(source.questions) == asked + 1  # where the end is found was learnt the first time


async def test_what_nobody_counted_grows_as_one_goes_on() -> None:
    source, rows = Source(450, counts=False), Paged[int](lambda row: row)
    await rows.fill(0, source.ask)
    assert (len(rows), rows.is_exact) == (PAGE + 1, False)
    await rows.fill(PAGE, source.ask)
    await rows.fill(400, source.ask)
    assert (len(rows), rows.is_exact) == (450, True)


async def test_a_list_that_shrank_ends_where_it_ends_now() -> None:
    source, rows = Source(20_000), Paged[int](lambda row: row)
    await rows.fill(19_990, source.ask)
    source.count = 100
    await rows.fill(19_990, source.ask)
    assert len(rows) == 100 and rows[99] == 100 and rows[100] is None


@pytest.mark.parametrize("counts", [True, False])
async def test_where_a_million_became_a_few_the_end_is_found_in_few_questions(counts: bool) -> None:
    source, rows = Source(1_000_000, counts=counts), Paged[int](lambda row: row)
    await rows.fill(900_000, source.ask)
    source.count, asked = 10, len(source.questions)
    await rows.fill(900_000, source.ask)
    assert [rows[index] for index in range(len(rows))] == list(range(1, 11))
    assert len(source.questions) - asked < 20

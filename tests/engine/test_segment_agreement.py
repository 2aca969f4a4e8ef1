"""The language's two back ends give the same answer for every expression and every contact, on both databases.

`SEGMENT_EXPRESSIONS=10000 pytest tests/engine/test_segment_agreement.py` asks for more of them.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from clock import NOON
from hypothesis import HealthCheck, example, given, settings
from mail_shop import Place, open_store
from segment_words import EVERYTHING, KINDS, VOCABULARY, expressions, seed

from engine.flow.values import truth
from engine.segments.checking import check
from engine.segments.facts import World, load
from engine.segments.rfm import Fifths
from engine.segments.sql import condition
from engine.store.dialect import DIALECTS
from engine.store.groups import GroupStore
from mta.ports import Tx

CONTACTS = 100
EXAMPLES = int(os.environ.get("SEGMENT_EXPRESSIONS", "100"))  # with as many contacts: 10,000 pairs on each database
WORLD = World(NOON, ZoneInfo("Europe/Berlin"), KINDS, Fifths((10**12, 2 * 10**12), (1, 2), (100, 200_000, 500_000)))


@dataclass(frozen=True, slots=True)
class People:
    """The same contacts twice: as rows, and as the interpreter sees them."""

    store: GroupStore
    scopes: dict[int, dict[str, Any]]


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.peer("postgresql"))])
def people(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    place: Place = tmp_path_factory.mktemp("agreement")
    if request.param == "postgresql":
        place = request.getfixturevalue("postgres").empty("agreement")
    store = open_store(place)
    store.write_now(lambda tx: seed(tx, CONTACTS))
    numbers = range(1, CONTACTS + 1)
    scopes = store.read_now(lambda tx: {number: load(tx, number, [EVERYTHING], WORLD) for number in numbers})
    yield People(store, {number: scope for number, scope in scopes.items() if scope})
    store.close()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(text=expressions)
@example(text="(1 + 9007199254740991)")  # just beyond what binary fractions tell apart
@example(text="(3 * 3002399751580331) == 9007199254740991")
def test_both_back_ends_find_the_same_contacts(people: People, text: str) -> None:
    checked = check(text, VOCABULARY)

    def ask(tx: Tx) -> set[int]:
        wanted = condition(checked, WORLD, DIALECTS[tx.dialect])
        return {row[0] for row in tx.query(f"SELECT c.id FROM contact c WHERE {wanted.text}", wanted.params)}

    assert len(people.scopes) == CONTACTS
    by_python = {number for number, scope in people.scopes.items() if truth(checked.root.evaluate(scope))}
    assert people.store.read_now(ask) == by_python, text

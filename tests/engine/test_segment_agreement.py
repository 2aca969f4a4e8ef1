"""The language's two back ends give the same answer for every expression and every contact, on both databases.

`SEGMENT_EXPRESSIONS=10000 pytest tests/engine/test_segment_agreement.py` asks for more of them.
"""

import os
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from clock import NOON
from hypothesis import HealthCheck, given, settings
from mail_shop import Place, open_store
from segment_words import KINDS, VOCABULARY, expressions, seed

from engine.flow.values import truth
from engine.segments.checking import SegmentError, check
from engine.segments.facts import World, load
from engine.segments.rfm import Fifths
from engine.segments.sql import condition
from engine.store.dialect import DIALECTS
from engine.store.groups import GroupStore
from mta.ports import Tx

CONTACTS = 40
EXAMPLES = int(os.environ.get("SEGMENT_EXPRESSIONS", "150"))
WORLD = World(NOON, ZoneInfo("Europe/Berlin"), KINDS, Fifths((10**12, 2 * 10**12), (1, 2), (100, 200_000, 500_000)))


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.peer("postgresql"))])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GroupStore]:
    place: Place = tmp_path_factory.mktemp("agreement")
    if request.param == "postgresql":
        place = request.getfixturevalue("postgres").empty("agreement")
    store = open_store(place)
    store.write_now(lambda tx: seed(tx, CONTACTS))
    yield store
    store.close()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(text=expressions)
def test_both_back_ends_find_the_same_contacts(store: GroupStore, text: str) -> None:
    try:
        checked = check(text, VOCABULARY)
    except SegmentError:
        return  # two kinds met that can't be compared: refused before either back end sees it

    def ask(tx: Tx) -> tuple[set[int], set[int]]:
        wanted = condition(checked, WORLD, DIALECTS[tx.dialect])
        by_sql = {row[0] for row in tx.query(f"SELECT c.id FROM contact c WHERE {wanted.text}", wanted.params)}
        scopes = {number: load(tx, number, [checked.reads], WORLD) for number in range(1, CONTACTS + 1)}
        by_python = {number for number, scope in scopes.items() if scope and truth(checked.root.evaluate(scope))}
        return by_sql, by_python

    by_sql, by_python = store.read_now(ask)
    assert by_sql == by_python, text

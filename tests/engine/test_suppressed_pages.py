"""Pages of the suppressed and parts of attempts, as the control socket reads them, on both back ends."""

from clock import NOON
from mail_shop import Place, open_store

from engine.audience.suppression import Reason, suppress
from engine.control import bounces, lately, suppressed


def test_pages_of_the_suppressed_go_on_where_the_one_before_ended_and_jump(place: Place) -> None:
    store = open_store(place)
    for number in range(7):
        store.write_now(
            lambda tx, n=number: suppress(tx, f"p{n}@x.example", Reason.MANUAL, evidence=f"no {n}", now=NOON)
        )  # type: ignore[misc]
    first = store.read_now(lambda tx: suppressed._by_time(tx, "", 3, 0, 7))
    rest = store.read_now(lambda tx: suppressed._by_time(tx, suppressed._cursor(first[-1]), 9, 0, 7))
    whole = [row[0] for row in (*first, *rest)]
    assert whole == [f"p{number}@x.example" for number in reversed(range(7))]
    jumped = store.read_now(lambda tx: suppressed._by_time(tx, "", 2, 5, 7))
    assert [row[0] for row in jumped] == whole[5:]
    found, after = store.read_now(lambda tx: suppressed._search(tx, "p3", "", "", 10))
    assert ([row[0] for row in found], after) == (["p3@x.example"], "")
    found, _ = store.read_now(lambda tx: suppressed._search(tx, "no 5", "manual", "", 10))
    assert [row[0] for row in found] == ["p5@x.example"]
    store.close()


def test_what_is_asked_of_an_empty_history_is_nothing_on_both_back_ends(place: Place) -> None:
    store = open_store(place)
    assert store.read_now(lambda tx: lately._part(tx, after=0, upto=100)) == []
    assert store.read_now(lately._last) == 0
    assert store.read_now(lambda tx: bounces._walk(tx, kinds=(), before=bounces._LAST, limit=5)) == ([], 0)
    store.close()

"""Pages of the suppressed and parts of attempts, as the control socket reads them, on both back ends."""

from pathlib import Path

import pytest
from clock import NOON
from mail_shop import Place, open_store

from engine.audience.suppression import Reason, suppress
from engine.control import bounces, lately, suppressed
from engine.control.refusal import Refusal


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


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_pages_of_the_beginning_of_an_address_go_on_until_all_were_there(
    place: Place, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suppressed, "CHUNK", 4)
    store = open_store(place)
    for number in range(30):
        why = Reason.COMPLAINT if number % 3 == 0 else Reason.MANUAL
        store.write_now(lambda tx, n=number, why=why: suppress(tx, f"p{n:02}@x.example", why, now=NOON))  # type: ignore[misc]
        store.write_now(lambda tx, n=number: suppress(tx, f"z{n:02}@p.example", Reason.MANUAL, now=NOON))  # type: ignore[misc]

    def pages(reason: str) -> list[str]:
        found, after = [], ""
        for _ in range(200):
            rows, after = store.read_now(lambda tx, after=after: suppressed._search(tx, "p", reason, after, limit))  # type: ignore[misc]
            found += [row[0] for row in rows]
            if not after:
                return found
        raise AssertionError("the pages have no end")

    assert pages("") == [f"p{number:02}@x.example" for number in range(30)]
    assert pages("complaint") == [f"p{number:02}@x.example" for number in range(0, 30, 3)]
    store.close()


@pytest.mark.parametrize("after", ["x", "²\nk\nmanual\n0", "-\nk\nmanual\nx", "1\nk"])
def test_a_cursor_of_nobody_is_refused(after: str, tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with pytest.raises(Refusal, match="what the page before said"):
        store.read_now(lambda tx: suppressed._by_time(tx, after, 5, 0, 0))
    with pytest.raises(Refusal, match="what the page before said"):
        store.read_now(lambda tx: suppressed._search(tx, "k", "", after, 5))
    store.close()


def test_of_every_reason_it_is_said_who_may_lift_it() -> None:
    assert set(suppressed.MAY_LIFT) == set(Reason)


def test_what_is_asked_of_an_empty_history_is_nothing_on_both_back_ends(place: Place) -> None:
    store = open_store(place)
    assert store.read_now(lambda tx: lately._part(tx, after=0, upto=100)) == []
    assert store.read_now(lately._last) == 0
    assert store.read_now(lambda tx: bounces._walk(tx, kinds=(), before=bounces._LAST, limit=5)) == ([], 0)
    store.close()

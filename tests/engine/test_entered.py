"""Who was entered on a list by somebody else: asked by mail, asked again, taken off and put back; and all of it in pages."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from clock import NOON
from exchange_desk import Desk
from mail_shop import Asker, Place

from deliverability.address import Address
from engine.audience import consent, entered, figures, lists, removing, rosters, subscriptions, unconfirmed
from engine.audience.batches import BatchState
from engine.audience.consent import Answer
from engine.audience.contacts import find_contact
from engine.audience.figures import What
from engine.audience.lists import MailingList
from engine.audience.rosters import Wanted
from engine.audience.suppression import Reason, suppress
from engine.exchange.columns import MappingError
from mta.ports import Tx, to_ms

SALT = bytes(32)
BUTTON = Answer("[Yes]", "en", "web", "192.0.2.8", salt=SALT)
DAY = timedelta(days=1)


@pytest.fixture
def desk(place: Place, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(place, tmp_path)
    yield desk
    desk.store.close()


def bring(desk: Desk, *names: str, source: str = "a fair") -> None:
    rows = "\n".join(f"{name}@example.org" for name in names)
    desk.take(desk.file(f"email\n{rows}\n", f"{'-'.join(names)[:40]}.csv"), asks=True, how=source)


def ask_all(desk: Desk, asker: Asker, now: datetime = NOON) -> int:
    """All that wait, as the janitor does it; how many rounds."""
    rounds = 0
    while desk.store.write_now(lambda tx: entered.ask_some(tx, now, asker, 2, SALT)):
        rounds += 1
    return rounds


def tea(tx: Tx) -> MailingList:
    found = lists.get(tx, "tea")
    assert found is not None
    return found


def contact(tx: Tx, name: str) -> int:
    found = find_contact(tx, Address.parse(f"{name}@example.org"))
    assert found is not None
    return found


def stands(desk: Desk, name: str) -> tuple[str, str]:
    [row] = desk.rows(
        "SELECT s.state, s.why FROM subscription s JOIN contact c ON c.id = s.contact_id WHERE c.key = ?",
        f"{name}@example.org",
    )
    return str(row[0]), str(row[1])


def happened(desk: Desk) -> dict[What, int]:
    rows = desk.store.read_now(lambda tx: figures.hours(tx, NOON - DAY))
    return {what: sum(row[3] for row in rows if row[2] is what) for what in What}


def again(desk: Desk, name: str, now: datetime = NOON) -> str:
    return desk.store.write_now(lambda tx: entered.again(tx, contact(tx, name), tea(tx).id, now))


def test_an_import_that_asks_believes_nobody_and_each_is_asked_once(desk: Desk) -> None:
    asker = Asker()
    bring(desk, "ann", "bob", "dana", "li", "pat")
    assert stands(desk, "ann") == ("unconfirmed", "to be asked")
    assert desk.store.read_now(lambda tx: rosters.count_to_ask(tx, tea(tx).id, 3)) == 3
    ask_all(desk, asker)
    assert sorted(each.contact["address"] for each in asker.asked) == [
        f"{name}@example.org" for name in ("ann", "bob", "dana", "li", "pat")
    ]
    assert stands(desk, "ann") == ("unconfirmed", "")
    asking = asker.asked[0]
    who = (asking.contact["id"], asking.mailing_list.id, asking.asked_ms)
    desk.store.write_now(lambda tx: subscriptions.confirm(tx, *who, answer=BUTTON, now=NOON))
    assert happened(desk) == {What.ASKED: 5, What.CONFIRMED: 1, What.EXPIRED: 0, What.LEFT: 0, What.IMPORTED: 0}
    desk.store.read_now(consent.check)


def test_an_import_that_believes_is_counted_as_one_and_other_programs_files_are_not_asked(desk: Desk) -> None:
    desk.take(desk.file("email\nann@example.org\n"))
    assert happened(desk)[What.IMPORTED] == 1
    listmonk = desk.file(
        "uuid,email,name,attributes,status,created_at,updated_at\nu,bob@example.org,Bob,{},enabled,,\n", "l.csv"
    )
    with pytest.raises(MappingError, match="stand here as they stood there"):
        desk.take(listmonk, asks=True, kind="listmonk")


def test_nobody_is_asked_who_is_suppressed_was_asked_enough_or_came_by_an_import_that_bounces(desk: Desk) -> None:
    asker = Asker()
    bring(desk, "ann", "bob", "dana")
    desk.store.write_now(lambda tx: suppress(tx, "ann@example.org", Reason.COMPLAINT, now=NOON))
    ask_all(desk, asker)
    assert stands(desk, "ann") == ("unsubscribed", "suppressed: complaint")
    assert again(desk, "ann") == "they are off it (suppressed: complaint)"
    asked = len(asker.asked)
    assert again(desk, "bob") == "" and again(desk, "bob") == "they are about to be asked"
    ask_all(desk, asker)
    assert len(asker.asked) == asked + 1
    assert again(desk, "bob") == ""
    ask_all(desk, asker)  # a third mail within a day is not written; the asking goes on
    assert len(asker.asked) == asked + 1 and stands(desk, "bob") == ("unconfirmed", "")
    assert again(desk, "dana") == ""
    desk.store.write_now(lambda tx: tx.execute("UPDATE import_batch SET state = ?", (str(BatchState.HELD),)))
    ask_all(desk, asker)
    assert stands(desk, "dana") == ("unsubscribed", entered.HELD)


def test_who_was_asked_again_answers_by_the_first_link_too_and_who_was_too_late_is_asked_anew(desk: Desk) -> None:
    asker = Asker()
    bring(desk, "ann", "bob")
    ask_all(desk, asker)
    first = asker.asked[0]
    assert again(desk, "ann", NOON + DAY) == ""
    ask_all(desk, asker, NOON + DAY)
    assert asker.asked[-1].asked_ms == first.asked_ms
    late = NOON + 9 * DAY
    while desk.store.write_now(lambda tx: unconfirmed.settle(tx, late, lambda tx, asking: None, SALT)):
        pass
    assert stands(desk, "bob") == ("unsubscribed", "not confirmed in time")
    assert again(desk, "bob", late) == ""
    ask_all(desk, asker, late)
    assert asker.asked[-1].asked_ms == to_ms(late)
    assert happened(desk)[What.EXPIRED] == 2


def test_who_an_operator_took_off_is_put_back_where_they_stood_and_who_left_is_not(desk: Desk) -> None:
    desk.take(desk.file("email\nann@example.org\nbob@example.org\n"))

    def take_off(tx: Tx) -> bool:
        return removing.remove(tx, contact(tx, "ann"), tea(tx), "mia", "asked by phone", SALT, NOON)

    def put_back(tx: Tx, name: str) -> str:
        return removing.restore(tx, contact(tx, name), tea(tx), "mia", SALT, NOON)

    assert desk.store.write_now(take_off) and not desk.store.write_now(take_off)
    assert stands(desk, "ann") == ("unsubscribed", "taken off by mia: asked by phone")
    assert happened(desk)[What.LEFT] == 1
    assert desk.store.write_now(lambda tx: put_back(tx, "ann")) == ""
    assert stands(desk, "ann") == ("confirmed", "") and happened(desk)[What.LEFT] == 0
    assert desk.store.write_now(lambda tx: put_back(tx, "ann")) == "they are not off it"
    desk.store.write_now(
        lambda tx: subscriptions.unsubscribe(tx, contact(tx, "bob"), tea(tx).id, answer=BUTTON, now=NOON)
    )
    assert desk.store.write_now(lambda tx: put_back(tx, "bob")) == "they left by themselves"
    desk.store.write_now(take_off)
    desk.store.write_now(lambda tx: suppress(tx, "ann@example.org", Reason.COMPLAINT, now=NOON))
    assert desk.store.write_now(lambda tx: put_back(tx, "ann")) == "they are suppressed (complaint)"
    desk.store.read_now(consent.check)


def test_who_was_taken_off_before_they_were_asked_is_asked_once_they_are_back(desk: Desk) -> None:
    bring(desk, "ann")
    asker = Asker()
    desk.store.write_now(
        lambda tx: removing.remove(tx, contact(tx, "ann"), tea(tx), "mia", "the wrong file", SALT, NOON)
    )
    ask_all(desk, asker)
    assert asker.asked == []
    desk.store.write_now(lambda tx: removing.restore(tx, contact(tx, "ann"), tea(tx), "mia", SALT, NOON))
    assert stands(desk, "ann") == ("unconfirmed", subscriptions.TO_ASK)
    ask_all(desk, asker)
    assert [each.contact["address"] for each in asker.asked] == ["ann@example.org"]


def test_a_list_goes_only_while_nobody_ever_stood_on_it(desk: Desk) -> None:
    desk.take(desk.file("email\nann@example.org\n"))
    assert "stand on it" in desk.store.write_now(lambda tx: removing.drop(tx, "tea"))
    assert desk.store.write_now(lambda tx: removing.drop(tx, "news")) == ""
    assert desk.store.write_now(lambda tx: removing.drop(tx, "news")) == "there is no such list"


def test_pages_hold_everybody_once_by_state_and_by_text(desk: Desk) -> None:
    names = [f"r{n:03}" for n in range(250)]
    desk.take(desk.file("email,name\n" + "".join(f"{name}@example.org,Анна {name}\n" for name in names)))

    def page(wanted: Wanted) -> rosters.Page:
        return desk.store.read_now(lambda tx: rosters.on_list(tx, tea(tx).id, wanted))

    found, wanted = list[str](), Wanted(limit=100)
    while True:
        here = page(wanted)
        found += [row[1] for row in here.rows]
        if not here.after:
            break
        wanted = Wanted(limit=100, after=here.after)
    assert sorted(found) == [f"{name}@example.org" for name in names]
    assert [row[1] for row in page(Wanted(text="анна R24", limit=9)).rows] == found[240:249]
    assert [row[1] for row in page(Wanted(text="R249@", limit=9)).rows] == ["r249@example.org"]
    assert page(Wanted(state="unconfirmed")).rows == ()
    assert [row[1] for row in page(Wanted(skip=248)).rows] == found[248:]
    everybody = desk.store.read_now(lambda tx: rosters.everybody(tx, Wanted(text="r0", limit=500)))
    assert len(everybody.rows) == 100

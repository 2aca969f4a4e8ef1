"""Who writes instead of the shop: a mail that is kept back, or is not, says whether that is so."""

from pathlib import Path

import pytest
from flow_house import FlowHouse

from engine.flow.definition import Definition, check
from engine.flow.events import make_event
from engine.running.book import FlowBook
from engine.running.instead import note

FLOW = """\
name: thanks
title: Thanks
about: Thanks for an order.
stream: transactional
trigger: {event: order.placed}
steps:
  - send: order-thanks
"""


@pytest.mark.parametrize(
    ("writes", "state", "kept_back", "noted"),
    [
        ("", "active", True, "kept back: thanks writes instead"),
        ("instead", "active", True, "kept back: thanks writes instead"),
        ("instead", "paused", True, "kept back: thanks writes instead"),
        ("beside", "active", True, "kept back: nobody writes instead, for no flow that does begins with order.placed"),
        ("", "archived", True, "kept back: nobody writes instead, for no flow that does begins with order.placed"),
        ("", "active", False, ""),
        ("beside", "active", False, ""),
        (
            "instead",
            "active",
            False,
            "two mails: thanks writes instead of this one; X-Posthouse-Deliver: no keeps it back",
        ),
    ],
)
def test_what_is_noted_at_a_mail_that_tells_an_event(
    tmp_path: Path, writes: str, state: str, kept_back: bool, noted: str
) -> None:
    house = FlowHouse(tmp_path, FLOW + (f"writes: {writes}\n" if writes else ""))
    house.store.write_now(lambda tx: tx.execute("UPDATE flow SET state = ?", (state,)))
    told = [make_event("order.placed", {"number": "1"}, at=house.clock.now(), source="header")]
    assert house.store.read_now(lambda tx: note(tx, FlowBook(), told, is_kept_back=kept_back)) == noted
    house.store.close()


def test_a_word_that_is_neither_is_refused_with_its_place() -> None:
    found = check(FLOW + "writes: perhaps\n", "thanks.yaml")
    assert not isinstance(found, Definition)
    assert [str(each) for each in found] == [
        'thanks.yaml:8:9: writes: "perhaps": instead (of the shop, whose own mail is kept back) or beside (it) is expected'
    ]

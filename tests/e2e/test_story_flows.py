"""An operator writes a flow from a recipe, sees it drawn, plays it over the past, deploys it, watches people move in it, asks
why one got nothing, and takes back a pause: by keys alone."""

from pathlib import Path

import pytest
from house_lab import LabTown, lab_town
from tmux_stage import tmux_stage

pytestmark = pytest.mark.e2e

PEOPLE = 3


def order(town: LabTown, number: int, address: str) -> None:
    lines = [{"name": "Teapot", "quantity": 1, "price": 42.5}]
    data = {"number": f"A-{number}", "total": 42.5, "currency": "EUR", "lines": lines}
    town.daemon.act("events", name="order.placed", address=address, data=data)


def test_a_flow_from_a_recipe_to_the_people_in_it(tmp_path: Path) -> None:
    with lab_town(tmp_path) as town, tmux_stage(town.daemon, tmp_path, size=(80, 24)) as one:
        for number in range(PEOPLE):
            order(town, number, f"old{number}@shop.lab")
        one.keys("3")
        one.see("── Flows ──", "0 flows")

        # From a recipe, found by a word of it.
        one.keys("C")
        one.see("── Flows › recipes ──", "abandoned-cart")
        one.keys("/")
        one.see("filter: ")
        one.write("order-thanks")
        one.see("3 of 5")
        one.keys("Enter")
        one.see("▌ order-thanks")
        one.keys("Enter")
        one.see("── Flows › draft order-thanks ──", "✓ all right", "name: order-thanks")

        # A slip is marked in its line, and kept all the same.
        one.write("straem: x")
        one.keys("Enter")
        one.see("✗ 1 fault", 'did you mean "stream"?', "1 ✗straem: x", "kept ")
        one.keys(*["BSpace"] * 10)
        one.see("✓ all right")
        one.keys("Escape")
        one.see("e write")

        # Over the past.
        one.keys("s")
        one.see("Over so much of the past")
        one.keys("Enter")
        one.see(f"Entered      {PEOPLE:>9,}", "Mails a day")
        one.keys("Escape")
        one.see("── Flows › draft order-thanks ──")

        # Over what runs, and deployed.
        one.keys("o")
        one.see("over what runs", "0 under way", "━ ◆ trigger ━", "order.placed")
        one.keys("D")
        one.see("Flow order-thanks is new", "▸ Cancel ◂")
        one.keys("l", "Enter")
        one.see("── Flows › order-thanks ──", "is new and active")
        assert town.daemon.rows("SELECT name, state FROM flow") == [("order-thanks", "active")]
        assert town.daemon.rows("SELECT count(*) FROM flow_draft") == [(0,)]
        assert town.daemon.rows("SELECT count(*) FROM enrolment") == [(0,)]

        # People move.
        for number in range(PEOPLE):
            order(town, 10 + number, f"new{number}@shop.lab")
        one.see(f"● {PEOPLE}")
        town.daemon.advance("2h")
        town.daemon.until(lambda: len(town.lab.kept()) == PEOPLE)
        one.keys("v", "G", "k")
        one.see("▌ ◔ wait    10d")
        one.keys("Enter")
        one.see("› wait-10d ──", "new0@shop.lab", "new2@shop.lab", f"{PEOPLE} under way")
        one.keys("Escape")
        one.see("── Flows › order-thanks ──")

        # Why one got nothing.
        one.keys("x")
        one.see("Who got nothing of order-thanks?")
        one.write("old1@shop.lab")
        one.keys("Enter")
        one.see("What old1@shop.lab got of order-thanks, and why", "► ")
        one.keys("Escape")
        one.see("── Flows › order-thanks ──")

        # A pause, and taken back.
        one.keys("P")
        one.see("flow order-thanks is paused")
        assert town.daemon.rows("SELECT state FROM flow") == [("paused",)]
        one.keys("u")
        one.see("✓ undone")
        assert town.daemon.rows("SELECT state FROM flow") == [("active",)]
        one.keys("t")
        one.see("── Flows › order-thanks › versions ──", "applied", "paused", "resumed")

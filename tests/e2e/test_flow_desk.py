"""What the terminal asks of flows, of a real daemon: counts on steps and ways, people, drafts, trials, the way back."""

from collections.abc import Iterator
from typing import Any

import pytest
from house_lab import LabTown, lab_town

from engine.control.client import Control, ControlError
from engine.control.protocol.flows import (
    DraftPicture,
    Drafts,
    DraftText,
    FlowNode,
    FlowPeople,
    FlowPicture,
    Flows,
    FlowText,
    Recipes,
    RecipeText,
    Trial,
)
from engine.control.protocol.wire import decode, encode

pytestmark = pytest.mark.e2e

FLOW = """\
name: tea
stream: transactional
trigger: {event: order.placed, key: event.number}
reentry: always
steps:
  - if: event.total > 50
    id: large
    then:
      - send: order-thanks-gold
        id: gold
    else:
      - send: order-thanks
        id: plain
  - wait: 30d
    id: month
  - send: review-request
    id: ask
"""
PEOPLE = 4
NEWER = FLOW.replace("wait: 30d", "wait: 40d").replace("id: ask", "id: ask-them") + "  - tag: asked\n"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabTown]:
    with lab_town(tmp_path_factory.mktemp("desk")) as town:
        town.daemon.act("flows", source=FLOW, file="tea.yaml", by="ann")
        for number in range(PEOPLE):
            data = {"number": f"A-{number}", "total": 20 + 40 * (number % 2), "currency": "EUR", "lines": []}
            town.daemon.act("events", name="order.placed", address=f"p{number}@shop.lab", data=data)
        town.daemon.until(lambda: step(town, "month").waiting == PEOPLE)
        yield town


def control(town: LabTown) -> Control:
    return town.daemon.control


def picture(town: LabTown) -> FlowPicture:
    return control(town).get(FlowPicture, "/v1/flows/tea")


def walked(nodes: tuple[FlowNode, ...]) -> Iterator[FlowNode]:
    for node in nodes:
        yield node
        for way in node.branches:
            yield from walked(way.nodes)


def step(town: LabTown, name: str) -> FlowNode:
    return next(node for node in walked(picture(town).nodes) if node.id == name)


def drawn(done: Any) -> DraftPicture:
    return decode(DraftPicture, encode(done.facts["draft"]))


def test_steps_and_ways_are_counted_with_the_last_hour(town: LabTown) -> None:
    found = picture(town)
    assert (found.nodes[0].kind, found.nodes[0].passed, found.nodes[0].hour) == ("trigger", PEOPLE, PEOPLE)
    large = step(town, "large")
    assert [(way.label, way.passed, way.hour) for way in large.branches] == [("then", 2, 2), ("else", 2, 2)]
    month = step(town, "month")
    assert month.waiting == PEOPLE and month.since_ms is not None and found.now_ms - month.since_ms < 600_000
    assert found.bottleneck == "" and found.elsewhere == {}
    (row,) = control(town).get(Flows, "/v1/flows").rows
    assert (row.waiting, row.mails) == (PEOPLE, PEOPLE)


def test_the_people_of_a_step_come_by_pages(town: LabTown) -> None:
    ask = control(town)
    first = ask.get(FlowPeople, "/v1/flows/tea/people", {"step": "month", "limit": 3})
    assert [each.address for each in first.rows] == [f"p{n}@shop.lab" for n in range(3)] and first.after
    rest = ask.get(FlowPeople, "/v1/flows/tea/people", {"step": "month", "limit": 3, "after": first.after})
    assert [each.address for each in rest.rows] == ["p3@shop.lab"] and rest.after == ""
    assert rest.rows[0].before == "ask" and rest.rows[0].due_ms is not None and not rest.rows[0].is_stuck
    assert ask.get(FlowPeople, "/v1/flows/tea/people", {"step": "ask"}).rows == ()
    assert [each.address for each in ask.get(FlowPeople, "/v1/flows/tea/people", {"q": "P3@"}).rows] == ["p3@shop.lab"]
    with pytest.raises(ControlError, match="no cursor"):
        ask.get(FlowPeople, "/v1/flows/tea/people", {"after": '["x"]'})
    with pytest.raises(ControlError, match="no flow"):
        ask.get(FlowPeople, "/v1/flows/coffee/people")


def test_a_draft_is_kept_as_it_stands_with_its_faults_in_their_places(town: LabTown) -> None:
    bad = FLOW.replace("send: review-request", "sned: review-request")
    done = control(town).post("/v1/flows/draft", {"name": "tea", "source": bad, "origin": "flow tea", "by": "ann"})
    (fault, *_) = done.facts["faults"]
    assert fault["line"] == bad.splitlines().index("  - sned: review-request") + 1 and "sned" in fault["key"]
    kept = control(town).get(DraftText, "/v1/flow-drafts/tea")
    assert (kept.source, kept.revision, kept.operator) == (bad, 1, "ann") and kept.faults[0].line == fault["line"]
    with pytest.raises(ControlError, match="ann saved the draft tea meanwhile"):
        control(town).post("/v1/flows/draft", {"name": "tea", "source": FLOW, "by": "bob"})
    control(town).post("/v1/flows/draft", {"name": "tea", "source": FLOW, "revision": 1, "by": "bob"})
    (row,) = control(town).get(Drafts, "/v1/flow-drafts").rows
    assert (row.name, row.revision, row.faults, row.operator) == ("tea", 2, 0, "bob")
    undo = control(town).post("/v1/flows/draft/drop", {"name": "tea"}).facts["undo"]
    assert control(town).get(Drafts, "/v1/flow-drafts").rows == ()
    assert (undo["path"], undo["body"]["name"], undo["body"]["origin"]) == ("flows/draft", "tea", "flow tea")
    with pytest.raises(ControlError, match="can't be a flow's name"):
        control(town).post("/v1/flows/draft", {"name": "../tea", "source": FLOW})


def test_a_draft_is_drawn_over_the_flow_that_runs(town: LabTown) -> None:
    draft = drawn(control(town).post("/v1/flows/draw", {"source": NEWER, "file": "tea.yaml"}))
    marks = {node.id: node.mark for node in walked(draft.picture.nodes)}
    assert marks == {
        "": "", "large": "", "gold": "", "plain": "", "month": "~", "ask": "-", "ask-them": "+", "tag-asked": "+",
    }  # fmt: skip
    assert next(node.was for node in walked(draft.picture.nodes) if node.id == "month") == "wait 30d"
    (landing,) = draft.landings
    assert (landing.step, landing.people, landing.fate) == ("ask", PEOPLE, "stays")
    mapped = {"source": NEWER, "file": "tea.yaml", "map": {"ask": "ask-them"}}
    again = drawn(control(town).post("/v1/flows/draw", mapped))
    assert (again.landings[0].fate, again.landings[0].to) == ("moves", "ask-them")
    assert next(node.lands for node in walked(again.picture.nodes) if node.id == "ask-them") == PEOPLE


def test_recipes_are_listed_with_their_mails(town: LabTown) -> None:
    rows = {row.name: row for row in control(town).get(Recipes, "/v1/recipes").rows}
    assert len(rows) >= 57 and "cart-reminder" in rows["abandoned-cart"].mails
    text = control(town).get(RecipeText, "/v1/recipes/abandoned-cart")
    assert text.source.startswith("name: abandoned-cart") or "name: abandoned-cart" in text.source
    assert text.picture.nodes[0].label.startswith("cart.updated")
    with pytest.raises(ControlError, match="no recipe"):
        control(town).get(RecipeText, "/v1/recipes/..%2Fmail")


def test_a_text_is_played_over_the_past_beside_the_daemon(town: LabTown) -> None:
    ask = control(town)
    number = ask.post("/v1/flows/trial", {"source": NEWER, "file": "tea.yaml", "since": "10d"}).facts["id"]
    found = town.daemon.until(lambda: done if (done := trial(town, number)).state != "running" else None)
    assert found.state == "done", found.trouble
    assert found.figures["entered"] == PEOPLE and any("Entered" in line for line in found.lines)
    with pytest.raises(ControlError, match="is over"):
        ask.post("/v1/flows/trial/cancel", {"id": number})
    with pytest.raises(ControlError, match="sned"):
        ask.post("/v1/flows/trial", {"source": FLOW.replace("send:", "sned:")})


def trial(town: LabTown, number: int) -> Trial:
    return control(town).get(Trial, f"/v1/flow-trials/{number}")


def test_what_was_done_to_a_flow_says_how_it_is_undone(town: LabTown) -> None:
    ask = control(town)
    paused = ask.post("/v1/flows/state", {"flow": "tea", "state": "paused"}).facts["undo"]
    assert "undo" not in ask.post("/v1/flows/state", {"flow": "tea", "state": "paused"}).facts
    ask.post(f"/v1/{paused['path']}", paused["body"])
    assert picture(town).state == "active"
    body = {"source": NEWER, "file": "tea.yaml", "move": True, "map": {"ask": "ask-them"}}
    applied = ask.post("/v1/flows", body)
    assert applied.facts["moved"] == PEOPLE and "ask-them" in {each.id for each in walked(picture(town).nodes)}
    undo = applied.facts["undo"]
    assert undo["path"] == "flows/return" and undo["body"]["map"] == {"ask-them": "ask"}
    back = ask.post(f"/v1/{undo['path']}", undo["body"])
    assert back.facts["moved"] == PEOPLE
    assert ask.get(FlowText, "/v1/flows/tea/text").source == FLOW
    new = FLOW.replace("name: tea", "name: cocoa")
    undo = ask.post("/v1/flows", {"source": new, "file": "cocoa.yaml"}).facts["undo"]
    ask.post(f"/v1/{undo['path']}", undo["body"])
    assert ask.get(FlowPicture, "/v1/flows/cocoa").state == "archived"

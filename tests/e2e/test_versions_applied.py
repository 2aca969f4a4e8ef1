"""Versions of a flow as an operator types them: plan, apply with people under way, history, archive."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from house_lab import LabTown, lab_town

pytestmark = pytest.mark.e2e

FLOW = """\
name: tea
stream: transactional
trigger: {event: order.placed, key: event.number}
reentry: always
steps:
  - wait: 30d
  - send: review-request
    id: ask
"""
PEOPLE = 3


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabTown]:
    with lab_town(tmp_path_factory.mktemp("versions")) as town:
        town.daemon.act("flows", source=FLOW, file="tea.yaml")
        for number in range(PEOPLE):
            data = {"number": f"A-{number}", "total": 20}
            town.daemon.act("events", name="order.placed", address=f"p{number}@shop.lab", data=data)
        town.daemon.until(lambda: waiting(town) == PEOPLE)
        yield town


def waiting(town: LabTown) -> int:
    sql = "SELECT count(*) FROM enrolment e JOIN flow f ON f.id = e.flow_id WHERE f.name = 'tea' AND e.step = 'ask'"
    return int(town.daemon.rows(f"{sql} AND e.state = 'waiting'")[0][0])


def flow(town: LabTown, *words: str) -> subprocess.CompletedProcess[str]:
    return town.daemon.command("flow", *words)


def said(town: LabTown, *words: str) -> str:
    done = flow(town, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def written(folder: Path, text: str) -> str:
    file = folder / "tea.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_flows_that_feed_each_other_for_ever_are_refused(town: LabTown, tmp_path: Path) -> None:
    head = "stream: transactional\nreentry: always\n"
    first = f"name: ea\n{head}trigger: {{event: my.x}}\nsteps: [{{emit: my.y}}]\n"
    second = f"name: eb\n{head}trigger: {{event: my.y}}\nsteps: [{{emit: my.x}}]\n"
    assert "active" in said(town, "apply", written(tmp_path, first))
    for word in ("plan", "apply"):
        done = flow(town, word, written(tmp_path, second))
        assert done.returncode != 0 and "eb -> ea -> eb" in done.stderr and "wait: 1d" in done.stderr


def test_what_a_flow_names_must_be_there(town: LabTown, tmp_path: Path) -> None:
    file = written(
        tmp_path,
        FLOW.replace(
            "  - wait: 30d\n",
            "  - start: toa\n  - notify: {to: eve@shop.lab, text: x}\n  - if: \"'vip' in contact.segments\"\n    then: [exit]\n",
        ),
    )
    unknown = 'steps[1].start: "toa": there is no flow of this name (did you mean "tea"?)'
    for words in (
        ("check", file, "--socket", str(town.daemon.state / "control.sock")),
        ("check", file),
        ("plan", file),
        ("apply", file),
    ):
        refused = flow(town, *words)
        assert refused.returncode != 0 and unknown in refused.stderr
        assert "vip: there is no segment of this name" in refused.stderr
        assert '"eve@shop.lab": there is no address in mail.staff of this name' in refused.stderr


def test_a_plan_says_what_changes_and_where_everybody_goes(town: LabTown, tmp_path: Path) -> None:
    file = written(tmp_path, FLOW.replace("id: ask", "id: ask-them").replace("30d", "40d"))
    plan = said(town, "plan", file)
    assert "- wait-30d: wait 30d" in plan and "+ ask-them: send review-request" in plan
    assert f"{PEOPLE}  before ask " in plan and "stays: the new version has no such step" in plan
    told = json.loads(said(town, "plan", file, "--map", "ask=ask-them", "--json"))
    (place,) = told["facts"]["places"]
    assert (place["people"], place["fate"], place["to"]) == (PEOPLE, "moves", "ask-them")
    assert waiting(town) == PEOPLE
    assert "this is the active version" in said(town, "plan", written(tmp_path, FLOW))


def test_what_makes_no_sense_is_refused_and_changes_nothing(town: LabTown, tmp_path: Path) -> None:
    file = written(tmp_path, FLOW.replace("id: ask", "id: ask-them"))
    for words, reason in (
        (("apply", file, "--map", "ask=ask-them"), "say --move too"),
        (("apply", file, "--move", "--map", "aks=ask-them"), 'did you mean "ask"?'),
        (("apply", file, "--move", "--map", "ask=ask-then"), 'did you mean "ask-them"?'),
        (("apply", file, "--move", "--map", "ask"), "OLD=NEW is expected"),
        (("plan", written(tmp_path / "..", FLOW + "  - sned: x\n")), "sned"),
        (("archive", "coffee"), "there is no flow coffee"),
        (("history", "coffee"), "there is no flow coffee"),
        (("show", "tea", "--version", "zz"), "has no version zz"),
    ):
        done = flow(town, *words)
        assert done.returncode in (1, 2) and reason in done.stderr, done
        assert "Traceback" not in done.stderr
    assert waiting(town) == PEOPLE


def test_a_flow_is_played_over_our_own_past_while_the_daemon_runs(town: LabTown, tmp_path: Path) -> None:
    before = town.daemon.rows("SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM enrolment)")
    told = json.loads(said(town, "simulate", "tea", "--since", "90d", "--json"))
    assert (told["entered"], told["under_way"], told["mails"]) == (PEOPLE, PEOPLE, 0)
    at_once = written(tmp_path, FLOW.replace("  - wait: 30d\n", ""))
    told = json.loads(said(town, "simulate", "tea", "--against", at_once, "--json"))
    assert told["against"]["mails"] == len(told["difference"]["added"]) == PEOPLE
    assert "Mails" in said(town, "simulate", at_once)
    assert town.daemon.rows("SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM enrolment)") == before
    for words, reason in (
        (("coffee",), "no flow has this name"),
        (("tea", "--version", "zz"), "a version zz"),
        (("tea", "--since", "soon"), "--since"),
        (("tea", "--since", "99999999 days"), "--since"),
    ):
        done = flow(town, "simulate", *words)
        assert done.returncode == 2 and reason in done.stderr and "Traceback" not in done.stderr, done


def test_people_are_moved_and_ended_and_the_history_tells_of_it(town: LabTown, tmp_path: Path) -> None:
    new = FLOW.replace("review-request", "order-thanks")
    assert f"{PEOPLE} moved, 0 stay" in said(town, "apply", written(tmp_path, new), "--move")
    assert "0 moved" in said(town, "apply", written(tmp_path, new), "--move")
    assert waiting(town) == PEOPLE
    told = json.loads(said(town, "history", "tea", "--json"))
    assert [row["what"] for row in told["rows"]] == ["moved", "applied", "moved", "applied", "applied"]
    first = told["rows"][-1]["version"]
    assert "review-request" in said(town, "show", "tea", "--version", first[:8])
    head, text = said(town, "show", "tea").partition("name:")[::2]
    assert all(line.startswith(("# tea version", "# applied")) for line in head.splitlines())
    assert f"name:{text}" == new == json.loads(said(town, "show", "tea", "--json"))["source"]
    assert f"{PEOPLE} left" in said(town, "archive", "tea", "--end")
    assert waiting(town) == 0
    town.daemon.act("events", name="order.placed", address="p9@shop.lab", data={"number": "A-9", "total": 20})
    town.daemon.until(lambda: town.daemon.rows("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM event WHERE matched = 0)"))
    assert waiting(town) == 0
    assert "archived" in said(town, "list")

"""Tests of flows as their authors write them: what passes, what differs, and what is wrong with a file."""

import json
import re
from pathlib import Path

import pytest

from engine.commands import run
from engine.flow.words import STEP, TRIGGER

FLOW = """\
name: f
stream: transactional
trigger: {event: ping, key: event.id}
reentry: always
steps:
  - wait: 1h
  - send: order-thanks
    id: first
  - split: [{weight: 1, name: a, then: [{send: review-request, id: ask}]}, {weight: 1, name: b}]
    id: half
"""
OF_WORDS = sorted(Path("tests/data/flow_words").glob("*.test.yaml"))
SHIPPED = sorted(Path("templates/flows").glob("*.test.yaml"))


def said(tmp_path: Path, capsys: pytest.CaptureFixture[str], tests: str, *words: str) -> tuple[int, str]:
    """The exit code, and what was printed, of a file with these tests."""
    (tmp_path / "f.yaml").write_text(FLOW, "utf-8")
    file = tmp_path / "f.test.yaml"
    file.write_text(f"flow: f.yaml\ntests:\n{tests}", "utf-8")
    code = run(["flow", "test", str(file), *words])
    out, err = capsys.readouterr()
    return code, (out + err).replace(f"{tmp_path}/", "")


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_shipped_flows_do_what_their_tests_say(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["flow", "test", str(file)]) == 0, capsys.readouterr().out
    assert "all right" in capsys.readouterr().out


@pytest.mark.parametrize("file", OF_WORDS, ids=lambda file: file.stem)
def test_every_word_of_the_language_does_what_its_test_says(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["flow", "test", str(file)]) == 0, capsys.readouterr().out


def test_every_word_of_the_language_has_its_test() -> None:
    words = {file.name.removesuffix(".test.yaml") for file in OF_WORDS}
    assert words >= {f"trigger-{word}" for word in TRIGGER.kinds}
    assert words >= set(STEP) - {"wait"}
    assert words >= {f"wait-{word}" for word in ("duration", "until", "between", "date", "for", "segment")}


def test_every_shipped_flow_has_tests() -> None:
    flows = {file.stem for file in Path("templates/flows").glob("*.yaml")} - {file.stem for file in SHIPPED}
    assert flows == {file.stem.removesuffix(".test") for file in SHIPPED}


def test_the_manual_s_example_is_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```yml\n(.*?)```", Path("docs/flows/testing.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "order-thanks.yaml").write_text(Path("templates/flows/order-thanks.yaml").read_text("utf-8"), "utf-8")
    (tmp_path / "x.test.yaml").write_text(example, "utf-8")
    assert run(["flow", "test", str(tmp_path / "x.test.yaml")]) == 0, capsys.readouterr()


@pytest.mark.parametrize("total", ["1.0e+308", "1e308", "9007199254740993"])
def test_an_order_beyond_all_money_ends_no_test(tmp_path: Path, capsys: pytest.CaptureFixture[str], total: str) -> None:
    tests = f"""\
  - name: large
    splits: {{half: b}}
    script:
      - {{event: order.placed, data: {{number: A-1, total: {total}}}}}
      - {{event: ping, data: {{id: 1}}}}
      - wait: 1h
      - expect: {{mails: [order-thanks]}}
"""
    code, words = said(tmp_path, capsys, tests)
    assert code == 0, words


def test_what_differs_is_shown_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tests = """\
  - name: wrong
    splits: {half: b}
    script:
      - {event: ping, data: {id: 1}}
      - wait: 1h
      - expect: {mails: [review-request], runs: [{ended: goal}]}
  - name: right
    splits: {half: a}
    script:
      - {event: ping, data: {id: 1}}
      - wait: 1h
      - expect: {mails: [order-thanks, review-request]}
"""
    code, words = said(tmp_path, capsys, tests)
    assert code == 1
    assert (
        words
        == """\
f.test.yaml:8:9: wrong: mails are not as expected (- missing, + too much), at Mon 2026-03-02 10:00 UTC
  - review-request to ann@example.org
  + order-thanks to ann@example.org, step first, at Mon 2026-03-02 10:00 UTC
f.test.yaml:8:9: wrong: runs are not as expected (- missing, + too much), at Mon 2026-03-02 10:00 UTC
  - ann@example.org ended: goal
  + ann@example.org (1) ended: completed
f.test.yaml: 1 of 2 tests failed
"""
    )
    code, words = said(tmp_path, capsys, tests, "--json")
    told = json.loads(words)
    assert code == 1 and [len(each["differences"]) for each in told] == [2, 0]


def test_a_mail_that_nobody_spoke_of_is_a_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tests = """\
  - name: silent
    splits: {half: b}
    script:
      - {event: ping, data: {id: 1}}
      - wait: 1h
"""
    code, words = said(tmp_path, capsys, tests)
    assert code == 1
    assert "f.test.yaml:3:5: silent: mails that no expect spoke of" in words


def test_whoever_is_let_in_by_hand_enters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tests = """\
  - name: by hand
    splits: {half: b}
    script:
      - {start: ann@example.org, data: {id: 7}}
      - expect: {runs: [{key: "7", before: first}]}
      - wait: 1h
      - expect: {mails: [{mail: order-thanks, step: first, at: "2026-03-02 10:00"}]}
"""
    assert said(tmp_path, capsys, tests) == (0, "f.test.yaml: 1 test, all right\n")


BY_TIME = {
    "date: {field: birthday, offset: -1d, at: '10:00', yearly: true}": ("2026-03-04 15:00", "2027-03-04 15:00"),
    "calendar: {on: 2026-03-05, at: '10:00'}": ("2026-03-05 15:00",),
    "schedule: {rrule: 'FREQ=WEEKLY;BYDAY=WE', at: '09:30', start: 2026-03-01}": (
        "2026-03-04 14:30",
        "2026-03-11 13:30",
    ),
    "inactivity: {event: order.placed, for: 3d}": ("2026-03-05 09:00",),
}


@pytest.mark.parametrize("trigger", BY_TIME, ids=lambda trigger: trigger.partition(":")[0])
def test_flows_that_begin_by_time_let_in_on_the_contact_s_clock(
    trigger: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow = f"name: f\nstream: marketing\ntrigger: {{{trigger}}}\nsteps: [{{send: order-thanks}}]\n"
    (tmp_path / "t.yaml").write_text(flow, "utf-8")
    first, *more = BY_TIME[trigger]
    span = "370d" if "birthday" in trigger else "12d"
    mails = ", ".join(f'{{mail: order-thanks, to: ann@example.org, at: "{each}"}}' for each in (first, *more))
    (tmp_path / "t.test.yaml").write_text(f"""\
flow: t.yaml
tests:
  - name: by time
    contacts:
      - {{address: ann@example.org, zone: America/New_York, birthday: 1990-03-05, lists: {{news: confirmed}}}}
      - {{address: nobody@example.org, zone: America/New_York, lists: {{news: confirmed}}}}
    script:
      - {{event: order.placed, of: ann@example.org, data: {{number: A-1, total: 5}}}}
      - wait: {span}
      - expect: {{mails: [{mails}]}}
""", "utf-8")  # fmt: skip
    code = run(["flow", "test", str(tmp_path / "t.test.yaml")])
    said = capsys.readouterr().out
    if trigger.startswith(("calendar", "schedule")):  # everybody's day
        assert code == 1
        assert all(line.startswith("  + order-thanks to nobody@example.org") for line in said.splitlines()[1:-1])
    else:
        assert code == 0, said


FAULTS = {
    "  - name: x\n    script: [{event: order.place}]\n": "4:22: ",
    "  - name: x\n    script: [{wait: soon}]\n": "a duration is expected",
    "  - name: x\n    script: [{expect: {mails: [order-thank]}}]\n": 'sends no mail order-thank (did you mean "order-thanks"?)',
    "  - name: x\n    script: [{expect: {runs: [{before: frist}]}}]\n": 'has no step frist (did you mean "first"?)',
    "  - name: x\n    script: [{expect: {runs: [{key: a}]}}]\n": "before or ended is expected",
    "  - name: x\n    script: [{event: ping, of: nobody@example.org}]\n": "is no contact of this test",
    "  - name: x\n    contacts: [{address: nobody}]\n    script: [{event: ping}]\n": "contacts[1].address",
    "  - name: x\n    contacts: [{address: a@b.example, zone: Mars/Base}]\n    script: [{event: ping}]\n": "a time zone",
    "  - name: x\n    contacts: [{address: a@b.example}, {address: a@b.example}]\n    script: []\n": "stands here twice",
    "  - name: x\n    contacts: [{address: a@b.example}, {address: c@b.example}]\n    script: [{event: ping}]\n": "is missing",
    "  - name: x\n    splits: {half: c}\n    script: [{event: ping}]\n": "half has no way c",
    "  - name: x\n    splits: {haf: a}\n    script: [{event: ping}]\n": "no split haf",
    "  - name: x\n    arbiter: {caps: [lots]}\n    script: [{event: ping}]\n": "is not a cap",
    "  - name: x\n    begins: tomorrow\n    script: [{event: ping}]\n": "a time is expected",
    "  - script: [{event: ping}]\n": "is missing",
    "  - name: x\n    script: [{evnt: ping}]\n": "evnt",
    "  []\n": "at least 1",
}


@pytest.mark.parametrize("tests", FAULTS, ids=lambda tests: " ".join(tests.split())[:40])
def test_a_file_that_is_wrong_is_refused_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tests: str
) -> None:
    code, words = said(tmp_path, capsys, tests)
    assert code == 2
    assert FAULTS[tests] in words
    assert re.search(r"f\.test\.yaml:\d+:\d+: ", words)


@pytest.mark.parametrize(
    "text", ["", "flow: [", "flow: ''\ntests: []", "[]", "a: &a [*a]", "flow: nowhere.yaml\ntests: []"]
)
def test_what_is_no_test_file_at_all_is_refused(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.test.yaml"
    file.write_text(text, "utf-8")
    assert run(["flow", "test", str(file)]) == 2
    assert capsys.readouterr().err


def test_faults_of_the_flow_are_named_in_the_flow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "f.yaml").write_text("name: f\n", "utf-8")
    (tmp_path / "f.test.yaml").write_text("flow: f.yaml\ntests: []\n", "utf-8")
    assert run(["flow", "test", str(tmp_path / "f.test.yaml")]) == 2
    assert "f.yaml:1:1" in capsys.readouterr().err


LATE = """\
name: late
stream: transactional
trigger: {event: cart.updated, key: event.cart_id}
reentry: always
goal: {event: order.placed}
steps:
  - wait: {for: {event: my.word}, timeout: 2h}
    then: [{exit: heard}]
  - if: event.total >= 20
    then: [{send: cart-reminder}]
"""
TOLD_LATE = """\
flow: late.yaml
tests:
  - name: what happened before the run began is neither its goal nor what it waits for, and an older cart replaces nothing
    contacts: [{address: ann@example.org}]
    script:
      - {event: cart.updated, data: {cart_id: c1, total: 42}}
      - {event: order.placed, at: 2026-03-01 09:00, data: {number: A-1, total: 5}}
      - {event: my.word, at: 2026-03-02 08:59}
      - {event: cart.updated, at: 2026-03-02 08:00, data: {cart_id: c1, total: 3}}
      - wait: 2h
      - expect: {mails: [cart-reminder], runs: [{key: c1, ended: completed}]}
  - name: what happened since then is both, however late it is told
    contacts: [{address: ann@example.org}, {address: ben@example.org}]
    script:
      - {event: cart.updated, of: ann@example.org, data: {cart_id: c1, total: 42}}
      - {event: cart.updated, of: ben@example.org, data: {cart_id: c2, total: 42}}
      - wait: 1h
      - {event: order.placed, of: ann@example.org, at: 2026-03-02 09:10, data: {number: A-1, total: 5}}
      - {event: my.word, of: ben@example.org, at: 2026-03-02 09:20}
      - expect: {mails: [], runs: [{of: ann@example.org, ended: goal}, {of: ben@example.org, ended: exit}]}
"""


def test_what_is_told_of_later_counts_from_when_it_happened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "late.yaml").write_text(LATE, "utf-8")
    (tmp_path / "late.test.yaml").write_text(TOLD_LATE, "utf-8")
    assert run(["flow", "test", str(tmp_path / "late.test.yaml")]) == 0, capsys.readouterr().out

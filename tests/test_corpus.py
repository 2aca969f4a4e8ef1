"""`make corpus`: what it scores, and what it calls a miss."""

import json
from pathlib import Path

import pytest

from bench import corpus, hostile
from bench.scores import Score, score

REPORT = b"""\
From: MAILER-DAEMON@mx.example
To: b+token@bounce.shop.example
Subject: Undelivered
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; ann@mx.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <ann@mx.example>: Recipient address rejected: User unknown

--b--
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A source with one bounce, and two answers of which one is wrong."""
    source = tmp_path / "source"
    (source / "data").mkdir(parents=True)
    rows = []
    for name, is_hard in (("right.eml", True), ("wrong.eml", False)):
        (source / "data" / name).write_bytes(REPORT)
        rows.append({"file": f"data/{name}", "kind": "bounce", "hard": is_hard, "recipient": "ann@mx.example"})
    (source / "expected.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return tmp_path


def test_answers_are_held_against_what_is_read(folder: Path) -> None:
    scores = score(folder)
    assert (scores.recognised.right, scores.people.right, scores.hard.right) == (2, 2, 1)
    assert scores.not_hard == Score(0, 1, ["wrong.eml (invalid recipient)"])


def test_a_missed_bar_is_printed_and_fails_the_run(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "measure", lambda: [hostile.Cost("a bomb", 2.0, 1, suppresses=False)])
    assert corpus.main([str(folder)]) == 1
    said = capsys.readouterr().out
    assert "| not said hard where it is not | 99 % | 0 of 1 (0.0 %) | MISSED |" in said
    assert "| nobody, 2.00 s (a bomb), 1 MiB (a bomb) | MISSED |" in said
    assert "not_hard: wrong.eml (invalid recipient)" in said


def test_a_reader_that_raises_is_counted_as_a_fault(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(content: bytes) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr(corpus, "conclude", broken)
    strained = corpus.strain(folder)
    assert (strained.faults, strained.reads) == (44, 44)


def test_a_folder_that_is_not_there_says_what_to_give(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert corpus.main([str(tmp_path / "nowhere")]) == 2
    assert "make corpus CORPUS=" in capsys.readouterr().err


def test_no_mail_that_is_made_to_burst_its_reader_raises_or_suppresses() -> None:
    assert [
        (each.name, each.fault) for each in map(hostile._read, hostile.SHAPES) if each.fault or each.suppresses
    ] == []

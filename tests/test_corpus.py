"""`make corpus`: what it counts, and what it calls a fault."""

from pathlib import Path

import pytest

from bench import corpus

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
LETTER = b"From: ann@mx.example\nSubject: hello\n\nNo report at all.\n"


def test_messages_reports_and_judgements_are_counted_by_folder(tmp_path: Path) -> None:
    for name, content in [("real/one.eml", REPORT), ("real/two.txt", LETTER), ("real/README.txt", REPORT),
                          ("real/list.json", REPORT), ("loose.eml", REPORT.replace(b"\n", b"\r\n"))]:  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    found = corpus.read(tmp_path)
    assert {place: (each.messages, each.reports, each.failures) for place, each in found.items()} == {
        ".": (1, 1, 1), "real": (2, 1, 1),
    }  # fmt: skip
    assert found["real"].judged == {"rule": 1}
    assert found["real"].classes == {"invalid recipient": 1}
    assert not found["real"].faults
    assert "Classes: invalid recipient 2" in corpus.shown(found)


def test_a_reader_that_raises_is_a_fault_that_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(content: bytes) -> None:
        raise RecursionError("too deep")

    (tmp_path / "deep.eml").write_bytes(REPORT)
    monkeypatch.setattr(corpus, "read_report", broken)
    assert corpus.read(tmp_path)["."].faults == ["deep.eml: RecursionError: too deep"]
    assert corpus.main([str(tmp_path)]) == 1


def test_a_folder_without_mail_says_what_to_give(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert corpus.main([str(tmp_path)]) == 2
    assert corpus.main([str(tmp_path / "nowhere")]) == 2
    assert "make corpus CORPUS=" in capsys.readouterr().err

"""`posthouse report read`: others' reports from files, without a daemon."""

import json
from pathlib import Path

import pytest
from clock import NOON
from mail_shop import open_store

from engine.commands import run
from engine.config import load
from engine.house import ensure_state
from engine.intake.reports_in import keep, read_carried

CORPORA = Path(__file__).parents[1] / "data" / "corpora"
DMARC = CORPORA / "mox" / "data" / "dmarc" / "yahoo.eml"
TLS = CORPORA / "mox" / "data" / "tls" / "example.eml"
Said = pytest.CaptureFixture[str]


def test_each_file_is_one_line_of_json_with_exact_totals(capsys: Said) -> None:
    assert run(["report", "read", str(DMARC), str(TLS), "--json"]) == 0
    dmarc, tls = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert dmarc == {
        "file": str(DMARC), "kind": "dmarc-aggregate", "org": "Yahoo! Inc.", "report_id": "1559613526.307161",
        "domain": "ueber.net", "begin": 1559520000, "end": 1559606399, "messages": 1, "by_disposition": {"none": 1},
    }  # fmt: skip
    assert (tls["kind"], tls["org"], tls["sessions"]) == ("tls-rpt", "Google Inc.", {"successful": 3, "failed": 0})


def test_one_bad_report_never_stops_the_rest(tmp_path: Path, capsys: Said) -> None:
    bad = tmp_path / "bad.xml"
    bad.write_bytes(b"<feedback><oops></feedback>")
    assert run(["report", "read", str(bad), str(DMARC), "--json"]) == 1
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["kind"] == "unreadable"
    assert "not well-formed" in first["error"]
    assert second["messages"] == 1


def test_people_see_who_sends_and_whether_it_passes(capsys: Said) -> None:
    assert run(["report", "read", str(DMARC)]) == 0
    said = capsys.readouterr().out
    assert "ueber.net: 1 messages (1 none)" in said
    assert "pass (dkim pass" in said or "FAIL (dkim" in said


def test_what_came_is_shown_by_report_and_by_sender(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    file = tmp_path / "posthouse.toml"
    file.write_text('hostname = "mail.shop.example"\n[daemon]\nstate_dir = "state"\n')
    monkeypatch.setenv("POSTHOUSE_CONFIG", str(file))
    ensure_state(load(file))
    store = open_store(tmp_path / "state")
    for path in (DMARC, TLS):
        report = read_carried(path.read_bytes())
        assert report is not None
        store.write_now(lambda tx, report=report: keep(tx, report, NOON))
    store.close()
    assert run(["report", "received", "--since", "30000 days", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {(row["kind"], row["org"], row["total"]) for row in rows} == {
        ("dmarc-aggregate", "Yahoo! Inc.", 1),
        ("tls-rpt", "Google Inc.", 3),
    }
    assert run(["report", "sources", "--since", "30000 days", "--json"]) == 0
    (sender,) = json.loads(capsys.readouterr().out)
    assert (sender["messages"], sender["passed"], sender["known"]) == (1, 1, "passes")
    assert run(["report", "sources", "--since", "ages"]) == 2

"""`posthouse bounce`: what a mail that came back says, from files and without a daemon."""

import base64
import json
from pathlib import Path

import pytest
from mail_shop import open_store

from engine.commands import run
from engine.config import load
from engine.house import ensure_state

CORPORA = Path(__file__).parents[1] / "data" / "corpora"
BOUNCE = CORPORA / "sisimai" / "data" / "lhost-qmail-18.eml"
COMPLAINT = CORPORA / "kumomta" / "data" / "rfc5965" / "1.eml"
Said = pytest.CaptureFixture[str]


def test_each_file_is_one_line_of_json_with_the_name_as_given(capsys: Said) -> None:
    assert run(["bounce", "explain", str(BOUNCE), str(COMPLAINT), "--json"]) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first == {
        "file": str(BOUNCE),
        "kind": "bounce",
        "feedback": None,
        "recipients": [
            {
                "address": "userunknown@libsisimai.net",
                "class": "invalid recipient",
                "blame": "recipient",
                "hard": True,
                "suppress": "now",
                "status": "5.1.1",
                "reply_code": 550,
            }
        ],
    }
    assert (second["kind"], second["feedback"]) == ("complaint", "abuse")
    assert second["recipients"][0] == {
        "address": None, "class": "complaint", "blame": "sender", "hard": None, "suppress": "now", "status": None,
        "reply_code": None,
    }  # fmt: skip


def test_for_people_it_says_the_rule_and_the_words(capsys: Said) -> None:
    assert run(["bounce", "explain", str(BOUNCE)]) == 0
    said = capsys.readouterr().out
    assert "to blame: recipient; for good; suppress: now; rule: no-such-user" in said


def test_a_file_that_is_not_there_is_said_and_the_others_are_read(capsys: Said) -> None:
    assert run(["bounce", "explain", "gone.eml", str(BOUNCE)]) == 2
    out, err = capsys.readouterr()
    assert "to blame: recipient" in out
    assert "gone.eml: can't be read: No such file" in err


@pytest.mark.parametrize("command", [["bounce", "explain"], ["report", "read"], ["dkim", "verify"]], ids=" ".join)
def test_for_programs_each_file_has_its_line_though_it_is_not_there(command: list[str], capsys: Said) -> None:
    assert run([*command, "gone.eml", "--json"]) == 2
    assert json.loads(capsys.readouterr().out) == {
        "file": "gone.eml", "kind": "unreadable", "error": "can't be read: No such file or directory",
    }  # fmt: skip


def test_a_terminals_escapes_do_not_reach_the_screen(tmp_path: Path, capsys: Said) -> None:
    path = tmp_path / "evil.eml"
    path.write_bytes(
        b"From: MAILER-DAEMON\nSubject: failure\n\n<ann@example.org>: 550 \x1b[2J\x1b]0;owned\x07 no such user\n"
    )
    assert run(["bounce", "explain", str(path)]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_what_came_is_listed_with_what_was_concluded_and_printed_as_it_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    file = tmp_path / "posthouse.toml"
    file.write_text('hostname = "mail.shop.example"\n[daemon]\nstate_dir = "state"\n')
    monkeypatch.setenv("POSTHOUSE_CONFIG", str(file))
    ensure_state(load(file))
    store = open_store(tmp_path / "state")
    letter = b"From: a@b.example\r\nSubject: =?utf-8?q?Sch=C3=B6n?= \x1b[2J\r\n\r\nhi\r\n"
    for verdict in ("for a person", "bounce: invalid recipient, blame recipient, suppress now: 550 no"):
        sql = "INSERT INTO inbound (reverse_path, forward_path, content, verdict, at_ms) VALUES ('', 'abuse@x.example', ?, ?, 1)"
        store.write_now(lambda tx, verdict=verdict, sql=sql: tx.execute(sql, (letter, verdict)))
    store.close()
    assert run(["bounce", "received", "--json"]) == 0
    assert [row["id"] for row in json.loads(capsysbinary.readouterr().out)] == [2, 1]
    assert run(["bounce", "received", "--for-people"]) == 0
    said = capsysbinary.readouterr().out.decode()
    assert "Schön" in said
    assert "1 mails" in said
    assert "\x1b" not in said
    assert run(["bounce", "show", "1"]) == 0
    assert capsysbinary.readouterr().out == letter
    assert run(["bounce", "show", "1", "--json"]) == 0
    told = json.loads(capsysbinary.readouterr().out.splitlines()[-1])
    assert (told["id"], told["delivery"]) == (1, None)
    assert base64.b64decode(told["content"]) == letter
    assert run(["bounce", "show", "7"]) == 1

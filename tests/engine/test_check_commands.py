"""`posthouse check spf` and `posthouse dkim verify`: over a file of DNS answers, without a daemon."""

import json
import os
from pathlib import Path

import pytest

from engine.commands import run

CORPORA = Path(__file__).parents[1] / "data" / "corpora"
SIGNED = CORPORA / "dkim-vectors" / "data" / "dkimpy" / "rfc6376.signed.rsa.msg"
KEY = CORPORA / "dkim-vectors" / "data" / "dkimpy" / "test2.txt"
ZONE = """
shop.example:
  - TXT: v=spf1 ip4:192.0.2.0/24 -all exp=why.shop.example
why.shop.example:
  - TXT: "%{i} does not send our mail"
"""
Said = pytest.CaptureFixture[str]


@pytest.fixture
def zone(tmp_path: Path) -> str:
    path = tmp_path / "zone.yaml"
    path.write_text(ZONE)
    return str(path)


def spf(zone: str, ip: str, *more: str) -> int:
    return run(
        ["check", "spf", "--ip", ip, "--helo", "h.example", "--mail-from", "a@shop.example", "--dns", zone, *more]
    )


def test_a_flow_is_checked_where_no_daemon_runs_and_a_line_says_what_was_not_looked_up(
    tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, nowhere = tmp_path / "a.yaml", str(tmp_path / "no.sock")
    file.write_text("name: a\nstream: transactional\ntrigger: {manual: true}\nsteps: [{start: other}]\n")
    monkeypatch.setenv("POSTHOUSE_SOCKET", nowhere)
    assert run(["flow", "check", str(file)]) == 0
    said = capsys.readouterr()
    assert (
        "all right" in said.out
        and said.err.count("\n") == 1
        and "segments, flows, pools, fields that files name were not looked up" in said.err
    )
    assert run(["flow", "check", str(file), "--socket", nowhere]) == 1, "who names a daemon wants it asked"


def test_tests_of_flows_are_left_out_of_a_check_and_named_where_nothing_else_is(
    tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, proof = tmp_path / "a.yaml", tmp_path / "a.test.yaml"
    file.write_text("name: a\nstream: transactional\ntrigger: {manual: true}\nsteps: [{wait: 1d}]\n")
    proof.write_text("flow: a.yaml\ntests: []\n")
    monkeypatch.setenv("POSTHOUSE_SOCKET", str(tmp_path / "no.sock"))
    assert run(["flow", "check", str(proof), str(file)]) == 0
    assert "tests left out: 1 (`posthouse flow test` runs them)" in capsys.readouterr().err
    assert run(["flow", "check", str(proof)]) == 2
    assert f"posthouse flow test {proof}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["flow", "check"], ["flow", "test"], ["flow", "draw"], ["campaign", "check"], ["mail", "save", "a.toml"]]
)
def test_what_is_no_file_is_refused_in_words_without_a_number(tmp_path: Path, capsys: Said, words: list[str]) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    assert run([*words, str(tmp_path / "a.yaml")]) == 2
    assert capsys.readouterr().err.endswith(f"posthouse: {tmp_path / 'a.yaml'} can't be read: a pipe is no file\n")


def test_a_flow_that_tells_a_stranger_is_found_without_a_daemon_by_the_configuration(
    tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, config = tmp_path / "a.yaml", tmp_path / "posthouse.toml"
    config.write_text('hostname = "mail.shop.example"\n[mail]\nstaff = ["Ops@shop.example"]\n')
    steps = "steps: [{notify: {to: %s@shop.example, text: hi}}]"
    monkeypatch.setenv("POSTHOUSE_SOCKET", str(tmp_path / "no.sock"))
    for who, code in (("ops", 0), ("stranger", 2)):
        file.write_text(f"name: a\nstream: transactional\ntrigger: {{manual: true}}\n{steps % who}\n")
        assert run(["flow", "check", str(file), "--config", str(config)]) == code
    assert 'a.yaml:4:23: steps[1].notify.to: "stranger@shop.example"' in capsys.readouterr().err


def test_spf_gives_the_fixed_four_fields(zone: str, capsys: Said) -> None:
    assert spf(zone, "192.0.2.7", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "result": "pass",
        "mechanism": "ip4:192.0.2.0/24",
        "lookups": 0,
        "explanation": None,
    }
    assert spf(zone, "198.51.100.7", "--json") == 0
    assert json.loads(capsys.readouterr().out)["explanation"] == "198.51.100.7 does not send our mail"


def test_people_see_each_term_and_what_is_used_up(zone: str, capsys: Said) -> None:
    assert spf(zone, "198.51.100.7") == 0
    said = capsys.readouterr().out
    assert "shop.example: ip4:192.0.2.0/24: no match" in said
    assert "fail, by -all; 0 of 10 look-ups" in said


def test_what_is_given_wrong_is_said(zone: str, tmp_path: Path, capsys: Said) -> None:
    assert spf(zone, "nobody") == 2
    assert "nobody is no IP address" in capsys.readouterr().err
    assert spf(str(tmp_path / "gone"), "192.0.2.7") == 2
    assert "can't be read" in capsys.readouterr().err
    bad = tmp_path / "bad.yaml"
    bad.write_text("[unclosed")
    assert spf(str(bad), "192.0.2.7") == 2
    assert "is no YAML" in capsys.readouterr().err


def test_a_signature_is_verified_with_one_record_or_a_zone(tmp_path: Path, capsys: Said) -> None:
    record = KEY.read_text().strip()
    zone = tmp_path / "zone.yaml"
    zone.write_text(json.dumps({"test._domainkey.football.example.com": [{"TXT": record}]}))
    for file in (KEY, zone):
        assert run(["dkim", "verify", str(SIGNED), "--dns", str(file), "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {
            "file": str(SIGNED),
            "signatures": [{"domain": "football.example.com", "selector": "test", "result": "pass", "reason": None}],
        }
    empty = tmp_path / "empty.yaml"
    empty.write_text("{}")
    assert run(["dkim", "verify", str(SIGNED), "--dns", str(empty)]) == 0
    assert "permerror: there is no key at test._domainkey.football.example.com" in capsys.readouterr().out


def test_one_mail_and_one_fault_are_told_in_the_singular(tmp_path: Path, capsys: Said) -> None:
    assert run(["mail", "check", "newsletter"]) == 0
    assert capsys.readouterr().out == "1 mail: all right\n"
    file = tmp_path / "a.yaml"
    file.write_text("name: a\nstream: transactional\ntrigger: {manual: true}\nsteps: [{start: a}]\n")
    assert run(["flow", "draw", str(file)]) == 2
    assert capsys.readouterr().err.startswith("posthouse: 1 fault\n")

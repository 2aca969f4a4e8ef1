"""`posthouse rules unclassified` and `learn`: from replies that nobody knew to a rule that is proven."""

import json
from pathlib import Path

import pytest
from clock import NOON
from mail_shop import open_store

from engine.commands import run
from engine.config import load
from engine.house import ensure_state
from engine.own_rules import NAME, adopt_own_rules, place_of_rule
from mta.ports import to_ms

REPLY = "550 5.7.1 The gatekeeper at mx4.example.org dislikes ann@example.org (id 4f8Zx91kQ22)"
ALIKE = "550 5.7.1 The gatekeeper at mx1.example.org dislikes bob@example.org (id 7aaPx91kQ2X)"
Said = pytest.CaptureFixture[str]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "posthouse.toml"
    file.write_text('hostname = "mail.shop.example"\n[daemon]\nstate_dir = "state"\n')
    monkeypatch.setenv("POSTHOUSE_CONFIG", str(file))
    ensure_state(load(file))
    store = open_store(tmp_path / "state")
    insert = (
        "INSERT INTO attempt (delivery_id, at_ms, took_ms, host, address, stage, outcome, reply, rule, tls)"
        " VALUES (1, ?, 1, 'mx', '', 'rcpt', 'failed', ?, ?, '')"
    )
    rows = [(REPLY, "unclassified"), (ALIKE, "unclassified"), ("550 5.1.1 no such user", "no-such-user")]
    store.write_now(lambda tx: tx.executemany(insert, [(to_ms(NOON), *row) for row in rows]))
    store.close()
    return tmp_path / "state"


def test_replies_that_no_rule_knows_are_shown_by_kind(state: Path, capsys: Said) -> None:
    assert run(["rules", "unclassified", "--json"]) == 0
    (kind,) = json.loads(capsys.readouterr().out)
    assert (kind["count"], kind["text"]) == (2, "550 5.7.1 the gatekeeper at HOST dislikes ADDRESS (id ID)")
    assert run(["rules", "unclassified"]) == 0
    assert "2 replies of 1 kinds that no rule knows" in capsys.readouterr().out


def test_a_reply_becomes_a_rule_of_the_house(state: Path, capsys: Said) -> None:
    assert run(["rules", "learn", REPLY, "--class", "refused by recipient", "--dry-run"]) == 0
    assert not (state / NAME).exists()
    assert run(["rules", "learn", REPLY, "--class", "refused by recipient"]) == 0
    assert f"written to {state / NAME}" in capsys.readouterr().out
    try:
        assert adopt_own_rules(state) == ""
        assert run(["rules", "test", "--reply", ALIKE]) == 0
        assert "own.the-gatekeeper-dislikes" in capsys.readouterr().out
    finally:
        adopt_own_rules(state / "elsewhere")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["550 5.1.1 User unknown", "--class", "policy"], "shadowed"),
        (["nothing", "--class", "policy"], "does not begin with a reply code"),
        ([REPLY, "--class", "mood"], "there is no class"),
    ],
)
def test_what_is_no_good_rule_is_refused_and_nothing_written(
    state: Path, capsys: Said, words: list[str], why: str
) -> None:
    assert run(["rules", "learn", *words]) == 2
    assert why in capsys.readouterr().err
    assert not (state / NAME).exists()


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        ("class = 'spam'\nsamples = ['550 x']\ntext = 'y'", "own.a: dead"),
        ("class = 'policy'\nsamples = ['550 user unknown']\ntext = 'user'", "shadowed"),
    ],
)
def test_the_house_s_own_rules_are_tested_with_the_others(state: Path, capsys: Said, rule: str, what: str) -> None:
    try:
        assert run(["rules", "learn", REPLY, "--class", "refused by recipient"]) == 0
        assert run(["rules", "test"]) == 0
        (state / NAME).write_text(f"[[rule]]\nid = 'own.a'\n{rule}\n")
        assert run(["rules", "test", "--json"]) == 1
        (finding,) = json.loads(capsys.readouterr().out.splitlines()[-1])["findings"]
        assert (finding["rule"], finding["what"]) == (NAME, "left out")
        assert what in finding["text"]
    finally:
        adopt_own_rules(state / "elsewhere")


def test_a_file_that_was_spoilt_by_hand_is_left_out_with_its_reason(state: Path) -> None:
    (state / NAME).write_text("[[rule]]\nid = 'own.a'\nclass = 'spam'\nsamples = ['550 x']\ntext = 'y'\n")
    assert "dead" in adopt_own_rules(state)


def test_where_a_rule_stands_in_a_file_that_is_no_text_is_not_known(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b'[[rule]]\nid = "own.caf\xe9"\n')
    assert place_of_rule(tmp_path, "own.cafe") == ""

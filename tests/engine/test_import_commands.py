"""What operators type: `posthouse contact import`, `posthouse import`, and the proof of an imported person."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.commands import run
from engine.config import load
from engine.store.opening import store_at
from engine.system import SystemClock
from mta.ports import Tx, to_ms


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    config = tmp_path / "posthouse.toml"
    config.write_text('hostname = "mail.shop.example"\n[daemon]\nstate_dir = "var"\n')
    monkeypatch.setenv("POSTHOUSE_CONFIG", str(config))
    store = store_at(load(config).database_place, SystemClock()).open()
    store.migrate()

    def fill(tx: Tx) -> None:
        for name, purpose in (("tea", "One letter a month."), ("bare", "")):
            tx.execute(
                "INSERT INTO list (name, title, confirmation, purpose, created_ms) VALUES (?,?,'double',?,0)",
                (name, name, purpose),
            )

    store.write_now(fill)
    store.close()
    return tmp_path


def people(
    shop: Path, text: str | bytes = "E-Mail,Name\nann@example.org,Ann\nnobody,Bob\n", name: str = "people.csv"
) -> str:
    path = shop / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def test_an_import_says_what_it_did_and_a_proof_of_it_verifies(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = people(shop)
    assert run(["contact", "import", file, "--list", "tea", "--source", "a fair"]) == 0
    said = capsys.readouterr().out
    assert "taken: 1 row; 1 people are new" in said and "entry 1 of the consent ledger" in said
    assert f"not taken: 1 row; see {file}.quarantine.csv" in said
    proof = str(shop / "ann.json")
    assert run(["consent", "proof", "ann@example.org", "--out", proof]) == 0
    assert run(["consent", "verify", proof]) == 0
    said = capsys.readouterr().out
    assert "import 1, row 2 of people.csv: a fair" in said and "One letter a month." in said
    assert run(["consent", "show", "ann@example.org"]) == 0 and run(["consent", "check"]) == 0
    assert "1 rows of 1 imports verify" in capsys.readouterr().out
    changed = Path(proof).read_bytes()
    Path(proof).write_bytes(changed.replace(b"ann@example.org", b"amn@example.org"))
    assert run(["consent", "verify", proof]) == 1


def test_a_merged_contact_s_proof_holds_what_was_said_for_the_asked_address(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, proof = people(shop, "mail\nann@example.org\nold@example.org\n"), str(shop / "ann.json")
    assert run(["contact", "import", file, "--list", "tea", "--source", "a fair"]) == 0
    assert run(["contact", "merge", "old@example.org", "ann@example.org"]) == 0
    assert run(["consent", "proof", "ann@example.org", "--out", proof]) == 0
    assert run(["consent", "verify", proof]) == 0
    assert "old@example.org" not in Path(proof).read_text()
    capsys.readouterr()
    assert run(["consent", "show", "ann@example.org"]) == 0
    assert "old@example.org" in capsys.readouterr().out, "shown with its address"


def test_a_ledger_that_does_not_verify_makes_no_proof(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["contact", "import", people(shop), "--list", "tea", "--source", "a fair"]) == 0
    in_store(shop, lambda tx: tx.execute("UPDATE import_row SET facts = replace(facts, 'confirmed', 'what')"))
    proof = shop / "ann.json"
    assert run(["consent", "proof", "ann@example.org", "--out", str(proof)]) == 1 and not proof.exists()
    assert "no proof was written" in capsys.readouterr().err


def in_store(shop: Path, work: Callable[[Tx], Any]) -> Any:
    store = store_at(load(shop / "posthouse.toml").database_place, SystemClock()).open()
    found = store.write_now(work)
    store.close()
    return found


def test_consent_show_and_verify_tell_what_the_file_said_and_what_became_of_it(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = "mail,asked,asked_ip,confirmed,confirmed_ip\nann@example.org,2024-01-01,192.0.2.1,2024-01-02,192.0.2.2\n"
    run(["contact", "import", people(shop, asked), "--list", "tea", "--source", "a fair"])
    in_store(shop, lambda tx: tx.execute("UPDATE subscription SET state = 'unsubscribed'"))
    run(["contact", "import", people(shop, asked + "\n", "again.csv"), "--list", "tea", "--source", "a fair"])
    proof = str(shop / "ann.json")
    run(["consent", "proof", "ann@example.org", "--out", proof])
    for command in (["consent", "show", "ann@example.org"], ["consent", "verify", proof]):
        capsys.readouterr()
        assert run(command) == 0
        first, second = capsys.readouterr().out.split("\n2  ")
        said = (
            "the file says: tea confirmed, asked 2024-01-01T00:00:00+00:00 from 192.0.2.1,"
            " confirmed 2024-01-02T00:00:00+00:00 from 192.0.2.2\n"
        )
        assert said in first and "imported  tea confirmed  by" in first and "what became of it: tea confirmed" in first
        assert said in second and "imported  tea unsubscribed  by" in second
        assert "what became of it: tea unsubscribed" in second


def test_the_dates_of_mailchimp_s_file_are_shown(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header = "Email Address,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,UNSUB_TIME,UNSUB_REASON,LEID"
    row = "bob@example.org,2024-01-01 09:00:00,192.0.2.1,2024-01-01 09:05:00,192.0.2.2,2024-03-01 08:00:00,NORMAL,3"
    file = people(shop, f"{header}\n{row}\n", "unsubscribed_email_audience_export_1.csv")
    assert run(["contact", "import", file, "--list", "tea", "--source", "Mailchimp"]) == 0
    assert run(["consent", "show", "bob@example.org"]) == 0
    said = capsys.readouterr().out
    assert "imported  tea unsubscribed  by" in said
    assert "asked 2024-01-01T09:00:00+00:00 from 192.0.2.1, confirmed 2024-01-01T09:05:00+00:00 from 192.0.2.2" in said
    assert "left 2024-03-01 08:00:00, why NORMAL" in said


def test_commands_live_at_the_lab_s_time(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    days = timedelta(days=40)
    put = "INSERT INTO meta (key, value) VALUES ('clock_offset_ms', ?)"
    in_store(shop, lambda tx: tx.execute(put, (str(days // timedelta(milliseconds=1)),)))
    soon = SystemClock().now() + days
    assert run(["contact", "import", people(shop), "--list", "tea", "--source", "a fair"]) == 0
    assert run(["contact", "add", "bob@example.org", "--source", "call"]) == 0
    assert run(["field", "add", "size"]) == 0 and run(["token", "add", "shop"]) == 0
    for table in (
        "consent_entry WHERE at_ms",
        "contact WHERE created_ms",
        "field WHERE created_ms",
        "api_token WHERE created_ms",
    ):
        count = in_store(shop, lambda tx, table=table: tx.one(f"SELECT count(*) FROM {table} >= ?", (to_ms(soon),)))
        assert count != (0,), table


def test_a_dry_run_shows_columns_and_reasons_and_writes_nothing(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["contact", "import", people(shop), "--list", "tea", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "E-Mail                       address" in said
    assert '1: address: "..." has no @ (first in row 3 of people.csv)' in said and "nothing was written" in said
    assert run(["contact", "import", people(shop), "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["good"] == 1
    assert run(["import", "list"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--source says how"),
        (["--source", "x", "--list", "bare"], "--wording says which words"),
        (["--source", "x", "--list", "coffee"], "there is no list coffee"),
        (["--source", "x", "--map", "Nix=address"], 'there is no column "Nix"'),
        (["--source", "x", "--map", "address"], "is not COLUMN=WHAT"),
        (["--source", "x", "--encoding", "EBCDIC"], "is none of UTF-8"),
        (["--source", "x", "--from", "sendy"], "is none of csv"),
        (["--source", "x", "--from", "mailchimp"], "does not say which it is"),
        (["--source", "x", "--separator", "::"], "not one character"),
        (["--source", "x", "--dates", "ymd"], "none of iso, dmy, mdy"),
        (["--source", "x", "--zone", "Mars"], '--zone "Mars" is none'),
        (["--source", "x", "--tag", "a,b"], "is no tag"),
    ],
)
def test_what_can_t_be_is_refused_in_words(
    shop: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert run(["contact", "import", people(shop), *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\x00\x01\x02" * 4000, "no text"),
        ("mail,name\nx@example.org,Ан\n".encode("cp1251"), "--encoding"),
        (b"PK\x03\x04junk", "archive can't be read"),
        (b"name\nAnn\n", "no column holds the address"),
        (b"x" * (1 << 21), "first line is longer"),
    ],
)
def test_files_that_are_none_are_refused_in_words(
    shop: Path, capsys: pytest.CaptureFixture[str], content: bytes, said: str
) -> None:
    assert run(["contact", "import", people(shop, content, "x.csv"), "--source", "x"]) == 2
    assert said in capsys.readouterr().err
    assert run(["contact", "import", str(shop / "none.csv"), "--source", "x"]) == 2
    assert "none.csv can't be read" in capsys.readouterr().err


def test_what_a_file_calls_its_columns_never_reaches_the_terminal_raw(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = '{"address": "ann@example.org", "\\ud800\\u001b[2J": 1, "tags": "\\ud800"}\n'
    assert run(["contact", "import", people(shop, lines, "p.jsonl"), "--dry-run"]) == 0
    assert run(["contact", "import", people(shop, "a\x1b]0;x\x07,b\nc,d\n"), "--source", "x"]) == 2
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err and "\ud800" not in said.out


def test_an_encoding_can_be_said(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = people(shop, "mail,name\nx@example.org,Ан\n".encode("cp1251"))
    assert run(["contact", "import", file, "--source", "x", "--encoding", "windows-1251"]) == 0
    assert run(["contact", "show", "x@example.org"]) == 0
    assert "Ан" in capsys.readouterr().out


def test_imports_are_listed_shown_and_released(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["contact", "import", people(shop), "--list", "tea", "--source", "a fair"])
    assert run(["contact", "import", people(shop), "--list", "tea", "--source", "a fair"]) == 1
    assert "this very file is import 1 already" in capsys.readouterr().err
    assert run(["import", "list"]) == 0 and run(["import", "show", "1", "--json"]) == 0
    assert "people.csv" in capsys.readouterr().out
    assert run(["import", "release", "1", "--why", "looked at it"]) == 0
    assert run(["import", "show", "1"]) == 0
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["rows", "2"] in shown and ["suppressed", "0"] in shown, "a head is no row"
    assert ["why", "looked", "at", "it"] in [[*line[:1], *line[-3:]] for line in shown]
    assert run(["import", "release", "1", "--why", "again"]) == 1 and run(["import", "show", "9"]) == 1
    assert run(["import", "finish", "1"]) == 1
    assert "is not interrupted" in capsys.readouterr().err

"""What operators type: `posthouse contact import`, `posthouse import`, and the proof of an imported person."""

import json
from pathlib import Path

import pytest

from engine.commands import run
from engine.config import load
from engine.store.opening import store_at
from engine.system import SystemClock
from mta.ports import Tx


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
    assert "looked at it" in capsys.readouterr().out
    assert run(["import", "release", "1", "--why", "again"]) == 1 and run(["import", "show", "9"]) == 1
    assert run(["import", "finish", "1"]) == 1
    assert "is not interrupted" in capsys.readouterr().err

"""Forms, snippets, surveys and tokens from the command line: what is wrong is said and changes nothing."""

import json
from pathlib import Path

import pytest
from mail_shop import make_list, open_store

from engine.commands import run
from engine.config import load
from engine.house import ensure_state


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration in force, with a database that has one list."""
    file = tmp_path / "posthouse.toml"
    file.write_text(
        'hostname = "mail.shop.example"\n[daemon]\nstate_dir = "state"\n[web]\nbase_url = "https://mail.shop.example"\n'
    )
    monkeypatch.setenv("POSTHOUSE_CONFIG", str(file))
    ensure_state(load(file))
    store = open_store(tmp_path / "state")
    store.write_now(make_list)
    store.close()
    return tmp_path


Said = pytest.CaptureFixture[str]


def ask(said: Said, *words: str) -> tuple[int, str, str]:
    code = run(list(words))
    out, err = said.readouterr()
    return code, out, err


def test_a_form_asks_for_declared_fields_and_its_snippet_is_kept(here: Path, capsys: Said) -> None:
    assert ask(capsys, "list", "form", "tea") == (
        0, "https://mail.shop.example/subscribe/tea\nasks for address, name\n", ""
    )  # fmt: skip
    assert ask(capsys, "list", "form", "tea", "--field", "size")[0] == 2
    assert ask(capsys, "field", "add", "size", "--kind", "number")[0] == 0
    assert ask(capsys, "list", "form", "tea", "--field", "size")[1].endswith("asks for address, name, size (number)\n")
    code, html, _ = ask(capsys, "list", "snippet", "tea", "--locale", "zh-TW")
    assert code == 0 and 'lang="zh-Hant"' in html and 'name="field.size"' in html
    assert ask(capsys, "list", "form", "tea", "--no-fields")[1].endswith("asks for address, name\n")
    for words in (("form", "none"), ("snippet", "none")):
        code, _, err = ask(capsys, "list", *words)
        assert code == 1 and "there is no list none" in err
    store = open_store(here / "state")
    assert len(store.read_now(lambda tx: tx.query("SELECT version FROM form_wording"))) == 1
    store.close()


def test_a_survey_is_made_shown_and_refused(here: Path, capsys: Said) -> None:
    assert ask(capsys, "survey", "add", "nps", "--question", "Well?")[0] == 0
    code, out, _ = ask(capsys, "survey", "add", "why", "--kind", "choice", "--choice", "Tea", "--choice", "People")
    assert (code, out) == (0, "why asks; the answers are Tea, People\n")
    assert [each["name"] for each in json.loads(ask(capsys, "survey", "list", "--json")[1])] == ["nps", "why"]
    assert "Well?" in ask(capsys, "survey", "list")[1]
    assert ask(capsys, "survey", "add", "x", "--kind", "maybe")[0] == 2
    assert ask(capsys, "survey", "add", "nps", "--kind", "stars")[0] == 2


def test_a_token_is_shown_once_and_only_its_hash_is_kept(here: Path, capsys: Said) -> None:
    token = json.loads(ask(capsys, "token", "add", "shop", "--scope", "events", "--json")[1])["token"]
    assert token.startswith("ph_")
    assert ask(capsys, "token", "list")[1].split() == ["shop", "events,", "600/min"]
    assert json.loads(ask(capsys, "token", "list", "--json")[1]) == [
        {"name": "shop", "scopes": ["events"], "rate": 600}
    ]
    assert "ph_" in ask(capsys, "token", "add", "other")[1]
    assert ask(capsys, "token", "add", "shop")[0] == 2
    assert ask(capsys, "token", "add", "x", "--scope", "root")[0] == 2
    assert ask(capsys, "token", "remove", "shop")[0] == 0
    assert ask(capsys, "token", "remove", "shop")[0] == 2
    assert token not in "".join(path.read_text("latin-1") for path in (here / "state").iterdir() if path.is_file())

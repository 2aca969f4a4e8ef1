"""What makes no sense on a command line is told as every other refusal is: plain, with the nearest word, and 2."""

import pytest

from engine import cli, typed
from engine.commands import run


@pytest.mark.parametrize(
    ("words", "what", "remedy"),
    [
        ("qeue", "there is no command qeue (did you mean queue?)", "`posthouse --help` lists them"),
        (
            "flow chekc x",
            "`posthouse flow` has no command chekc (did you mean check?)",
            "`posthouse flow --help` lists",
        ),
        (
            "queue --jsn",
            "`posthouse queue` has no option --jsn (did you mean --json?)",
            "`posthouse queue --help` lists",
        ),
        ("consent --json", "--json comes after the command", "as in: posthouse consent "),
        ("queue --limit many", "--limit: 'many' is not a valid int", "`posthouse queue --help` says more"),
        ("queue --limit", "--limit wants a value", ""),
        ("shaping show", "`posthouse shaping show` wants SITE: a site", "as in: posthouse shaping show SITE"),
        ("fence lift", "`posthouse fence lift` wants --why", "as in: posthouse fence lift --why ..."),
        ("shaping show a b c", "`posthouse shaping show` has no place for b c", "as in: posthouse shaping show SITE"),
        ("flow", "`posthouse flow` wants a command: ", "`posthouse flow --help` says what each does"),
    ],
)
def test_what_makes_no_sense_is_told_plainly_with_what_would(
    words: str, what: str, remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words.split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    first, *more = said.err.splitlines()
    assert first.startswith(f"posthouse: {what}")
    assert [line.startswith(f"  {remedy}") for line in more] == ([True] if remedy else [])


@pytest.mark.parametrize(
    ("words", "what", "remedy"),
    [
        ("srve", "`posthoused` has no command srve (did you mean serve?)", "`posthoused --help` lists them"),
        ("--config x serve", "--config comes after the command", "as in: posthoused serve --config ..."),
        ("check --config /nowhere", "/nowhere: no such file", ""),
    ],
)
def test_the_daemon_speaks_as_its_commands_do(
    words: str, what: str, remedy: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["posthoused", *words.split()])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    first, *more = capsys.readouterr().err.splitlines()
    assert first.startswith(f"posthoused: {what}")
    assert more == ([f"  {remedy}"] if remedy else [])


def test_help_is_plain_and_tells_all_of_each_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["queue", "--help"]) == 0
    said = capsys.readouterr().out
    assert "╭" not in said
    assert "until they are released" in " ".join(said.split())
    assert typed.run(cli.app, [], "posthoused") == 0
    assert "Bring the database up to date." in capsys.readouterr().out

"""The catalogue of moods: data that holds together, and an overlay that is refused with words."""

from pathlib import Path

import pytest

from engine.lab.moods import CatalogueError, Mood, Stage, load

CATALOGUE = load()


def test_every_reply_is_made_of_lines_of_one_code_except_the_garbage() -> None:
    for mood in CATALOGUE.mood.values():
        lines = mood.reply.split("\n") if mood.reply and mood.name != "garbage-greeting" else []
        codes = {line[:3] for line in lines}
        assert len(codes) <= 1, mood.name
        assert all(line[3:4] == "-" for line in lines[:-1]) and all(line[3:4] == " " for line in lines[-1:]), mood.name


def test_every_mood_shows_at_some_host_or_for_some_mailbox() -> None:
    by_host = {name for host in CATALOGUE.host.values() for name in (*host.moods, *host.mailboxes.values())}
    before_rcpt = {name for name, mood in CATALOGUE.mood.items() if mood.at in (Stage.GREETING, Stage.EHLO, Stage.MAIL)}
    assert before_rcpt <= by_host


@pytest.mark.parametrize("local", ["unknown", "Unknown", "unknown+17", "unknown.17"])
def test_the_local_part_up_to_plus_or_point_names_the_mood(local: str) -> None:
    mood = CATALOGUE.of_mailbox(CATALOGUE.host["shop"], local)
    assert mood is not None and mood.name == "unknown"


def test_a_provider_says_it_in_its_own_words() -> None:
    mood = CATALOGUE.of_mailbox(CATALOGUE.host["gmail"], "unknown")
    assert mood is not None and "NoSuchUser" in mood.reply


def test_any_other_local_part_has_no_mood() -> None:
    assert CATALOGUE.of_mailbox(CATALOGUE.host["shop"], "unknownst") is None


def test_an_overlay_adds_and_changes_by_name(tmp_path: Path) -> None:
    overlay = tmp_path / "moods.toml"
    overlay.write_text('[host.shop]\nmoods = ["defer-mail"]\n[mood.greylist]\ngreylist = "1 h"\n')
    catalogue = load(overlay)
    assert catalogue.host["shop"].moods == ("defer-mail",)
    assert catalogue.host["shop"].address == CATALOGUE.host["shop"].address
    assert catalogue.mood["greylist"].greylist is not None
    assert catalogue.mood["greylist"].greylist.total_seconds() == 3600


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[host.shop]\nmoods = ["angry"]', "angry"),
        ('[host.shop]\naddress = "192.0.2.1"', "loopback"),
        ('[host.shop]\naddress = "127.0.0.2"', "more than one host"),
        ('[mood.new]\nabout = "x"\nat = "rcpt"', "does nothing"),
        ('[mood.new]\nabout = "x"\nat = "lunch"\nreply = "250 x"', "mood.new.at"),
        ('[mood.new]\nabout = "x"\nat = "rcpt"\nreply = "250 x"\ndelay = "3 fortnights"', "is not a duration"),
        ("[host.shop", "moods.toml"),
        ("host = 3", "moods.toml"),
        ("[host]\nshop = 3", "moods.toml"),
        ("[hats.shop]\na = 1", "hats"),
    ],
)
def test_a_wrong_overlay_is_refused_with_words_that_say_where(tmp_path: Path, text: str, words: str) -> None:
    overlay = tmp_path / "moods.toml"
    overlay.write_text(text)
    with pytest.raises(CatalogueError) as refused:
        load(overlay)
    assert words in str(refused.value)


def test_a_mood_that_only_delays_does_something() -> None:
    assert Mood(name="late", about="", at=Stage.DOT, delay="1 s").delay.total_seconds() == 1  # type: ignore[arg-type]

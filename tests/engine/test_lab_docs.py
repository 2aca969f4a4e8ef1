"""docs/lab.md names every domain and every mood that a user can meet, and no other."""

import re
import tomllib
from importlib import resources
from pathlib import Path

from engine.lab.moods import Host, Mood, Stage, load

PAGE = (Path(__file__).parents[2] / "docs" / "lab.md").read_text(encoding="utf-8")
CATALOGUE = load()


def named_in(heading: str) -> set[str]:
    """What stands in backquotes in the first column of the tables under a heading."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| ([^|]*) \|", section, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_every_domain_is_on_the_page() -> None:
    zone = tomllib.loads(resources.files("engine.lab").joinpath("zone.toml").read_text(encoding="utf-8"))
    domains = {domain for host in CATALOGUE.host.values() for domain in host.domains}
    domains |= {name for name in zone if re.fullmatch(r"[a-z0-9]+\.lab|(bounce\.)?shop\.example", name)} | {
        "implicit.lab"
    }
    assert named_in("Domains") == domains


def test_every_local_part_is_on_the_page() -> None:
    own_words = {mood for host in CATALOGUE.host.values() for mood in host.mailboxes.values()} - {"over-quota"}
    met_at_rcpt = {
        mood.name
        for mood in CATALOGUE.mood.values()
        if mood.at not in (Stage.GREETING, Stage.EHLO, Stage.MAIL) and mood.name not in own_words
    }
    assert named_in("Recipients") == met_at_rcpt


def test_every_key_of_the_moods_file_is_on_the_page() -> None:
    text = PAGE.partition("## Other moods")[2].partition("## Other names")[0]
    for name in (set(Mood.model_fields) | set(Host.model_fields)) - {"name", "about"}:
        assert f"`{name}`" in text, name

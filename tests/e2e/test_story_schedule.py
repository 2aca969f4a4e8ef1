"""A newsletter by keys alone: for Tuesday at ten on each reader's clock, seen in Hebrew and Chinese, tried, recalled."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from house_lab import LabTown, lab_town
from tmux_stage import TmuxStage, tmux_stage

from engine.config import load
from engine.control.protocol.calendar import Calendar, CampaignText
from engine.control.protocol.campaigns import CampaignShown
from engine.scene.signing import sign_for
from mta.ports import from_ms
from tui.bidi import visual

pytestmark = pytest.mark.e2e

READERS = {"ann@shop.lab": "Asia/Tokyo", "ben@shop.lab": "", "cem@shop.lab": "America/New_York"}
SPRING = """name: spring
title: Spring news
goal: {event: order.placed, within: 7d}
audience: {lists: [news]}
template: newsletter
subject: {en: "Spring is here", he: "האביב כאן", zh: "春天来了"}
content:
  en: {heading: Spring, paragraphs: ["New teas have come."]}
  he: {heading: אביב, paragraphs: ["הגיעו תה חדשים."]}
  zh: {heading: 春天, paragraphs: ["新茶到了。"]}
window: 10m
"""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabTown]:
    with lab_town(tmp_path_factory.mktemp("schedule")) as town:
        town.go_to_noon(weekday=2)  # on a Monday night it is Tuesday at ten somewhere already
        sign_for(load(town.daemon.config_path), town.lab.state, "shop.example")
        town.daemon.act("keys")
        town.daemon.act("lists", name="news", title="News", purpose="What is new.", confirmation="single")
        for address, zone in READERS.items():
            town.daemon.act("lists/subscribe", list="news", address=address, zone=zone, wording="yes")
        yield town


def fill(one: TmuxStage, *answers: str) -> None:
    """Answer a form, field by field; the last one closes it."""
    for each in answers:
        if each:
            one.write(each)
            one.see(each[-20:])
        one.step("Enter")


def sure(one: TmuxStage) -> None:
    """Cancel has the focus: go to the other button, and press it."""
    one.see("Cancel ◂")
    one.step("l")
    one.keys("Enter")


def test_a_newsletter_is_scheduled_looked_at_tried_and_recalled_by_keys_alone(town: LabTown, tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(SPRING, "utf-8")
    with tmux_stage(town.daemon, tmp_path) as one:
        one.keys("4")
        one.see("nothing is planned")
        one.keys("C")
        one.see("A campaign file")
        fill(one, str(file))
        one.see("◌ draft", "spring", "u undo")
        one.keys("S")
        one.see("Schedule spring")
        fill(one, "tue 10:00 reader", "the lab has no DNS of its own")
        one.see("forecast", "recipients  3 of 3")
        sure(one)
        one.see("○ scheduled", "spring", "first")
        planned = next(each for each in calendar(town).rows if each.name == "spring")
        tuesday = datetime.fromisoformat(planned.civil)
        assert (tuesday.weekday(), tuesday.hour, planned.zone) == (1, 10, "contact")
        one.see("ends ")
        one.keys("Enter")
        one.see("Schedule › spring", "Asia/Tokyo", "of which mail leaves for under a minute")
        open_line(one, "its mail")
        one.see("Schedule › spring › mail", "Spring is here")
        one.keys("v")
        one.see(visual("האביב כאן"))
        one.keys("v")
        one.see(
            "no subject and no text in ru yet: its readers get the en one", "What will stand around it", "Здравствуйте"
        )
        one.keys("W")
        one.see("Write spring in ru")
        fill(one, "Весна пришла", "Весна", "Новый чай уже здесь.")
        one.see("✓ ru", "Весна пришла", "Новый чай уже здесь.")
        one.keys("v")
        one.see("春天来了", "新茶到了")
        one.keys("T")
        one.see("Send a test of spring")
        fill(one, "me@shop.lab", "zh")
        assert town.mail_for("me@shop.lab", "春天来了")
        one.keys("Escape", "Escape")
        one.see("Schedule, agenda")
        one.run("set-option", "-g", "remain-on-exit", "on")
        one.keys(">")
        one.see("trying spring at")
        one.keys("M")
        one.see("Move spring", f"{tuesday + timedelta(minutes=30):%Y-%m-%dT%H:%M}")
        one.keys("Enter")
        one.see("✓ campaign spring begins")
        one.keys("u")
        one.see("✓ undone")
        assert next(each for each in calendar(town).rows if each.name == "spring").civil == planned.civil
        first = tuesday.replace(tzinfo=UTC) - timedelta(hours=14)
        town.daemon.advance(f"{int((first - from_ms(calendar(town).now_ms)).total_seconds()) + 60} s")
        town.daemon.until(lambda: state(town) == "running")
        one.see("► running")
        one.keys("X")
        one.see("Recall spring")
        fill(one, "wrong price")
        one.see("recalling spring", "0 have it")
        sure(one)
        one.see("↩ recalled")
    shown = town.daemon.control.get(CampaignShown, "/v1/campaigns/spring")
    assert (shown.runs[0].state, {each.what: each.people for each in shown.runs[0].figures}) == (
        "recalled",
        {"waiting": 3},
    )
    assert "zone: contact" in town.daemon.control.get(CampaignText, "/v1/campaigns/spring/text").source
    assert town.daemon.rows("SELECT count(*) FROM delivery WHERE forward_path LIKE 'ann@%'") == [(0,)]


def calendar(town: LabTown) -> Calendar:
    return town.daemon.control.get(Calendar, "/v1/calendar")


def state(town: LabTown) -> str:
    return town.daemon.control.get(CampaignShown, "/v1/campaigns/spring").runs[0].state


def open_line(one: TmuxStage, words: str) -> None:
    """Go down to the line with these words, and open it."""
    for _ in range(40):
        place, line = cursor(one.text)
        if words in line:
            one.keys("Enter")
            return
        one.keys("j")
        one.until(lambda text, place=place: cursor(text)[0] > place)  # type: ignore[misc]
    raise AssertionError(f"no line says {words}:\n{one.text}")


def cursor(screen: str) -> tuple[int, str]:
    """In which line it is, and what that says; -1 in the middle of a repaint."""
    return next(((place, line) for place, line in enumerate(screen.splitlines()) if "▌" in line), (-1, ""))

"""Mode 4: its views, clocks and verbs, over the canned daemon."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from canned import schedule as canned_schedule
from canned_daemon import canned
from tui_stage import Stage, stage

from engine.control.client import Control
from engine.control.protocol.acts import Refused
from engine.control.protocol.calendar import Planned
from tui import plain
from tui.ink import Target
from tui.ink import plain as plain_text
from tui.pages import schedule, schedule_campaign
from tui.pages.schedule_time import OURS, READERS, YOURS, Lens, is_quiet, strip
from tui.screens.schedule_campaign import CampaignMailScreen
from tui.verbs import Intent

CALENDAR = canned_schedule._calendar({}, {})
NEWS = canned_schedule.NEWS
_NARROWEST = 40  # cells; a terminal that is narrower cuts the lines


def day(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_send_on_readers_clocks_stands_where_they_see_it_and_elsewhere_spans_the_zones() -> None:
    theirs, ours = Lens(READERS, "UTC"), Lens(OURS, "UTC")
    assert theirs.start(NEWS) == day("2026-11-24T10:00")
    assert ours.start(NEWS) == day("2026-11-24T01:00")
    assert len(ours.spans(NEWS)) == 2
    [(begins, ends)] = theirs.spans(NEWS)
    assert begins == day("2026-11-24T10:00") and ends > begins
    assert Lens(OURS, "Asia/Tokyo").start(NEWS) == day("2026-11-24T10:00")
    assert Lens(OURS, "No/Where").start(NEWS) == day("2026-11-24T01:00")


def test_quiet_hours_are_shaded_over_midnight_and_on_whole_days() -> None:
    lens = Lens(READERS, "UTC")
    told = {text: is_quiet(CALENDAR, day(text), lens) for text in (
        "2026-11-24T07:59", "2026-11-24T08:00", "2026-11-24T20:59", "2026-11-24T21:00", "2026-11-28T12:00"
    )}  # fmt: skip
    assert list(told.values()) == [True, False, False, True, True]
    runs = strip(CALENDAR, NEWS, lens, day("2026-11-24T00:00"), day("2026-11-25T00:00"), 24)
    text = "".join(run.text for run in runs)
    assert (text[:8], text[10], text[-2:]) == ("░" * 8, "█", "░░")


@pytest.mark.parametrize("view", schedule.VIEWS)
@pytest.mark.parametrize("kind", [OURS, READERS, YOURS])
@pytest.mark.parametrize("width", [12, 24, 40, 76, 100, 158])
def test_every_view_fits_its_width_on_every_clock(view: str, kind: str, width: int) -> None:
    lines = schedule.drawn(CALENDAR, canned_schedule.ROWS, view, Lens(kind, "UTC"), width)
    assert max(each.width for each in lines) <= max(width, _NARROWEST)
    assert {each.target.name for each in lines if each.target} >= {"spring-news", "advent"}
    assert not any("\x1b" in each.text for each in lines)


@pytest.mark.parametrize("view", schedule.VIEWS)
@pytest.mark.parametrize("width", [60, 100, 158])
def test_where_nothing_is_planned_the_days_are_there_all_the_same(view: str, width: int) -> None:
    bare = replace(CALENDAR, rows=())
    lines = schedule.drawn(bare, (), view, Lens(OURS, "UTC"), width)
    text = plain_text(lines)
    assert max(each.width for each in lines) <= width
    assert "nothing is planned" in text and ("░" in text or view == "month")
    assert ("Anniversaries of the sign-up" in text) == (view == "agenda")
    assert "nothing that is planned matches" in plain_text(schedule.drawn(CALENDAR, (), view, Lens(OURS, "UTC"), width))


async def test_beside_an_empty_schedule_stand_the_flows(tmp_path: Path) -> None:
    async with stage(tmp_path, (160, 48)) as one:
        answer = one.daemon.answers["/v1/calendar"]
        one.daemon.answers["/v1/calendar"] = lambda query, words: replace(answer(query, words), rows=())  # type: ignore[type-var]
        await one.press("4")
        await one.see("nothing is planned", "░", "42 in these days", "Flows send by themselves", "abandoned-cart")


def test_only_what_is_being_counted_says_so() -> None:
    lens = Lens(OURS, "UTC")

    def told(row: Planned) -> tuple[bool, str]:
        line = schedule.agenda(CALENDAR, [row], lens, 100)[1]
        page = schedule_campaign.campaign(CALENDAR, row, None, lens, 100)
        return "…" in line.text, next(each.text for each in page if each.text.startswith("to "))

    unknown = replace(NEWS, people=None)
    assert told(unknown) == (True, "to         being counted")
    assert told(replace(unknown, state="paused")) == (True, "to         being counted")
    assert told(replace(unknown, state="stopped")) == (False, "to         nobody: it never began")
    assert told(replace(unknown, kind="flow", state="flow")) == (False, "to         as many as its day brings")
    assert told(replace(unknown, kind="flow", state="paused")) == (False, "to         as many as its day brings")


def test_why_a_send_has_not_left_names_each_cause_with_its_rule() -> None:
    told = {
        row.name: "\n".join(each.text for each in schedule_campaign.why(CALENDAR, row, None, Lens(OURS, "UTC"), 60))
        for row in canned_schedule.ROWS
    }
    assert "its time is Tue 01:00" in told["spring-news"] and "when in spring-news.yaml" in told["spring-news"]
    assert "no time was given" in told["advent"]
    assert "people enter on that day: birthday at 09:00" in told["birthday"]
    assert "it is paused: [/x]" in told["evil\x1b[31m"]


async def test_v_goes_through_agenda_week_and_month_and_z_through_the_clocks(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("4")
        await one.see("Schedule, agenda", "your clock", "advent")
        await one.press("v")
        await one.see("Schedule, week", "Mon 23", "█ leaves")
        await one.press("v", "z")
        await one.see("Schedule, month", "each reader's clock")
        await one.press("z")
        await one.see("the clock of UTC")


async def _at(one: Stage, name: str) -> None:
    """The cursor goes down until it is on this send."""
    await one.press("g")
    for _ in range(20):
        if any(line.startswith("▌") and name in line for line in one.text.splitlines()):
            return
        await one.press("j")
    raise AssertionError(one.text)


async def test_a_time_is_tried_with_the_arrows_and_M_moves_there(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("4")
        await one.see("advent")
        await _at(one, "spring-news")
        await one.press("greater_than_sign")
        await one.see("trying spring-news at 2026-11-24 10:30")
        assert any("move=spring-news&at=2026-11-24T10%3A30" in each for each in one.daemon.asked)
        await one.press("M")
        await one.see("Move spring-news", "2026-11-24T10:30")
        await one.press("enter")
        await one.see("✓ moved spring-news", "u undo")
        assert one.daemon.done[-1] == (
            "campaigns/move",
            {"campaign": "spring-news", "at": "2026-11-24T10:30 reader", "by": "dana"},
        )
        await one.until(lambda: "trying" not in one.text)


async def test_a_draft_is_scheduled_after_the_plan_was_seen_and_a_running_one_recalled(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("4")
        await one.see("advent")
        await _at(one, "advent")
        await one.press("S")
        await one.see("Schedule advent")
        await one.press(*"now", "enter", "enter")
        await one.see("forecast    about 16 h 20 min", "▸ Cancel ◂")
        await one.press("l", "enter")
        await one.see("✓ scheduled advent")
        assert [name for name, _ in one.daemon.done] == ["campaigns/plan", "campaigns/schedule"]
        await one.press("X")
        await one.see("X recall: advent is draft, not scheduled or running or paused")
        await _at(one, "weekly-offers")
        await one.press("X", *"oops", "enter")
        await one.see("recalling: 4,301 have it")
        await one.press("l", "enter")
        await one.see("✓ recalled")
        assert one.daemon.done[-1][1] == {"campaign": "weekly-offers", "run": 11, "why": "oops", "by": "dana"}


async def test_the_mail_is_seen_in_each_language_and_the_people_by_state(tmp_path: Path) -> None:
    async with stage(tmp_path, (100, 30)) as one:
        await one.press("4")
        await one.see("advent")
        await _at(one, "weekly-offers")
        await one.press("enter")
        await one.see("Run 11", "gmail.com")
        await _at(one, "its mail")
        await one.press("enter")
        await one.see("Spring is here, Ann")
        await one.press("v")
        await one.see("האביב כאן")
        await one.press("v", "v", "v")
        await one.see("春天來了")
        await one.press("escape")
        await one.see("Run 11")
        await _at(one, "delivered")
        await one.press("enter")
        await one.see("weekly-offers › delivered", "reader1@gmail.com")
        await one.press("v")
        await one.see("weekly-offers › bounced")


async def test_a_language_is_counted_from_what_was_asked_for_and_none_is_written_before_it_is_here(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, (100, 30)) as one:
        await one.press("4")
        await one.see("advent")
        await _at(one, "weekly-offers")
        await one.press("enter")
        await one.see("Run 11", "gmail.com")
        await _at(one, "its mail")
        await one.press("enter")
        await one.see("Spring is here, Ann")
        screen = one.app.screen
        assert isinstance(screen, CampaignMailScreen)
        screen.action_language(1)
        screen.action_language(1)  # before an answer came
        assert screen.write() == "ru is on its way"
        await one.see("weekly-offers › mail ─", " ru ─")
        await one.until(lambda: isinstance(said := screen.write(), Intent) and said.body["locale"] == "ru")


async def test_a_new_campaign_is_made_by_a_form_and_its_file_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with stage(tmp_path) as one:
        one.daemon.acts["campaigns/new"] = lambda body: canned_schedule.Done(
            "made", {"campaign": body["name"], "act": 3}
        )
        await one.press("4")
        await one.see("advent")
        await one.press("C", "enter")
        await one.see("Make a campaign", "small letters")
        await one.press(*"may", "enter", *"news")
        await one.press(*["enter"] * 7)
        await one.see("its file is may.yaml")
        assert (tmp_path / "may.yaml").read_text("utf-8") == canned_schedule.SOURCE
        await one.press("C", *"none.yaml", "enter")
        await one.see("none.yaml can't be read")
        await one.press("C", *"~nobody-here/a.yaml", "enter")
        await one.see("a.yaml can't be read", "nobody has such a home")


async def test_every_page_of_a_campaign_is_about_it_though_the_calendar_ends_before(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        one.daemon.answers["/v1/calendar"] = lambda query, words: replace(CALENDAR, rows=())
        one.app.open(Target("campaign-file", "weekly-offers"))
        await one.see("weekly-offers › file")
        await one.press("S")
        await one.see("S schedule: weekly-offers is")


async def test_a_file_that_says_anything_else_is_somebody_s_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with stage(tmp_path) as one:
        one.daemon.acts["campaigns/new"] = lambda body: canned_schedule.Done(
            "made", {"campaign": body["name"], "act": 3}
        )
        (tmp_path / "may.yaml").write_text("a flow of that name", "utf-8")
        await one.press("4")
        await one.see("advent")
        await one.press("C", "enter")
        await one.see("Make a campaign", "small letters")
        await one.press(*"may", *["enter"] * 8)
        await one.see("it is kept, but may.yaml can't be written")
        assert (tmp_path / "may.yaml").read_text("utf-8") == "a flow of that name"


@pytest.mark.parametrize(("text", "said"), [("mine", "says something else"), ("", "its file is")])
async def test_a_text_that_is_written_anew_goes_into_a_file_that_was_as_it_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    async with stage(tmp_path) as one:
        kept = {"source": canned_schedule.SOURCE}
        of_text = one.daemon.answers["/v1/campaigns/{name}/text"]
        one.daemon.answers["/v1/campaigns/{name}/text"] = lambda query, words: replace(
            of_text(query, words),
            **kept,  # type: ignore[type-var]
        )

        def write(body: Mapping[str, Any]) -> object:
            kept["source"] = "another"
            return canned_schedule.Done("written", {"campaign": body["campaign"], "act": 3})

        one.daemon.acts["campaigns/write"] = write
        file = tmp_path / "weekly-offers.yaml"
        file.write_text(text or canned_schedule.SOURCE, "utf-8")
        one.app.open(Target("campaign-mail", "weekly-offers"))
        await one.see("weekly-offers › mail")
        await one.press("W")
        await one.see("Heading")
        await one.press(*["enter"] * 3)
        await one.see(said)
        assert file.read_text("utf-8") == (text or "another")


async def test_what_was_typed_of_a_campaign_stays_when_it_is_refused_and_the_reason_is_in_the_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with stage(tmp_path) as one:
        made = one.daemon.acts["campaigns/new"]
        why = "subject: contact has no first_name; " + "there are: address, birthday, city, " * 3 + "and name"
        one.daemon.acts["campaigns/new"] = lambda body: Refused(why, "")
        await one.press("4")
        await one.see("advent")
        await one.press("C", "enter")
        await one.see("Make a campaign")
        await one.press(*"may", "enter", *"news", *["enter"] * 7)
        await one.see("✗ subject: contact has no", "and name", "Go on", "Cancel", "may", "news")
        one.daemon.acts["campaigns/new"] = made
        await one.press(*["enter"] * 8)
        await one.until(lambda: len(one.daemon.done) == 2)
        assert [(body["name"], body["list"]) for _, body in one.daemon.done] == [("may", "news")] * 2


async def test_a_reason_for_a_refusal_is_whole_and_the_focus_is_where_it_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    why = "may.yaml:4:11: template: there is no mail nope\nmay.yaml:5:1: subject: " + "it is not known, " * 12 + "END"
    async with stage(tmp_path) as one:
        one.daemon.acts["campaigns/new"] = lambda body: Refused(why, "")
        await one.press("4")
        await one.see("advent")
        await one.press("C", "enter")
        await one.see("Make a campaign")
        await one.press(*"may", "enter", *"news", *["enter"] * 7)
        await one.see("✗ may.yaml:4:11: template", "END", "Mail", "newsletter")
        assert one.app.focused is not None and one.app.focused.id == "field-3"
        assert "␊" not in one.text


async def test_a_language_that_nobody_wrote_says_so_and_is_written_by_keys(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("4")
        await one.see("advent")
        await one.press("j", "enter")
        await one.press("G", "k", "k", "k", "k", "enter")
        await one.see("✓ en", "✓ he", "○ ru", "✓ zh")
        await one.press("v", "v")
        await one.see("no subject and no text in ru yet: its readers get the en one", "What will stand around it")
        await one.press("W")
        await one.see("Write weekly-offers in ru", "Heading", "What it says")
        await one.press(*"Vesna", "enter", "enter", *"Chay", "enter")
        await one.until(lambda: one.daemon.done)
        act, body = one.daemon.done[-1]
        assert (act, body["locale"], body["subject"], body["text"]) == ("campaigns/write", "ru", "Vesna", "Chay")
        assert "heading" not in body


@pytest.mark.parametrize(
    "words", [["schedule"], ["schedule", "week"], ["schedule", "month"], ["campaign", "weekly-offers"]]
)
async def test_the_schedule_is_plain_text_too(tmp_path: Path, words: list[str]) -> None:
    async with canned(tmp_path / "s"):
        text = await asyncio.to_thread(plain.screen, Control(tmp_path / "s"), words, 100)
    assert "weekly-offers" in text and "\x1b" not in text

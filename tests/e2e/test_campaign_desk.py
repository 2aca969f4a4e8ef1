"""Campaigns before they leave, in a running Posthouse: drafts, the calendar and its forecast, times in words, moving, undoing."""

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from house_lab import LabTown, lab_town

from engine.config import load
from engine.control.protocol.calendar import Calendar, CampaignMail, CampaignText, Planned
from engine.scene.signing import sign_for
from mta.ports import from_ms

pytestmark = pytest.mark.e2e

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
READERS = {"ann@shop.lab": "Asia/Tokyo", "ben@shop.lab": "", "cem@shop.lab": "America/New_York"}
SPRING = """name: spring  # a remark that stays
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
FLOW = """name: new-year
stream: marketing
list: news
trigger: {calendar: {on: 01-01, at: "09:00"}}
steps: [{send: newsletter}]
"""
ONE_YEAR = """name: one-year
stream: marketing
list: news
trigger: {date: {field: created, at: "10:00", yearly: true}}
steps: [{send: newsletter}]
"""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabTown]:
    with lab_town(tmp_path_factory.mktemp("desk")) as town:
        sign_for(load(town.daemon.config_path), town.lab.state, "shop.example")
        town.daemon.act("keys")
        town.daemon.act("lists", name="news", title="News", purpose="What is new.", confirmation="single")
        for address, zone in READERS.items():
            town.daemon.act("lists/subscribe", list="news", address=address, zone=zone, wording="yes")
        yield town


def campaign(town: LabTown, *words: str) -> str:
    done = town.daemon.command("campaign", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(town: LabTown, *words: str) -> subprocess.CompletedProcess[str]:
    done = town.daemon.command("campaign", *words)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    return done


def row(town: LabTown, name: str, days: int = 14, **words: str | int) -> Planned:
    found = town.daemon.control.get(Calendar, "/v1/calendar", {"days": days, **words})
    return next(each for each in found.rows if each.name == name)


def write(folder: Path, text: str, name: str = "spring") -> str:
    file = folder / f"{name}.yaml"
    file.write_text(text, "utf-8")
    return str(file)


def test_a_campaign_goes_from_a_draft_to_a_time_and_back_and_each_step_can_be_undone(
    town: LabTown, tmp_path: Path
) -> None:
    assert "is kept; it has no time yet" in campaign(town, "keep", write(tmp_path, SPRING))
    assert (row(town, "spring").state, row(town, "spring").people, row(town, "spring").at_ms) == ("draft", 3, None)
    soon = from_ms(town.daemon.overview().now_ms) + timedelta(days=4)  # no zone has that day yet
    next_day = (soon.weekday() + 1) % 7
    body = {"campaign": "spring", "at": f"{DAYS[soon.weekday()]} 10:00 reader"}
    town.daemon.act("campaigns/schedule", **body)
    planned = row(town, "spring")
    assert (planned.state, planned.zone, planned.people) == ("scheduled", "contact", 3)
    civil = datetime.fromisoformat(planned.civil)
    assert (civil.weekday(), civil.hour) == (soon.weekday(), 10)
    assert planned.at_ms is not None and planned.ends_ms is not None
    hours = [(zone, civil.replace(tzinfo=ZoneInfo(zone or "UTC"))) for zone in READERS.values()]
    assert [(each.zone, from_ms(each.at_ms)) for each in planned.zones] == hours
    assert from_ms(planned.ends_ms) >= hours[-1][1]
    text = town.daemon.control.get(CampaignText, "/v1/campaigns/spring/text")
    assert text.source.startswith("name: spring  # a remark that stays\n")
    assert f"when: {{at: {planned.civil}, zone: contact}}" in text.source
    assert "begins" in campaign(town, "move", "spring", f"{DAYS[next_day]} 9:00")
    assert datetime.fromisoformat(row(town, "spring").civil).weekday() == next_day
    assert town.daemon.command("undo").returncode == 0
    assert row(town, "spring").civil == planned.civil
    tried = row(town, "spring", move="spring", at=f"{civil + timedelta(hours=1):%Y-%m-%dT%H:%M}")
    assert tried.at_ms == planned.at_ms + 3_600_000
    assert row(town, "spring").at_ms == planned.at_ms
    assert "has no time any more" in campaign(town, "unschedule", "spring")
    assert row(town, "spring").state == "draft"
    assert town.daemon.command("undo").returncode == 0
    assert row(town, "spring").civil == planned.civil
    assert "scheduled already" in refused(town, "schedule", write(tmp_path, SPRING), "--at", "wed 10:00").stderr
    assert "had a run" in refused(town, "drop", "spring").stderr


def test_its_mail_is_seen_in_each_language_and_tried(town: LabTown) -> None:
    shown = campaign(town, "preview", "spring", "--locale", "he")
    assert "Subject: האביב כאן" in shown and "הגיעו תה חדשים." in shown
    mail = town.daemon.control.get(CampaignMail, "/v1/campaigns/spring/mail", {"locale": "zh"})
    assert (mail.subject, mail.languages, mail.fault) == ("春天来了", ("en", "he", "ru", "zh", "zh-Hant"), "")
    assert (mail.written, mail.missing, mail.words) == (("en", "he", "zh"), (), ("春天来了", "春天", "新茶到了。"))
    assert "Spring is here" in campaign(town, "preview", "spring", "--address", "ann@shop.lab")
    assert "nobody is known" in refused(town, "preview", "spring", "--address", "x@shop.lab").stderr
    assert "goes to me@shop.lab" in campaign(town, "test", "spring", "me@shop.lab", "--locale", "zh")
    assert "春天来了" in town.mail_for("me@shop.lab", "春天来了").subject
    assert "address:" in refused(town, "test", "spring", "nobody").stderr


def test_a_language_is_seen_before_it_is_written_and_written_by_a_command(town: LabTown, tmp_path: Path) -> None:
    campaign(
        town,
        "new",
        "tongues",
        "--list",
        "news",
        "--subject",
        "Teapots",
        "--text",
        "New teapots.",
        "--folder",
        str(tmp_path),
    )
    frame = town.daemon.control.get(CampaignMail, "/v1/campaigns/tongues/mail", {"locale": "he"})
    assert (frame.missing, frame.instead, frame.is_frame, frame.fault) == (("subject", "text"), "en", True, "")
    assert "New teapots." not in frame.text and re.search("[א-ת]", frame.text)
    shown = town.daemon.command("campaign", "preview", "tongues", "--locale", "he")
    assert "subject and text not written in he: its readers get en's" in shown.stderr
    assert "written in he" in campaign(
        town, "write", "tongues", "--locale", "he", "--subject", "קנקנים", "--text", "קנקנים חדשים."
    )
    mail = town.daemon.control.get(CampaignMail, "/v1/campaigns/tongues/mail", {"locale": "he"})
    assert (mail.subject, mail.missing, mail.is_frame) == ("קנקנים", (), False) and "קנקנים חדשים." in mail.text
    assert "Subject: Teapots" in campaign(town, "preview", "tongues")
    assert town.daemon.command("undo").returncode == 0
    assert town.daemon.control.get(CampaignMail, "/v1/campaigns/tongues/mail", {"locale": "he"}).is_frame
    assert "no language" in refused(town, "write", "tongues", "--locale", "e: {", "--subject", "x").stderr
    assert (
        "contact.first_name is nothing that is known"
        in refused(town, "write", "tongues", "--subject", "{{ contact.first_name }}").stderr
    )


def test_a_form_makes_a_file_that_is_the_campaign(town: LabTown, tmp_path: Path) -> None:
    told = campaign(
        town, "new", "summer", "--list", "news", "--subject", 'Say "hi": #1 {{ contact.name }}', "--heading", "Summer",
        "--text", "It is warm.", "--when", "in 3d reader", "--holdout", "10%", "--folder", str(tmp_path),
    )  # fmt: skip
    assert "its file is" in told
    assert "all right" in campaign(town, "check", str(tmp_path / "summer.yaml"))
    assert campaign(town, "text", "summer") == (tmp_path / "summer.yaml").read_text("utf-8")
    assert row(town, "summer").zone == "contact"
    assert "is there already" in refused(town, "new", "summer", "--list", "news", "--folder", str(tmp_path)).stderr
    assert "no list" in refused(town, "new", "autumn", "--list", "nobody", "--folder", str(tmp_path)).stderr
    assert not (tmp_path / "autumn.yaml").exists()
    assert "is forgotten" in campaign(town, "drop", "summer")
    assert "no campaign summer" in refused(town, "text", "summer").stderr


def test_the_plan_and_the_calendar_say_when_it_will_have_left_and_what_is_beside_it(
    town: LabTown, tmp_path: Path
) -> None:
    slow = SPRING.replace("name: spring", "name: slow") + "throttle: 1/hour\nover: 2020-01-01T00:00\n"
    plan = campaign(town, "plan", write(tmp_path, slow, "slow"), "--at", "in 1d")
    assert "forecast    about 3 h 00 min, by its throttle" in plan
    assert "finishes after what it tells of is over" in plan
    data = json.loads(campaign(town, "plan", write(tmp_path, slow, "slow"), "--at", "in 1d", "--json"))["facts"]
    assert data["domains"][0] == {
        "domain": "shop.lab", "people": 3, "rate": None, "ends_ms": data["ends_ms"], "limit": "", "done": 0
    }  # fmt: skip
    for name in ("slow", "slower"):
        text = slow.replace("name: slow", f"name: {name}")
        assert "begins" in campaign(town, "schedule", write(tmp_path, text, name), "--at", "in 1d")
    assert row(town, "slow").overlaps == ("slower",)
    told = campaign(town, "calendar")
    assert "slow" in told and "beside slower" in told
    for name in ("slow", "slower"):
        campaign(town, "unschedule", name)
    assert "at:" in refused(town, "plan", write(tmp_path, slow, "slow"), "--at", "soon").stderr


def test_days_of_flows_are_on_the_calendar_with_the_first_and_the_last_zone(town: LabTown, tmp_path: Path) -> None:
    town.daemon.act("flows", source=FLOW, file="new-year.yaml")
    found = row(town, "new-year", since="2027-12-30", days=5)
    assert (found.kind, found.occasion, found.mail) == ("flow", "2028-01-01", "newsletter")
    assert found.spans == ((
        int(datetime(2028, 1, 1, 0, tzinfo=UTC).timestamp() * 1000),
        int(datetime(2028, 1, 1, 14, tzinfo=UTC).timestamp() * 1000),
    ),)  # fmt: skip


def test_anniversaries_that_a_flow_keeps_are_counted_by_their_days(town: LabTown) -> None:
    zone = ZoneInfo(town.daemon.control.get(Calendar, "/v1/calendar").zone)
    rows = town.daemon.rows("SELECT created_ms FROM contact ORDER BY created_ms")
    came = [from_ms(row[0]).astimezone(zone).date() for row in rows]
    asked: dict[str, str | int] = {"since": f"{came[0].year + 4}-{came[0]:%m-%d}", "days": 3}
    assert town.daemon.control.get(Calendar, "/v1/calendar", asked).anniversaries == (), "no flow keeps one yet"
    town.daemon.act("flows", source=ONE_YEAR, file="one-year.yaml")
    (kept,) = town.daemon.control.get(Calendar, "/v1/calendar", asked).anniversaries
    assert (kept.what, sum(each.people for each in kept.days)) == ("created", len(came))
    assert kept.days[0].day == asked["since"]


def test_a_recurring_campaign_is_on_the_calendar_and_its_next_run_alone_is_moved(town: LabTown, tmp_path: Path) -> None:
    weekly = SPRING.replace("name: spring", "name: weekly")
    weekly += 'when: {rrule: "FREQ=DAILY", at: "10:00", from: 2026-01-01}\n'
    town.daemon.keep_off(10)
    campaign(town, "schedule", write(tmp_path, weekly, "weekly"), "--override", "the shop closes", "--for-all")
    days = [
        each for each in town.daemon.control.get(Calendar, "/v1/calendar", {"days": 5}).rows if each.name == "weekly"
    ]
    assert len(days) in (4, 5)
    assert {each.state for each in days} == {"next"}
    first = datetime.fromisoformat(days[0].civil)
    campaign(town, "move", "weekly", f"{first + timedelta(hours=1):%Y-%m-%dT%H:%M}")
    moved = [
        each for each in town.daemon.control.get(Calendar, "/v1/calendar", {"days": 5}).rows if each.name == "weekly"
    ]
    assert [each.civil for each in moved] == [
        f"{first + timedelta(hours=1):%Y-%m-%dT%H:%M}", *(each.civil for each in days[1:])
    ]  # fmt: skip
    campaign(town, "stop", "weekly")

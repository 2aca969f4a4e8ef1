"""Campaigns of a running Posthouse, by its commands, in the lab: started, by zones, recalled, resent."""

import re
import subprocess
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from house_lab import LabTown, lab_town

from engine.config import load
from engine.control.protocol.campaigns import CampaignShown
from engine.scene.signing import sign_for
from mta.ports import from_ms

pytestmark = pytest.mark.e2e

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
READERS = {"ann@shop.lab": "Asia/Tokyo", "ben@shop.lab": "", "cem@shop.lab": "America/New_York"}
MORE = "more: the same with "
NEWS = """
name: {name}
goal: {{event: order.placed, within: 7d}}
audience: {{lists: [news]}}
template: newsletter
subject: "{subject}"
content: {{en: {{heading: Spring, paragraphs: ["New teas have come."], button: {{text: Look, url: "https://shop.lab/new"}}}}}}
{more}
"""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabTown]:
    with lab_town(tmp_path_factory.mktemp("campaigns")) as town:
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


def write(folder: Path, name: str, subject: str = "Spring", more: str = "") -> str:
    file = folder / f"{name}.yaml"
    file.write_text(NEWS.format(name=name, subject=subject, more=more), "utf-8")
    return str(file)


def shown(town: LabTown, name: str) -> CampaignShown:
    return town.daemon.control.get(CampaignShown, f"/v1/campaigns/{name}")


def figures(town: LabTown, name: str) -> dict[str, int]:
    """How many stand where in the newest run."""
    return {each.what: each.people for each in shown(town, name).runs[0].figures}


def state(town: LabTown, name: str) -> str:
    return shown(town, name).runs[0].state


def test_a_campaign_is_planned_started_and_reaches_everybody_once(town: LabTown, tmp_path: Path) -> None:
    file = write(tmp_path, "spring", "Spring has come")
    plan = campaign(town, "plan", file)
    assert "recipients  3 of 3" in plan
    assert "rhythm: these readers were never written to" in plan
    assert re.search(r"longest name, -: \"Spring has come\"", plan)
    assert "begins now" in campaign(town, "start", file)
    mail = town.mail_for("ann@shop.lab", "Spring has come")
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in mail.raw
    assert b"X-Consent-Entry:" in mail.raw
    town.daemon.until(lambda: state(town, "spring") == "done")
    assert figures(town, "spring") == {"delivered": 3}
    assert [len(town.mails_for(address, subject="Spring has come")) for address in READERS] == [1, 1, 1]
    assert "had a run already (done" in refused(town, "start", file).stderr
    for state_ in ("delivered", "all"):
        listed = campaign(town, "show", "spring", "--recipients", state_)
        assert "ann@shop.lab" in listed and MORE not in listed
    first, hint = campaign(town, "show", "spring", "--recipients", "delivered", "--limit", "2").rsplit(MORE, 1)
    rest = campaign(town, "show", "spring", "--recipients", "delivered", "--limit", "1", *hint.split())
    assert MORE not in rest and all(first.count(each) + rest.count(each) == 1 for each in READERS)
    assert "delivered" in campaign(town, "show", "spring", "--address", "ann@shop.lab")
    assert "nobody is known" in refused(town, "show", "spring", "--address", "x@shop.lab").stderr
    number = town.daemon.rows("SELECT max(message_id) FROM campaign_recipient")[0][0]
    why = town.daemon.command("why", str(number)).stdout
    assert "by campaign spring, version" in why
    assert "step run 1" in why
    assert "spring" in campaign(town, "list")


def test_a_campaign_is_recalled_within_its_window_and_goes_on_with_exactly_the_rest(
    town: LabTown, tmp_path: Path
) -> None:
    campaign(town, "start", write(tmp_path, "mistake", "Oops", "window: 10m"))
    town.daemon.until(lambda: figures(town, "mistake").get("waiting") == 3)
    told = campaign(town, "recall", "mistake", "--why", "wrong price")
    assert "campaign mistake is recalled: 0 have it, 0 were taken back, 3 were never written" in told
    town.daemon.advance("11 min")
    assert state(town, "mistake") == "recalled"
    assert "3 wait" in campaign(town, "retry", "mistake")
    assert town.mail_for("ben@shop.lab", "Oops")
    town.daemon.until(lambda: state(town, "mistake") == "done")


def test_a_recall_says_how_many_have_it_and_names_them_a_page_at_a_time(town: LabTown, tmp_path: Path) -> None:
    campaign(town, "start", write(tmp_path, "early", "Too early", "throttle: 1/hour"))
    town.daemon.until(lambda: figures(town, "early").get("delivered") == 1)
    town.daemon.advance("61 min")
    town.daemon.until(lambda: figures(town, "early").get("delivered") == 2)
    told, hint = campaign(town, "recall", "early", "--limit", "1").rsplit(MORE, 1)
    assert "early is recalled: 2 have it" in told
    rest = campaign(town, "recall", "early", "--limit", "1", *hint.split())
    assert MORE not in rest and all(told.count(each) + rest.count(each) <= 1 for each in READERS)
    assert sum(told.count(each) + rest.count(each) for each in READERS) == 2


def test_each_reader_gets_it_at_their_own_hour(town: LabTown, tmp_path: Path) -> None:
    now = from_ms(town.daemon.overview().now_ms)
    ten = (now + timedelta(days=3)).replace(hour=10, minute=0, second=0, microsecond=0)
    file = write(tmp_path, "ten", "Ten o'clock", f"when: {{at: {ten:%Y-%m-%dT%H:%M}, zone: contact}}")
    assert f"begins {ten - timedelta(hours=14):%Y-%m-%d %H:%M} UTC" in campaign(town, "schedule", file)
    assert "1  Asia/Tokyo" in campaign(town, "plan", file)
    for count, (address, zone) in enumerate(READERS.items()):
        due = ten.replace(tzinfo=ZoneInfo(zone or "UTC"))
        left = due - from_ms(town.daemon.overview().now_ms)
        town.daemon.advance(f"{int(left.total_seconds()) - 600}s")
        assert figures(town, "ten").get("delivered", 0) == count
        town.daemon.advance("601s")
        assert town.mail_for(address, "Ten o'clock")
        town.daemon.until(lambda due=count + 1: figures(town, "ten").get("delivered", 0) == due)


def test_what_is_wrong_is_said_with_its_place_and_nothing_is_sent(town: LabTown, tmp_path: Path) -> None:
    file = write(tmp_path, "wrong", "Hello {{ contact.nmae", "throtle: 10/hour")
    done = refused(town, "check", file)
    assert done.returncode == 2
    assert "wrong.yaml:6:" in done.stderr
    assert 'throtle: is not known here (did you mean "throttle"?)' in done.stderr
    (tmp_path / "nobody.yaml").write_text(
        NEWS.format(name="nobody", subject="Hi", more="").replace("[news]", "[nobodys]"), "utf-8"
    )
    assert "there is no list nobodys" in refused(town, "start", str(tmp_path / "nobody.yaml")).stderr
    assert "there is no campaign nothing" in refused(town, "show", "nothing").stderr


def test_a_mail_that_can_be_written_for_nobody_is_not_started(town: LabTown, tmp_path: Path) -> None:
    told = refused(town, "start", write(tmp_path, "hollow", "Size {{ contact.fields.size }}")).stderr
    assert "the mail can't be written for any of the first 3 readers" in told and "size is not among the facts" in told
    assert "hollow" not in campaign(town, "list")


def test_a_campaign_is_paused_stopped_and_sent_again_to_those_who_did_not_open_it(
    town: LabTown, tmp_path: Path
) -> None:
    campaign(town, "start", write(tmp_path, "slow", "Slowly", "throttle: 1/hour"))
    town.daemon.until(lambda: figures(town, "slow").get("delivered") == 1)
    assert "is paused" in campaign(town, "pause", "slow")
    town.daemon.advance("5 h")
    beside = town.submit("beside@shop.lab")
    town.daemon.until(lambda: town.daemon.state_of(beside) == "delivered")
    assert figures(town, "slow") == {"delivered": 1, "waiting": 2}
    assert "goes on" in campaign(town, "resume", "slow")
    town.daemon.until(lambda: figures(town, "slow").get("delivered") == 2)
    assert "2 have it, 0 were taken back, 1 was never written" in campaign(town, "stop", "slow", "--why", "enough")
    assert "slow is stopped already" in refused(town, "recall", "slow").stderr
    assert "it can't be paused" in refused(town, "pause", "slow").stderr
    opened, other = (mail for mail in town.lab.kept() if mail.subject == "Slowly")
    page = re.search(rb'src="(http[^"]+/o/[^"]+\.gif)"', opened.message.get_body(("html",)).get_content().encode())  # type: ignore[union-attr]
    assert page is not None
    town.daemon.advance("2h")  # whoever looks at once may be a machine
    with urllib.request.urlopen(urllib.request.Request(page[1].decode(), headers={"User-Agent": BROWSER})) as picture:
        assert picture.status == 200
    town.daemon.until(lambda: figures(town, "slow").get("opened") == 1)
    campaign(town, "resend", "slow", "--subject", "Once more")
    town.daemon.until(lambda: state(town, "slow") == "done")
    assert [mail.rcpt_to for mail in town.lab.kept() if mail.subject == "Once more"] == [other.rcpt_to]

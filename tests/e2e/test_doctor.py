"""The doctor of a running daemon in the lab: green, then one record broken; campaigns are refused, and overridden by name."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from house_lab import NO_SPREAD, LabTown, lab_town

from engine.config import load
from engine.control.protocol.doctor import DoctorReport
from engine.control.protocol.house import Overview
from engine.lab import zones
from engine.scene.signing import sign_for

pytestmark = pytest.mark.e2e
LISTS = {"doctor": {"blocklists": ["bl.lab"], "domain_blocklists": ["dbl.lab"]}}
CAMPAIGN = """
name: {name}
goal: {{event: order.placed, within: 7d}}
audience: {{lists: [news]}}
template: newsletter
subject: Spring
content: {{en: {{heading: Spring, paragraphs: [New teas have come.]}}}}
"""
RECORD = "_dmarc.shop.example"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabTown]:
    with lab_town(tmp_path_factory.mktemp("doctor"), {**NO_SPREAD, **LISTS}) as town:
        sign_for(load(town.daemon.config_path), town.lab.state, "shop.example")
        town.daemon.act("keys")
        town.daemon.act("lists", name="news", title="News", purpose="What is new.", confirmation="single")
        yield town


@pytest.fixture(autouse=True)
def mended(town: LabTown) -> Iterator[None]:
    publish(town, "v=DMARC1; p=reject; rua=mailto:dmarc-reports@bounce.shop.example")
    yield


def publish(town: LabTown, *texts: str) -> None:
    zones.publish(town.lab.state, RECORD, "TXT", *texts)


def report(town: LabTown, **query: str) -> DoctorReport:
    return town.daemon.control.get(DoctorReport, "/v1/doctor", query)


def reds(found: DoctorReport) -> list[str]:
    return [each.rule for each in found.rules if each.verdict == "fail"]


def withdraw(town: LabTown) -> None:
    """Take the record away, and look: a command that begins a campaign looks for a second only, and else by what is known."""
    publish(town)
    assert reds(report(town)) == ["dmarc.record"]


def test_the_lab_is_in_order_and_the_command_says_so(town: LabTown) -> None:
    done = town.daemon.command("doctor", "--json")
    found = json.loads(done.stdout)
    told = {each["rule"]: each["says"] for each in found["rules"] if each["verdict"] != "pass"}
    assert list(told) == ["mail.one-click"], told
    assert done.returncode == 0 and found["verdict"] == "warn"
    assert {each["verdict"] for each in found["demands"]} == {"pass", "warn"}
    doors = next(each["says"] for each in found["rules"] if each["rule"] == "ports.doors")
    assert "inbound.listen" in doors and "submission.listen" in doors


def test_what_turns_red_is_kept_with_its_age_shown_and_logged(town: LabTown) -> None:
    publish(town, "v=DMARC1; p=never; rua=mailto:a@shop.example")
    assert reds(report(town)) == ["dmarc.syntax"]
    kept = town.daemon.command("doctor", "--kept")
    assert kept.returncode == 1 and "✗ FAIL dmarc.syntax shop.example" in kept.stdout
    alerts = [each.text for each in town.daemon.control.get(Overview, "/v1/overview").alerts]
    assert any("a rule fails: dmarc.syntax" in each for each in alerts)
    assert town.daemon.logged("a rule turned red", rule="dmarc.syntax")
    publish(town, "v=DMARC1; p=reject; rua=mailto:dmarc-reports@bounce.shop.example")
    assert reds(report(town)) == []
    assert not [each for each in town.daemon.control.get(Overview, "/v1/overview").alerts if "rule" in each.text]


def test_a_campaign_that_breaks_a_demand_is_refused_until_somebody_overrides_it(town: LabTown, tmp_path: Path) -> None:
    file = tmp_path / "spring.yaml"
    file.write_text(CAMPAIGN.format(name="spring"))
    withdraw(town)
    refused = town.daemon.command("campaign", "start", str(file))
    assert refused.returncode == 1 and "dmarc.record (demanded by Gmail, Yahoo, Microsoft)" in refused.stderr
    assert "bulk rules: it breaks dmarc.record" in town.daemon.command("campaign", "plan", str(file)).stdout
    assert town.daemon.rows("SELECT count(*) FROM campaign_run")[0][0] == 0
    assert town.daemon.command("campaign", "schedule", str(file), "--at", "2030-01-01T10:00").returncode == 1
    assert town.daemon.command("campaign", "start", str(file), "--override", "we close tonight").returncode == 0
    by = town.daemon.rows("SELECT by FROM campaign_run")[0][0]
    assert "against dmarc.record: we close tonight" in by
    [line] = town.daemon.logged("demands overridden", campaign="spring")
    assert (line["rules"], line["override"]) == (["dmarc.record"], "we close tonight")
    breaks = f"although it breaks dmarc.record (overridden by {line['by']}: we close tonight)"
    town.daemon.until(
        lambda: any(breaks in each["done"] for each in town.daemon.log.so_far("command", act="campaigns/start"))
    )


def test_a_campaign_that_comes_again_says_that_an_override_is_not_kept_for_its_occasions(
    town: LabTown, tmp_path: Path
) -> None:
    file = tmp_path / "weekly.yaml"
    file.write_text(
        CAMPAIGN.format(name="weekly") + "when: {rrule: FREQ=WEEKLY;BYDAY=MO, at: '10:00', from: 2020-01-06}\n"
    )
    withdraw(town)
    told = town.daemon.command("campaign", "schedule", str(file), "--override", "lab")
    assert "the override is not kept" in told.stdout and "`posthouse campaign resume`" in told.stdout, told.stderr


def test_a_campaign_goes_as_soon_as_the_record_is_there(town: LabTown, tmp_path: Path) -> None:
    file = tmp_path / "summer.yaml"
    file.write_text(CAMPAIGN.format(name="summer"))
    withdraw(town)
    assert town.daemon.command("campaign", "start", str(file)).returncode == 1
    publish(town, "v=DMARC1; p=none")
    town.daemon.until(lambda: town.daemon.command("campaign", "start", str(file)).returncode == 0)


def test_other_domains_are_looked_at_and_not_kept(town: LabTown) -> None:
    before = report(town)
    other = report(town, domains="nxdomain.lab,servfail.lab")
    assert other.domains == ("nxdomain.lab", "servfail.lab")
    silent = {each.rule: each.verdict for each in other.rules if each.about == "servfail.lab"}
    assert silent["mx.from"] == "unknown"
    assert report(town, kept="1").domains == before.domains
    assert town.daemon.command("doctor", "not a domain").returncode == 2

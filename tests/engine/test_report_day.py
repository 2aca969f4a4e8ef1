"""The report of every morning: what it says, and the mail that it becomes."""

from dataclasses import replace
from email import message_from_bytes
from email.policy import default

import pytest

from engine import config
from engine.commands.report_day import DAY_MS, MOST, Morning, lines
from engine.commands.report_mailed import mail_of
from engine.control.protocol.doctor import DoctorReport, FindingRow
from engine.control.protocol.health import Health, ReasonRow
from engine.control.protocol.house import Overview
from engine.control.protocol.journal import ActRow, Acts
from engine.control.protocol.queue import SiteRow
from engine.control.protocol.reputation import ReputationAnswer, ReputationRow
from engine.faults import ConfigFaults

NOW_MS = 1_795_000_000_000
CALM = Morning(
    Health(NOW_MS, "ok"), Overview("mail.shop.example", "1.0", NOW_MS, queued=3),
    ReputationAnswer(
        NOW_MS, "", 30, 200, 97,
        by_day=(
            ReputationRow("day", "2026-11-17", tried=9_000, accepted=8_000, complaints=4), ReputationRow("day", "2026-11-18"),
        ),
    ),
    Acts(NOW_MS, (), 0),
)  # fmt: skip


def act(number: int, at_ms: int) -> ActRow:
    return ActRow(number, at_ms, "olga", "olga", "queue/hold", "gmail.com", "{}", "held", "done", False, "")


def site(number: int) -> SiteRow:
    return SiteRow(f"mx{number}.example", 1, 7, 0, 0, 0, NOW_MS, NOW_MS + 1, "451 later")


def finding(verdict: str) -> FindingRow:
    return FindingRow("spf.record", "shop.example", verdict, "SPF", "has no SPF record", "RFC 7208")


def test_a_calm_day_is_few_lines_with_yesterday_s_figures() -> None:
    said = list(lines(CALM))
    assert said[0].startswith("Posthouse on mail.shop.example: ok, 2026-11-18")
    assert "2026-11-17 (UTC): 9,000 tries, 8,000 delivered, 0 put off, 0 refused, 4 complaints (0.05%), 0 left" in said
    assert "Index over 30 days: 97 of 100" in said
    assert "The doctor has not looked yet: `posthouse doctor`" in said
    assert said[-1] == "What operators did in a day: 0 acts" and len(said) < 12


def test_what_is_wrong_comes_first_and_of_much_only_the_first_is_told() -> None:
    bad = replace(
        CALM, health=Health(NOW_MS, "failing", (ReasonRow("disk", "failing", "9 MiB are left", "make room"),)),
        house=replace(CALM.house, sites=tuple(site(each) for each in range(20))),
        acts=Acts(NOW_MS, (*(act(each, NOW_MS - each) for each in range(12)), act(99, NOW_MS - 2 * DAY_MS)), 0),
        doctor=DoctorReport(NOW_MS, NOW_MS, "fail", rules=tuple(map(finding, ("pass", "fail", "warn", "unknown")))),
    )  # fmt: skip
    said = list(lines(bad))
    assert said[1:3] == ["  failing: disk: 9 MiB are left", "    make room"]
    assert sum("451 later" in line for line in said) == MOST and "  and 10 more" in said
    assert "  fail: spf.record shop.example: has no SPF record" in said
    assert not any("unknown" in line or "pass:" in line for line in said)
    assert "What operators did in a day: 12 acts" in said and "  and 2 more: `posthouse acts`" in said


def test_as_a_mail_it_is_seven_bits_and_no_program_answers_it() -> None:
    mail = message_from_bytes(
        mail_of("hello@shop.example", ["ann@x.example"], CALM.subject, ["Zoë " * 400]), policy=default
    )
    assert mail["Auto-Submitted"] == "auto-generated" and mail["Subject"] == "Posthouse on mail.shop.example: ok"
    assert mail["To"] == "ann@x.example" and "Zoë" in mail.get_content()
    octets = mail_of("hello@shop.example", ["ann@x.example"], "x", ["Zoë " * 400])
    assert octets.isascii() and max(map(len, octets.splitlines())) < 998


def test_who_gets_it_is_an_address() -> None:
    assert config.parse('[report]\nto = ["Ann@Shop.example"]\n').report.to == ("Ann@shop.example",)
    with pytest.raises(ConfigFaults, match=r"posthouse\.toml:2: report\.to"):
        config.parse('[report]\nto = ["ann"]\n')

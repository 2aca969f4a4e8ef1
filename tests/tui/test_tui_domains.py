"""Mode 8: what is copied, why a rule stands as it does, whose turn the change of keys is, and what is refused at once."""

from pathlib import Path

import pytest
from canned import domains as canned
from tui_stage import stage

from engine.control.protocol.acts import Refused
from tui.ink import plain
from tui.pages import domains, reported, reputation, rules

PTR, SPF = canned.REPORT.rules[1], canned.REPORT.rules[6]


def test_the_gravest_rules_come_first_and_those_of_other_domains_not_at_all() -> None:
    found = rules.of_domain(canned.REPORT, canned.SHOP)
    assert [each.verdict for each in found[:2]] == ["fail", "fail"] and found[-1].verdict == "pass"
    assert {each.about for each in rules.of_domain(canned.REPORT, "other.example")} == {""}
    assert rules.of_domain(canned.REPORT, canned.SHOP, "spf")[0].rule == "spf.from"


def test_a_rule_says_what_is_published_beside_what_should_be() -> None:
    said = plain(rules.finding(SPF, 90))
    assert said.index("v=spf1 include:_spf.office.example ~all") < said.index("── Publish")
    assert "ip4:192.0.2.7 include:_spf.office.example" in said


def test_what_is_copied_is_a_line_of_a_zone_file_or_the_parts_of_a_provider_s_page() -> None:
    assert rules.mend_text(PTR.mend[0]) == "7.2.0.192.in-addr.arpa. IN PTR mail.shop.example."
    assert rules.mend_text(PTR.mend[0], as_provider=True).splitlines()[0] == "type  PTR"


def test_why_goes_down_to_the_rule_that_has_to_hold_first() -> None:
    waits = next(each for each in canned.REPORT.rules if each.waits_for)
    said = plain(rules.why(waits, canned.REPORT.rules, 60))
    assert said.index("host.forward") < said.index("host.ptr")


@pytest.mark.parametrize("width", [40, 76, 120])
def test_every_page_keeps_to_its_width(width: int) -> None:
    pages = (
        domains.keys(canned.ANSWER, width), *(domains.record(each, width) for each in canned.RECORDS),
        reported.reported(canned.REPORTED, canned.SHOP, width), reported.reported(canned.FOREIGN, "", width, foreign=True),
        *(rules.finding(each, width) for each in canned.REPORT.rules),
    )  # fmt: skip
    assert all(each.width <= width for page in pages for each in page)
    assert "too few reports" in plain(reputation.reputation(canned.REPUTATION, 120))


def test_each_name_server_has_a_tick_of_its_own() -> None:
    said = plain(domains.keys(canned.ANSWER, 90))
    assert "✓ shows it  ns1.dns.example" in said
    assert "✗ differs   ns2.dns.example  there is no TXT record" in said
    assert "? silent    ns2.dns.example" in said


def test_reports_about_foreign_domains_are_only_counted_beside_ours() -> None:
    said = plain(reported.reported(canned.REPORTED, canned.SHOP, 90))
    assert "1 report about domains that are none of ours, naming 2 senders" in said and "elsewhere" not in said


async def test_the_record_of_a_rule_is_copied_in_the_form_that_is_wanted(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("8", "enter")
        await one.see("host.ptr")
        await one.press("y")
        await one.see("copied: 7.2.0.192.in-addr.arpa. IN PTR")
        await one.press("t", "y")
        await one.see("copied: type PTR name 7.2.0.192")


async def test_new_keys_are_not_made_while_others_are_under_way(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("8", "enter")
        await one.see("host.ptr")
        await one.press("K")
        await one.see("it has new keys already")
        await one.press("S")
        await one.see("is signed with ph20261122r")
        assert [name for name, _ in one.daemon.done] == ["domains/switch"]
        await one.press("c")
        await one.see("10 rules were judged")


async def test_a_key_that_signs_is_not_forgotten_and_another_only_when_its_selector_is_typed(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("8", "enter", "l", "l")
        await one.see("ph20260520e")
        await one.press("D")
        await one.see("ph20260520e signs")
        await one.press("j", "j", "D")
        await one.see("Forget the key ph20261122e")
        await one.press(*"ph20261122e", "enter")
        await one.until(lambda: one.daemon.done)
        assert one.daemon.done[-1][1]["selectors"] == ["ph20261122e"]


async def test_a_colon_goes_to_a_domain_and_to_a_view(tmp_path: Path) -> None:
    async with stage(tmp_path) as one:
        await one.press("colon", *"domains", "space", *"shop.example", "enter")
        await one.see("Domains › shop.example › rules")
        await one.press("colon", *"journal", "space", *"books", "enter")
        await one.see("Journal › the books")


async def test_keys_are_heard_on_a_view_that_has_nothing_to_show(tmp_path: Path) -> None:
    async with stage(tmp_path, (100, 40)) as one:
        one.daemon.answers["/v1/doctor"] = lambda query, words: Refused("nothing was examined yet", "")
        await one.press("8", "enter")
        await one.see("nothing was examined yet: c does")
        await one.press("l", "l")
        await one.see("Change of keys")

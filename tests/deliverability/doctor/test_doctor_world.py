"""The doctor in a world that answers badly, or not at all: unknown is no fail, and nothing foreign does any harm."""

from dataclasses import replace
from datetime import timedelta

import pytest
from doctor_world import BOUNCE, DOMAIN, FOUR, HOST, SIX, World, keys
from hypothesis import given, settings
from hypothesis import strategies as st

from deliverability.doctor.examine import RULES
from deliverability.doctor.facts import House, SigningKey
from deliverability.doctor.lists import Meaning, meaning, reversed_name
from deliverability.doctor.look import Look, Question
from deliverability.doctor.model import Finding, Verdict, publish, shown
from deliverability.doctor.providers import met
from deliverability.doctor.tree import names, organization, speaking, walk

PLAIN = "v=DMARC1; p=none"
FAIL, PASS, UNKNOWN, WARN = Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN, Verdict.WARN


def of(world: World, rule: str, domain: str = DOMAIN) -> Finding:
    return next(each for each in world.judge([domain]) if each.rule == rule)


# -- nobody answers


@pytest.mark.parametrize("trouble", ["SERVFAIL", "TIMEOUT"])
def test_where_nobody_answers_all_that_hangs_on_dns_is_unknown_and_nothing_fails(trouble: str) -> None:
    world = World()
    for name in world.records:
        world.records[name] = [trouble]
    verdicts = {each.verdict for each in world.judge()}
    assert FAIL not in verdicts and WARN not in verdicts
    assert of(world, "spf.record").verdict is UNKNOWN
    assert "nobody answers" in of(world, "spf.record").says


def test_a_name_that_is_not_there_fails_and_one_that_is_silent_does_not() -> None:
    world = World()
    world.records[f"_dmarc.{DOMAIN}"] = []
    assert of(world, "dmarc.record").verdict is FAIL
    world.records[f"_dmarc.{DOMAIN}"] = ["TIMEOUT"]
    assert of(world, "dmarc.record").verdict is UNKNOWN


def test_what_waits_says_for_what() -> None:
    world = World()
    world.txt(BOUNCE)
    waiting = {each.rule: each.waits_for for each in world.judge() if each.waits_for}
    assert waiting == dict.fromkeys(
        ("spf.single", "spf.syntax", "spf.lookups", "spf.voids", "spf.sources", "spf.all", "spf.ptr",
         "spf.from-lookups", "spf.from-sources"), "spf.record",
    )  # fmt: skip


def test_without_a_configuration_dns_is_judged_all_the_same() -> None:
    world = World()
    world.house = House(now=world.house.now, hostname=HOST)
    found = {each.rule: each for each in world.judge()}
    assert found["spf.record"].verdict is PASS and found["dmarc.record"].verdict is PASS
    assert found["dkim.keys"].verdict is UNKNOWN and found["host.ptr"].verdict is UNKNOWN
    assert [each.rule for each in found.values() if each.verdict is FAIL] == []


# -- blocklists


@pytest.mark.parametrize(
    ("answers", "means"),
    [
        ([], Meaning.CLEAN), (["127.0.0.4"], Meaning.LISTED), (["127.0.0.1"], Meaning.NONSENSE),
        (["127.255.255.254"], Meaning.REFUSED), (["127.255.255.252", "127.0.0.2"], Meaning.REFUSED),
        (["203.0.113.9"], Meaning.NONSENSE), (["hello"], Meaning.NONSENSE), (["::1"], Meaning.NONSENSE),
    ],
)  # fmt: skip
def test_only_an_answer_of_a_list_is_a_listing(answers: list[str], means: Meaning) -> None:
    assert meaning(answers) is means


@pytest.mark.parametrize("refusal", ["127.255.255.252", "127.255.255.254", "127.255.255.255"])
def test_a_list_that_refuses_is_unknown_and_never_listed(refusal: str) -> None:
    world = World()
    for name in ("2.0.0.127.bl.example", "1.0.0.127.bl.example", f"{reversed_name(FOUR, 'bl.example')}"):
        world.records[name] = [{"A": refusal}]
    assert of(world, "block.working").verdict is UNKNOWN
    assert of(world, "block.address").verdict is UNKNOWN
    assert "refuses" in of(world, "block.working").says


def test_a_list_that_lists_everybody_accuses_nobody() -> None:
    world = World()
    for name in ("1.0.0.127.bl.example", reversed_name(FOUR, "bl.example"), reversed_name(SIX, "bl.example")):
        world.records[name] = [{"A": "127.0.0.2"}]
    assert of(world, "block.working").verdict is WARN
    assert of(world, "block.address").verdict is UNKNOWN


@pytest.mark.parametrize("broken", ["dead.example", "list.dnswl.org"])
def test_a_list_that_is_not_believed_hides_nothing_that_another_one_says(broken: str) -> None:
    world = World()
    world.set(blocklists=(broken, "bl.example"))
    assert of(world, "block.address").verdict is PASS
    assert f"{FOUR} is not listed by bl.example" in of(world, "block.address").says
    assert f"{broken} is not believed" in of(world, "block.address").says
    world.records[reversed_name(FOUR, "bl.example")] = [{"A": "127.0.0.4"}]
    assert of(world, "block.address").verdict is FAIL


def test_a_list_that_is_dead_is_taken_out_of_the_setting_that_names_it() -> None:
    world = World()
    world.records["test.dbl.example"] = []
    assert [each.text for each in of(world, "block.working").mend] == [
        "[doctor] domain_blocklists: take dbl.example out"
    ]


def test_a_silent_server_within_an_spf_record_forbids_nobody() -> None:
    world = World()
    world.records["_spf.shop.example"] = ["TIMEOUT"]
    for name in (BOUNCE, DOMAIN):
        world.txt(name, "v=spf1 include:_spf.shop.example -all")
    found = {each.rule: each.verdict for each in world.judge()}
    assert (found["spf.sources"], found["spf.from-lookups"], found["spf.from-sources"]) == (UNKNOWN,) * 3
    assert FAIL not in found.values() and WARN not in found.values()


def test_what_both_records_include_is_told_once() -> None:
    world = World()
    world.records["_spf.shop.example"] = []
    assert [each.rule for each in world.judge() if each.verdict in (FAIL, WARN)] == ["spf.syntax"]


def test_a_list_of_good_senders_is_no_blocklist() -> None:
    world = World()
    world.set(blocklists=("list.dnswl.org",))
    world.records[reversed_name(FOUR, "list.dnswl.org")] = [{"A": "127.0.9.3"}]
    assert of(world, "block.working").verdict is WARN
    assert of(world, "block.address").verdict is UNKNOWN


def test_ipv6_is_asked_by_nibbles() -> None:
    assert reversed_name("2001:db8::1", "bl.example") == (
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.example"
    )


# -- DMARC's tree


def look(records: dict[str, str]) -> Look:
    class All(dict[Question, list[str]]):
        def __contains__(self, key: object) -> bool:
            return True

        def __missing__(self, key: Question) -> list[str]:
            return []

    return Look(All({Question("TXT", name): [text] for name, text in records.items()}))


def test_the_walk_asks_eight_names_and_of_long_ones_the_last_seven_labels() -> None:
    assert names("a.b.c.example") == ["a.b.c.example", "b.c.example", "c.example", "example"]
    long = "a.b.c.d.e.f.g.h.i.j.mail.example"
    assert names(long) == [long, "g.h.i.j.mail.example".join(["f.", ""]), *(
        "g.h.i.j.mail.example".split(".", at)[-1] for at in range(6)
    )]  # fmt: skip
    assert len(names(long)) == 8


@pytest.mark.parametrize(
    ("records", "org", "speaks"),
    [
        ({}, "a.shop.example", None),
        ({"_dmarc.shop.example": "v=DMARC1; p=none"}, "shop.example", "shop.example"),
        ({"_dmarc.a.shop.example": PLAIN, "_dmarc.shop.example": PLAIN}, "shop.example", "a.shop.example"),
        ({"_dmarc.a.shop.example": PLAIN + "; psd=n", "_dmarc.shop.example": PLAIN}, "a.shop.example", "a.shop.example"),
        ({"_dmarc.example": PLAIN + "; psd=y"}, "shop.example", "example"),
        ({"_dmarc.example": PLAIN + "; psd=y", "_dmarc.shop.example": PLAIN}, "shop.example", "shop.example"),
    ],
)  # fmt: skip
def test_the_organization_is_where_the_walk_says(records: dict[str, str], org: str, speaks: str | None) -> None:
    spots = walk(look(records), "a.shop.example")
    assert organization(spots) == org
    spot = speaking(spots)
    assert (spot.domain if spot else None) == speaks


def test_a_subdomain_is_judged_by_sp() -> None:
    world = World()
    world.txt(f"_dmarc.{DOMAIN}", f"v=DMARC1; p=reject; sp=none; rua=mailto:a@{BOUNCE}")
    assert of(world, "dmarc.policy", f"news.{DOMAIN}").verdict is WARN
    assert of(world, "dmarc.policy").verdict is PASS


def test_what_changed_since_rfc_7489_is_said() -> None:
    world = World()
    world.txt(f"_dmarc.{DOMAIN}", f"v=DMARC1; p=reject; pct=20; ri=60; rua=mailto:a@{BOUNCE}")
    said = of(world, "dmarc.removed")
    assert "pct= is gone since RFC 9989" in said.says and "ri= is gone" in said.says
    assert said.mend[0].value == f"v=DMARC1; p=reject; rua=mailto:a@{BOUNCE}"


# -- alignment, providers


def test_a_key_of_a_parent_is_aligned_unless_adkim_is_strict() -> None:
    world, domain = World(), f"news.{DOMAIN}"
    assert of(world, "align.dkim", domain).verdict is PASS
    world.txt(f"_dmarc.{DOMAIN}", f"v=DMARC1; p=reject; adkim=s; rua=mailto:a@{BOUNCE}")
    assert of(world, "align.dkim", domain).verdict is FAIL
    assert of(world, "align.dkim").verdict is PASS


def test_nobody_writes_from_a_mail_service() -> None:
    world = World()
    world.set(keys=(SigningKey("gmail.com", "a", "active", timedelta(1), keys()[0]),))
    assert of(world, "mail.free", "gmail.com").verdict is FAIL


def test_demands_say_which_rule_breaks_them() -> None:
    world = World()
    world.txt(BOUNCE)
    broken = [(each.demand.id, each.because) for each in met(world.judge(), [DOMAIN]) if each.verdict is FAIL]
    assert broken == [(f"{name}.spf", ("spf.record",)) for name in ("gmail", "yahoo", "microsoft")]


def test_one_aligned_way_is_enough() -> None:
    world = World()
    world.txt(f"_dmarc.{DOMAIN}", f"v=DMARC1; p=reject; aspf=s; rua=mailto:a@{BOUNCE}")
    assert {each.verdict for each in met(world.judge(), [DOMAIN])} == {PASS}
    world.txt(f"_dmarc.{DOMAIN}", f"v=DMARC1; p=reject; aspf=s; adkim=s; rua=mailto:a@{BOUNCE}")
    broken = {
        each.demand.id for each in met(world.judge([f"news.{DOMAIN}"]), [f"news.{DOMAIN}"]) if each.verdict is FAIL
    }
    assert {"gmail.alignment", "yahoo.alignment", "microsoft.alignment"} <= broken


# -- hostile records


def test_a_lab_needs_no_https_and_says_that_it_is_one() -> None:
    world = World()
    sample = world.house.sample
    assert sample is not None
    world.set(is_lab=True, sample=sample.replace(b"<https:", b"<http:"))
    assert of(world, "mail.one-click").verdict is WARN


def test_escapes_in_records_are_shown_as_pictures() -> None:
    assert shown("a\x1b[31mb\x07\x9b\u202ec\r\n") == "a␛[31mb␇U+009BU+202Ec␍␊"
    assert shown("x" * 400).endswith("... (400 characters)")
    line = publish("x.example\x1b", "TXT", 'a"b\\c\x1b').text
    assert line == 'x.example␛. IN TXT "a\\"b\\\\c␛"'


_PIECES = [
    "v=spf1",
    "v=DMARC1;",
    "v=DKIM1;",
    "v=STSv1;",
    "v=TLSRPTv1;",
    "v=BIMI1;",
    "p=none;",
    "include:%{i}.x",
    "a:",
    "=",
    ";",
    "\x1b[2J",
    "\0",
    "א",
    "psd=y;",
]
_TEXT = st.lists(st.sampled_from(_PIECES) | st.text(max_size=12), max_size=8).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from(sorted(World().records)), st.lists(_TEXT, max_size=3), max_size=6), st.booleans()
)
def test_no_record_breaks_the_doctor_or_moves_a_cursor(texts: dict[str, list[str]], is_everywhere: bool) -> None:
    world = World()
    for name, said in texts.items():
        if is_everywhere:
            world.records[name] = [
                {kind: text} for text in said for kind in ("TXT", "A", "AAAA", "PTR", "TLSA", "CNAME")
            ]
        else:
            world.txt(name, *said)
    found = world.judge()
    assert len(found) == len(RULES)
    for each in found:
        words = [each.says, *each.seen, *each.detail, *(line for mend in each.mend for line in mend.text.split("\n"))]
        assert all(word.isprintable() for word in words), words


def test_large_records_are_judged_and_cut_where_they_are_shown() -> None:
    world, size = World(), 1_000_000
    for name in (BOUNCE, DOMAIN, HOST, f"_dmarc.{DOMAIN}", f"_mta-sts.{BOUNCE}", f"_smtp._tls.{BOUNCE}"):
        world.txt(name, "v=spf1 " + "a " * (size // 2), "v=DMARC1; " + "p=none;" * (size // 7), "v=STSv1;" + "x" * size)
    for each in world.judge():
        assert len(each.says) < 1_200 and all(len(line) < 400 for line in (*each.seen, *each.detail)), each.rule


def test_circles_of_includes_end() -> None:
    world = World()
    world.records["a.example"] = [{"TXT": "v=spf1 include:b.example -all"}]
    world.records["b.example"] = [{"TXT": "v=spf1 redirect=a.example"}]
    world.records["c.example"] = [{"CNAME": "d.example"}]
    world.records["d.example"] = [{"CNAME": "c.example"}]
    world.txt(BOUNCE, "v=spf1 include:a.example a:c.example -all")
    assert of(world, "spf.lookups").verdict is FAIL
    assert world.rounds < 20


def test_domains_of_every_script_are_judged_by_their_a_label() -> None:
    from deliverability.address import parse_domain

    domain = parse_domain("магазин.example")
    world = World()
    world.txt(f"_dmarc.{domain}", "v=DMARC1; p=reject; rua=mailto:a@x.example")
    assert domain.startswith("xn--") and of(world, "dmarc.record", domain).verdict is PASS


def test_sources_are_each_named() -> None:
    world = World()
    assert world.house.sources is not None
    world.set(sources=(*world.house.sources, replace(world.house.sources[0], address="198.51.100.11")))
    said = of(world, "host.ptr")
    assert said.verdict is FAIL and "198.51.100.11" in said.says and FOUR not in said.says
    assert said.mend[0].text == f"11.100.51.198.in-addr.arpa. IN PTR {HOST}."

"""SPF: all of the RFC 7208 suite, and what an administrator is told beside the verdict."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from deliverability.checks.spf import Spf, check_host
from deliverability.checks.zone import Zone, ZoneFault

SUITE = Path(__file__).parents[2] / "data" / "corpora" / "spf-rfc7208" / "data"


def cases() -> list[Any]:
    found = []
    for document in YAML(typ="safe").load_all((SUITE / "rfc7208-tests.yml").read_text("utf-8")):
        zone = Zone(document)
        found += [pytest.param(zone, case, id=name) for name, case in document["tests"].items()]
    return found


def test_the_suite_is_all_there() -> None:
    assert len(cases()) == 203


@pytest.mark.parametrize(("zone", "case"), cases())
def test_the_suite_of_rfc_7208(zone: Zone, case: dict[str, Any]) -> None:
    found = check_host(str(case["host"]), str(case["helo"] or ""), str(case["mailfrom"] or ""), zone)
    wanted = case["result"] if isinstance(case["result"], list) else [case["result"]]
    assert found.result in wanted, found.trouble
    explanation = case.get("explanation")
    if explanation and found.result is Spf.FAIL:
        assert found.explanation == ("" if explanation == "DEFAULT" else explanation)


def zone(**names: Any) -> Zone:
    return Zone({name.replace("_", ".").replace("example", "example.com"): rows for name, rows in names.items()})


def test_the_verdict_names_the_term_and_counts_the_look_ups() -> None:
    dns = Zone({
        "shop.example": [{"TXT": "v=spf1 include:mail.example a:www.shop.example -all"}],
        "mail.example": [{"TXT": "v=spf1 ip4:192.0.2.0/24 ~all"}],
        "www.shop.example": [{"A": "198.51.100.7"}],
    })  # fmt: skip
    found = check_host("198.51.100.7", "mail.shop.example", "bounce@shop.example", dns)
    assert (found.result, found.mechanism, found.lookups) == (Spf.PASS, "a:www.shop.example", 2)
    assert [(step.depth, step.term, step.outcome) for step in found.steps] == [
        (1, "ip4:192.0.2.0/24", "no match"),
        (1, "~all", "match"),
        (0, "include:mail.example", "no match"),
        (0, "a:www.shop.example", "match"),
    ]
    inside = check_host("192.0.2.9", "mail.shop.example", "bounce@shop.example", dns)
    assert (inside.result, inside.mechanism, inside.lookups) == (Spf.PASS, "include:mail.example", 1)


def test_a_null_reverse_path_is_judged_by_the_ehlo_name() -> None:
    dns = Zone({"mail.shop.example": [{"TXT": "v=spf1 a -all"}, {"A": "192.0.2.1"}]})
    assert check_host("192.0.2.1", "mail.shop.example", "", dns).result is Spf.PASS
    assert check_host("192.0.2.2", "mail.shop.example", "", dns).result is Spf.FAIL


def test_an_ipv4_address_in_ipv6_clothes_is_ipv4() -> None:
    dns = Zone({"shop.example": [{"TXT": "v=spf1 ip4:192.0.2.1 -all"}]})
    assert check_host("::ffff:192.0.2.1", "h.example", "a@shop.example", dns).result is Spf.PASS


@pytest.mark.parametrize(
    ("rows", "result", "why"),
    [
        ([{"TXT": "v=spf1 -all"}, {"TXT": "v=spf1 ~all"}], Spf.PERMERROR, "has 2 SPF records"),
        ([{"TXT": "v=spf1 ip4:192.0.2.999 -all"}], Spf.PERMERROR, "names no ip4 network"),
        ([{"TXT": "v=spf1 include:gone.example -all"}], Spf.PERMERROR, "which has no SPF record"),
        ([{"TXT": "v=spf1 include:shop.example -all"}], Spf.PERMERROR, "more than 10 DNS look-ups"),
        ([{"TXT": "v=spf1 a:x.example a:y.example a:z.example -all"}], Spf.PERMERROR, "without an answer"),
        (["TIMEOUT"], Spf.TEMPERROR, "nobody answers for shop.example"),
    ],
)
def test_an_error_says_what_is_wrong(rows: list[Any], result: Spf, why: str) -> None:
    found = check_host("192.0.2.1", "h.example", "a@shop.example", Zone({"shop.example": rows}))
    assert (found.result, found.mechanism) == (result, "")
    assert why in found.trouble


@pytest.mark.parametrize("data", [None, [], "x", {"a.example": 5}, {"a.example": [5]}])
def test_a_zone_that_is_none_is_refused(data: object) -> None:
    with pytest.raises(ZoneFault):
        Zone(data)

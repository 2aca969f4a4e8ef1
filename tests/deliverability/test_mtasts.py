"""MTA-STS as it is published: records, policies, and which hosts they name."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverability.mtasts import Mode, Policy, PolicyTrouble, is_named, record_id, wants_reports

GOOD = "version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.example.net\nmax_age: 604800\n"


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        (["v=STSv1;id=1"], "1"),
        (["v=STSv1; id=1; new=thing"], "1"),
        (["v=spf1 -all", "v=STSv1; id=a1"], "a1"),
        ([], None),
        (["v=STSv1"], None),
        (["v=STSv1; id="], None),
        (["v=STSv1; id=no-hyphens"], None),
        (["v=STSv1; id=" + "a" * 33], None),
        (["v=STSv1; id=1; id=2"], None),
        (["v=STSv1; id=1", "v=STSv1; id=2"], None),  # RFC 8461 section 3.1: more than one is none
        (["v=STSv10; id=1"], None),
    ],
)
def test_a_record_announces_a_policy_or_none(texts: list[str], found: str | None) -> None:
    assert record_id(texts) == found


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_policy_is_read_with_either_line_end(end: str) -> None:
    policy = Policy.parse(GOOD.replace("\n", end))
    assert policy == Policy(Mode.ENFORCE, timedelta(days=7), ("mail.example.com", "*.example.net"))


def test_keys_that_nobody_knows_and_second_ones_mean_nothing() -> None:
    assert Policy.parse(GOOD + "mode: none\nfuture: word\nnonsense\n").mode is Mode.ENFORCE


def test_a_policy_of_none_names_nobody() -> None:
    assert Policy.parse("version: STSv1\nmode: none\nmax_age: 86400").exchangers == ()


def test_no_policy_holds_for_more_than_a_year() -> None:
    assert Policy.parse(GOOD.replace("604800", "9999999999")).max_age < timedelta(days=366)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "version"),
        ("<html>404</html>", "version"),
        (GOOD.replace("STSv1", "STSv2"), "version"),
        (GOOD.replace("enforce", "maybe"), "mode"),
        (GOOD.replace("604800", "-1"), "max_age"),
        (GOOD.replace("604800", "a week"), "max_age"),
        (GOOD.replace("604800", "1" * 11), "max_age"),
        ("version: STSv1\nmode: enforce\nmax_age: 1", "names no mx"),
        (GOOD + "mx: mail example\n", "is no host"),
        (GOOD + "mx: *.*.example\n", "is no host"),
        (GOOD + "mx: a.example\n" * 200, "more than"),
    ],
)
def test_what_is_no_policy_says_why(text: str, words: str) -> None:
    with pytest.raises(PolicyTrouble, match=words):
        Policy.parse(text)


@given(st.text())
def test_no_text_does_worse_than_say_why(text: str) -> None:
    try:
        Policy.parse(text)
    except PolicyTrouble as trouble:
        assert str(trouble)


@pytest.mark.parametrize(
    ("host", "is_there"),
    [
        ("mail.example.com", True), ("MAIL.Example.COM.", True), ("mx1.example.net", True), ("example.net", False),
        ("a.b.example.net", False), ("mail.example.com.evil.example", False), ("xmail.example.com", False), ("", False),
    ],
)  # fmt: skip
def test_a_star_stands_for_one_label(host: str, is_there: bool) -> None:
    assert is_named(host, ("mail.example.com", "*.example.net")) is is_there


def test_reports_are_asked_for_by_one_record() -> None:
    assert wants_reports(["v=TLSRPTv1;rua=mailto:reports@example.com"])
    assert not wants_reports(["v=TLSRPTv1;"])
    assert not wants_reports(["v=TLSRPTv1;rua=mailto:a@b.example"] * 2)

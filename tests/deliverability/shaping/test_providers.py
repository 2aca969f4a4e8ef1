"""Who stands behind a set of MX hosts, and which limit holds."""

from collections.abc import Sequence
from itertools import combinations

import pytest

from deliverability.bounces.classify import rules
from deliverability.shaping.limits import Limits, Said, ShapingSettings, covers, effective, own_layers
from deliverability.shaping.providers import limits_of, provider_of, providers


@pytest.mark.parametrize(
    ("hosts", "provider"),
    [
        (["gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com"], "gmail"),
        (["ASPMX.L.GOOGLE.COM.", "alt4.aspmx.l.googlemail.com"], "gmail"),
        (["mta5.am0.yahoodns.net"], "yahoo"),
        (["outlook-com.olc.protection.outlook.com"], "outlook"),
        (["shop-example.mail.protection.outlook.com"], "microsoft365"),
        (["shop-example.r-v1.mx.microsoft"], "microsoft365"),
        (["mx01.mail.icloud.com", "mx02.mail.icloud.com"], "icloud"),
        (["mx1a1.comcast.net"], "comcast"),
        (["smtp-in.orange.fr"], "orange"),
        (["mx00.gmx.net", "mx-ha02.web.de"], "gmx"),
        (["mx3.qq.com"], "qq"),
        (["163mx01.mxmail.netease.com"], "netease"),
        (["mxs.mail.ru"], "mailru"),
        (["mx.yandex.ru"], "yandex"),
        (["mx.example.org"], ""),
        (["aspmx.l.google.com", "backup.example.org"], ""),  # half of it is somebody else's
        (["google.com.evil.example"], ""),
        (["notgoogle.com"], ""),
        ([], ""),
    ],
)
def test_a_provider_is_who_owns_every_exchanger(hosts: Sequence[str], provider: str) -> None:
    assert provider_of(hosts) == provider


def test_no_host_belongs_to_two_providers_and_each_limit_has_a_source() -> None:
    for one, other in combinations(providers().values(), 2):
        for suffix in one.mx:
            assert not any(covers(each, [suffix]) or covers(suffix, [each]) for each in other.mx), (
                one.name,
                other.name,
            )
    for each in providers().values():
        assert each.source.startswith(("official", "practice"))
        assert each.limits.connections is not None


def test_rules_name_only_providers_that_are_known() -> None:
    assert {rule.provider for rule in rules()} <= {"", *providers()}


def test_the_most_specific_limit_wins_and_says_who_set_it() -> None:
    settings = ShapingSettings(
        limits={
            "gmail": Limits(per_minute=600),
            ".google.com": Limits(connections=30),
            "aspmx.l.google.com": Limits(per_minute=60),
            "elsewhere.example": Limits(connections=1),
        }
    )
    found = effective(
        [
            ("outbound", Limits(connections=20, per_connection=100)),
            ("providers.toml gmail", limits_of("gmail")),
        ],
        own_layers(settings, "aspmx.l.google.com", "gmail", ["aspmx.l.google.com"]),
    )
    assert found["connections"] == Said(30, 'posthouse.toml shaping.limits.".google.com"')
    assert found["per_minute"] == Said(60, 'posthouse.toml shaping.limits."aspmx.l.google.com"')
    assert found["per_connection"] == Said(50, "providers.toml gmail")
    assert "per_day" not in found


def test_a_general_limit_of_the_operators_is_not_widened_by_what_a_provider_would_allow() -> None:
    found = effective([("outbound", Limits(connections=20)), ("providers.toml comcast", limits_of("comcast"))], [])
    assert found["connections"] == Said(20, "outbound")

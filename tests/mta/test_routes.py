"""Where mail for a domain goes, told with a pretended DNS."""

import ipaddress
from collections.abc import Mapping
from typing import Any

import pytest
from clock import FakeChance
from pydantic import ValidationError

from mta.routing.prohibited import Prohibited, prohibited
from mta.routing.resolver import Addresses, Mx, MxAnswer, NoSuchDomain, NullMx, TemporaryFailure, Texts
from mta.routing.routes import Host, NoRoute, Route, Router, RoutingSettings

MX1, MX2, MX3 = "8.8.1.1", "8.8.2.2", "8.8.3.3"  # ordinary public addresses
DOWN = TemporaryFailure("the name servers answered with an error")


class PretendedDns:
    """MX by domain ("10 a 20 b", or an answer as it is) and addresses by host ("1.2.3.4 ::1")."""

    def __init__(self, mx: Mapping[str, Any], hosts: Mapping[str, Any]) -> None:
        self._mx, self._hosts = mx, hosts
        self.asked: list[str] = []

    async def mx(self, domain: str) -> MxAnswer | NullMx | NoSuchDomain | TemporaryFailure:
        self.asked.append(domain)
        said = self._mx.get(domain, NoSuchDomain())
        if not isinstance(said, str):
            return said  # type: ignore[no-any-return]
        words = said.split()
        return MxAnswer(tuple(Mx(int(p), host) for p, host in zip(words[::2], words[1::2], strict=True)))

    async def addresses(self, host: str) -> Addresses | NoSuchDomain | TemporaryFailure:
        self.asked.append(host)
        said = self._hosts.get(host, NoSuchDomain())
        return Addresses(tuple(said.split())) if isinstance(said, str) else said  # type: ignore[no-any-return]

    async def txt(self, name: str) -> Texts | NoSuchDomain | TemporaryFailure:
        return NoSuchDomain()


async def route(
    domain: str = "example.org",
    *,
    mx: Mapping[str, Any] | None = None,
    hosts: Mapping[str, Any] | None = None,
    own: str = "",
    seed: int = 0,
    doors: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Route | NoRoute:
    dns = PretendedDns(mx or {}, hosts or {})
    addresses = [ipaddress.ip_address(each) for each in own.split()]
    return await Router(RoutingSettings(**settings), dns, FakeChance(seed), addresses, **(doors or {})).route(domain)


def tried(found: Route | NoRoute) -> list[str]:
    assert isinstance(found, Route), found
    return [host.address for host in found.hosts]


def said(found: Route | NoRoute) -> str:
    assert isinstance(found, NoRoute), found
    return str(found.reply)


# DNS.


async def test_exchangers_are_tried_by_preference() -> None:
    found = await route(mx={"example.org": "10 b.example 20 a.example"}, hosts={"a.example": MX1, "b.example": MX2})
    assert found == Route("a.example,b.example", (Host("b.example", MX2, 25), Host("a.example", MX1, 25)))


async def test_equal_exchangers_share_the_load() -> None:
    world: dict[str, Any] = {
        "mx": {"example.org": "10 a 10 b 10 c"},
        "hosts": {"a": MX1, "b": MX2, "c": MX3},
    }
    orders = [tried(await route(seed=seed, **world)) for seed in range(60)]
    assert {order[0] for order in orders} == {MX1, MX2, MX3}
    assert all(sorted(order) == [MX1, MX2, MX3] for order in orders)


async def test_domains_with_the_same_exchangers_are_one_site() -> None:
    world: dict[str, Any] = {
        "mx": {"one.example": "10 a 20 b", "two.example": "5 b 5 a"},
        "hosts": {"a": MX1, "b": DOWN},
    }
    one, two = await route("one.example", **world), await route("two.example", **world)
    assert isinstance(one, Route)
    assert isinstance(two, Route)
    assert one.site == two.site == "a,b"


async def test_a_domain_without_mx_is_its_own_exchanger() -> None:
    found = await route(mx={"example.org": ""}, hosts={"example.org": MX1})
    assert found == Route("example.org", (Host("example.org", MX1, 25),))


async def test_ipv4_comes_first_unless_told_otherwise() -> None:
    world: dict[str, Any] = {"mx": {"example.org": "1 a"}, "hosts": {"a": f"2a00:1450::1 {MX1}"}}
    assert tried(await route(**world)) == [MX1, "2a00:1450::1"]
    assert tried(await route(**world, prefer="ipv6")) == ["2a00:1450::1", MX1]
    assert tried(await route(**world, prefer="ipv4-only")) == [MX1]
    assert tried(await route(**world, prefer="ipv6-only")) == ["2a00:1450::1"]


async def test_an_exchanger_of_the_wrong_family_only_is_waited_for() -> None:
    world: dict[str, Any] = {"mx": {"example.org": "1 a"}, "hosts": {"a": MX1}}
    assert said(await route(**world, prefer="ipv6-only")).startswith("451 4.4.3")


@pytest.mark.parametrize(
    ("mx", "hosts", "reply"),
    [
        (NullMx(), {}, "556 5.1.10"),
        (NoSuchDomain(), {}, "550 5.1.2"),
        (DOWN, {}, "451 4.4.3"),
        ("", {}, "550 5.1.2"),
        ("10 a", {}, "550 5.4.4"),
        ("10 a", {"a": ""}, "550 5.4.4"),
        ("10 a", {"a": DOWN}, "451 4.4.3"),
        ("10 a 20 b", {"b": DOWN}, "451 4.4.3"),
    ],
)
async def test_no_way_is_told_apart_from_not_now(mx: Any, hosts: Mapping[str, Any], reply: str) -> None:
    assert said(await route(mx={"example.org": mx}, hosts=hosts)).startswith(reply)


async def test_an_exchanger_that_is_an_address_is_named_as_the_mistake_that_it_is() -> None:
    """RFC 5321 section 5.1: the data of an MX record is a domain name."""
    words = said(await route(mx={"example.org": "10 192.0.2.7"}))
    assert words.startswith("550 5.4.4") and "192.0.2.7 is an address where its MX record wants a name" in words


async def test_one_exchanger_in_trouble_does_not_hide_another() -> None:
    assert tried(await route(mx={"example.org": "1 a 2 b"}, hosts={"a": DOWN, "b": MX2})) == [MX2]


async def test_a_stranger_who_lists_a_thousand_exchangers_gets_a_few_tried() -> None:
    names = [f"h{number}" for number in range(1000)]
    hosts = dict.fromkeys(names, " ".join(f"8.8.8.{last}" for last in range(50)))
    dns = PretendedDns({"example.org": " ".join(f"10 {name}" for name in names)}, hosts)
    found = await Router(RoutingSettings(), dns, FakeChance()).route("example.org")
    assert len(tried(found)) == 20
    assert len(dns.asked) < 20


# Prohibited addresses.


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "0.1.2.3", "169.254.169.254", "224.0.0.1", "255.255.255.255", "240.0.0.1",
        "192.0.2.1", "198.18.0.1", "168.63.129.16", "::1", "::", "fe80::1", "ff02::1", "::ffff:127.0.0.1",
        "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "::ffff:169.254.169.254",
    ],
)  # fmt: skip
async def test_an_address_of_no_mail_server_fails_for_good(address: str) -> None:
    reply = said(await route(mx={"example.org": "10 a"}, hosts={"a": address}))
    assert reply.startswith("550 5.4.6 example.org leads to a at ")
    assert address in reply


@pytest.mark.parametrize(
    "address", ["10.0.0.5", "172.16.3.1", "192.168.1.1", "100.64.0.1", "fd00::1", "::ffff:10.0.0.5"]
)
async def test_a_private_address_waits_since_the_administrator_may_have_to_permit_it(address: str) -> None:
    reply = said(await route(mx={"example.org": "10 a"}, hosts={"a": address}))
    assert reply.startswith("451 4.4.6")
    assert "routing.permit" in reply


async def test_our_own_address_is_refused_as_a_loop_and_says_how_to_mend_it() -> None:
    reply = said(await route(mx={"example.org": "10 a"}, hosts={"a": MX1}, own=MX1))
    assert reply.startswith("550 5.4.6")
    assert "our own address" in reply and "routing.transport" in reply


async def test_our_own_door_is_refused_as_a_loop_be_its_address_permitted() -> None:
    world: dict[str, Any] = {"mx": {"example.org": "10 a", "bounce.shop.example": "10 a"}, "hosts": {"a": "127.0.0.1"}}
    permit = ["127.0.0.0/8"]
    door = {"is_own_door": lambda ip, port: (ip, port) == ("127.0.0.1", 25), "ours": ["bounce.shop.example"]}
    assert tried(await route(permit=permit, **world)) == ["127.0.0.1"]
    assert said(await route(permit=permit, doors=door, **world)).startswith(
        "550 5.4.6 example.org leads to a at 127.0.0.1"
    )
    assert tried(await route("bounce.shop.example", permit=permit, doors=door, **world)) == ["127.0.0.1"]


async def test_what_stands_behind_ourselves_in_the_list_is_not_used() -> None:
    world: dict[str, Any] = {
        "mx": {"example.org": "5 a 10 b 10 c 20 d"},
        "hosts": {"a": "8.8.4.4", "b": MX1, "c": MX2, "d": MX3},
    }
    assert tried(await route(own=MX1, **world)) == ["8.8.4.4"]


async def test_a_prohibited_address_among_others_is_left_out() -> None:
    assert tried(await route(mx={"example.org": "10 a"}, hosts={"a": f"127.0.0.1 {MX1} 169.254.169.254"})) == [MX1]


async def test_a_loopback_address_of_an_exchanger_cuts_nothing_off_behind_it() -> None:
    world: dict[str, Any] = {"mx": {"example.org": "5 a 10 b"}, "hosts": {"a": f"::1 {MX1}", "b": MX2}}
    assert tried(await route(own="127.0.0.1 ::1", **world)) == [MX1, MX2]


async def test_our_own_address_beside_a_good_one_cuts_off_that_exchanger_and_what_stands_behind() -> None:
    world: dict[str, Any] = {
        "mx": {"example.org": "5 a 10 b 20 c"},
        "hosts": {"a": MX2, "b": f"{MX1} 8.8.4.4", "c": MX3},
    }
    assert tried(await route(own=MX1, **world)) == [MX2]


async def test_the_lab_may_permit_loopback() -> None:
    found = await route(mx={"example.org": "1 a"}, hosts={"a": "127.0.0.9"}, permit=["127.0.0.0/8"], port=2600)
    assert found == Route("a", (Host("a", "127.0.0.9", 2600),))


@pytest.mark.parametrize("address", ["8.8.8.8", "2a00:1450:4010::1a", "64:ff9b::808:808", "2002:808:808::1"])
def test_ordinary_addresses_are_not_prohibited(address: str) -> None:
    assert prohibited(address) is None


@pytest.mark.parametrize("address", ["::ffff:8.8.1.1", "64:ff9b::808:101"])
def test_our_own_address_is_known_in_every_dress(address: str) -> None:
    assert prohibited(address, own=[ipaddress.ip_address(MX1)]) is Prohibited.OWN


# Named next hops.


@pytest.mark.parametrize(
    ("domain", "address"),
    [
        ("shop.example", "127.0.0.1"),
        ("a.shop.example", "127.0.0.2"),
        ("x.b.shop.example", "127.0.0.3"),
        ("b.shop.example", "127.0.0.2"),
        ("other.example", "127.0.0.4"),
    ],
)
async def test_the_nearest_entry_of_the_transport_map_wins(domain: str, address: str) -> None:
    transport = {
        "shop.example": "127.0.0.1:26",
        ".shop.example": "127.0.0.2:26",
        ".b.shop.example": "127.0.0.3:26",
        "*": "127.0.0.4:26",
    }
    found = await route(domain, transport=transport, smart_host="relay.example")
    assert found == Route(f"transport:{address}:26", (Host(address, address, 26, is_named=True),))


async def test_a_smart_host_takes_all_the_rest() -> None:
    found = await route(hosts={"relay.example": "10.0.0.1"}, smart_host="relay.example:587")
    assert found == Route("transport:relay.example:587", (Host("relay.example", "10.0.0.1", 587, is_named=True),))


async def test_localhost_is_no_question_for_dns() -> None:
    assert tried(await route(smart_host="localhost:2600")) == ["127.0.0.1", "::1"]


@pytest.mark.parametrize("answer", [DOWN, NoSuchDomain(), ""])
async def test_a_slip_in_a_next_hops_name_bounces_nothing(answer: Any) -> None:
    assert said(await route(hosts={"relay.example": answer}, smart_host="relay.example")).startswith("451 4.4.")


# Settings.


@pytest.mark.parametrize(
    "settings",
    [
        {"resolvers": ["ns.example"]},
        {"resolvers": ["127.0.0.1:dns"]},
        {"resolvers": ["127.0.0.1:99999"]},
        {"permit": ["127.0.0.0/40"]},
        {"permit": ["home"]},
        {"smart_host": "relay.example:"},
        {"smart_host": "relay example"},
        {"smart_host": "[::1"},
        {"transport": {"shop example": "localhost"}},
        {"transport": {"shop.example": ""}},
        {"prefer": "ipv5"},
        {"port": 0},
    ],
)
def test_a_wrong_setting_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RoutingSettings(**settings)


def test_addresses_in_settings_may_be_ipv6_and_networks_may_be_hosts() -> None:
    settings = RoutingSettings(
        resolvers=("[::1]:5353", "::1", "127.0.0.1"), smart_host="[2001:db8::1]:26", permit=["127.0.0.1/8"]
    )
    assert str(settings.permit[0]) == "127.0.0.0/8"

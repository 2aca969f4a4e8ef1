"""Every server of a zone is asked: real DNS servers on loopback that do not all know the same."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from engine.lab.dns import DnsServer
from engine.lab.zones import Zone
from mta.routing.authority import RESOLVER, txt_everywhere
from mta.routing.resolver import NoSuchDomain, TemporaryFailure, Texts

NAME = "a._domainkey.shop.example"
HOSTS = {
    "shop.example": {"NS": ["ns1.host.example.", "ns2.host.example."]},
    "ns1.host.example": {"A": ["127.0.0.51"]},
    "ns2.host.example": {"A": ["127.0.0.52"]},
}
RECORD = {"TXT": ["v=DKIM1; p=" + "x" * 400]}
NOWHERE = {"ns2.host.example": {"A": ["127.0.0.250"]}}  # as `patient_dns` has it

pytestmark = pytest.mark.usefixtures("patient_dns")


def server_of(zone: Zone) -> DnsServer:
    return DnsServer(lambda: zone)


@asynccontextmanager
async def servers(*zones: dict[str, object]) -> AsyncIterator[tuple[str, int]]:
    """A resolver with the first zone, then the authoritative servers, at one port; gives the resolver and the port."""
    running = [server_of(Zone(each)) for each in zones]
    try:
        await running[0].start("127.0.0.1", 0)
        port = int(running[0].address.rpartition(":")[2])
        for number, each in enumerate(running[1:], 1):
            await each.start(f"127.0.0.{50 + number}", port)
        yield running[0].address, port
    finally:
        for each in running:
            await each.stop()


async def test_a_secondary_that_lags_is_told_apart() -> None:
    async with servers({**HOSTS, NAME: RECORD}, {NAME: RECORD}, {"shop.example": {}}) as (resolver, port):
        told = await txt_everywhere(NAME, [resolver], port=port)
    assert told == {"ns1.host.example": Texts((RECORD["TXT"][0],)), "ns2.host.example": NoSuchDomain()}


async def test_a_name_without_the_record_and_a_server_in_trouble() -> None:
    lame = {NAME: {"answer": "refused"}}
    async with servers(HOSTS, {NAME: {"A": ["127.0.0.1"]}}, lame) as (resolver, port):
        told = await txt_everywhere(NAME, [resolver], port=port)
    assert told["ns1.host.example"] == Texts(())
    assert isinstance(told["ns2.host.example"], TemporaryFailure) and "REFUSED" in told["ns2.host.example"].reason


async def test_a_server_that_is_not_there_is_trouble_and_not_an_answer() -> None:
    async with servers({**HOSTS, **NOWHERE, NAME: RECORD}, {NAME: RECORD}) as (resolver, port):
        told = await txt_everywhere(NAME, [resolver], port=port)
    assert isinstance(told["ns2.host.example"], TemporaryFailure) and "127.0.0.250" in told["ns2.host.example"].reason


async def test_a_name_delegated_by_cname_is_asked_where_it_leads() -> None:
    target = {"k.keys.example": RECORD}
    zone = {
        **HOSTS, NAME: {"CNAME": ["k.keys.example."]}, "keys.example": {"NS": ["ns1.host.example."]}, **target,
    }  # fmt: skip
    async with servers(zone, target, {}) as (resolver, port):
        told = await txt_everywhere(NAME, [resolver], port=port)
    assert told == {"ns1.host.example": Texts((RECORD["TXT"][0],))}


async def test_where_no_server_is_named_the_resolver_answers() -> None:
    async with servers({NAME: RECORD}) as (resolver, port):
        assert await txt_everywhere(NAME, [resolver], port=port) == {RESOLVER: Texts((RECORD["TXT"][0],))}
        assert await txt_everywhere("none.example", [resolver], port=port) == {RESOLVER: NoSuchDomain()}

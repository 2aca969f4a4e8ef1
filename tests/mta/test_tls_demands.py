"""What demands on TLS do to mail, and what is kept of it: a scheduler, a real store, and aiosmtpd with a certificate."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP
from house_carrier import Carrier, running
from mail_shop import Place

from mta.outbound import tls_ledger
from mta.queue.delivery import State
from mta.routing.hops import Demand, Level
from mta.routing.policy import Failure, Reported
from mta.routing.routes import Host, Route

POLICY = "version: STSv1\nmode: enforce\nmx: mx.example.org\nmax_age: 604800\n"
STS = Reported("sts.example", "sts", "1", POLICY)
ENFORCED = Demand(Level.VERIFY, "MTA-STS", ("mx.example.org",))
TRIED_OUT = Demand(Level.MAY, "MTA-STS testing", ("mx.example.org",), is_trial=True)


class Mx:
    """A host that offers STARTTLS with a certificate of this name, or something that is none."""

    def __init__(self, authority: trustme.CA, name: str = "mx.example.org", *, is_broken: bool = False) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(self.context)
        if is_broken:  # there is no cipher that both know
            self.context.maximum_version = ssl.TLSVersion.TLSv1_2
            self.context.set_ciphers("NULL-SHA256:@SECLEVEL=0")
        self.kept: list[tuple[str, bool]] = []  # forward-path, and whether it came over TLS

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.kept += [(to, session.ssl is not None) for to in envelope.rcpt_tos]
        return "250 2.0.0 ok"


@contextlib.asynccontextmanager
async def serving(*exchangers: Mx) -> AsyncIterator[list[Host]]:
    """Their hosts, mx.example.org being the first."""
    loop = asyncio.get_running_loop()
    hosts, servers = [], []
    for number, mx in enumerate(exchangers):
        server = await loop.create_server(
            lambda mx=mx: SMTP(mx, tls_context=mx.context, loop=loop), "127.0.0.1", 0
        )  # fmt: skip
        servers.append(server)
        name = f"mx{number or ''}.example.org"
        hosts.append(Host(name, "127.0.0.1", server.sockets[0].getsockname()[1]))
    try:
        yield hosts
    finally:
        for server in servers:
            server.close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def carrier(place: Place, tmp_path: Path, authority: trustme.CA) -> AsyncIterator[Carrier]:
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    # a connection for each delivery, so that each begins TLS anew
    async with running(place, tmp_path / "authority.pem", connection_deliveries=1) as carrier:
        yield carrier


async def results(carrier: Carrier) -> list[tuple[Any, ...]]:
    """What a report on the day would say: result, host, sessions."""
    await carrier.scheduler.courier.opener.keep()
    return await carrier.rows("SELECT result, host, sessions FROM tls_result ORDER BY result, host")


def send_to(carrier: Carrier, hosts: list[Host], demand: Demand, **more: Any) -> None:
    carrier.roads.by_domain["sts.example"] = Route("site", tuple(hosts), demand, reported=STS, **more)


async def test_an_enforced_policy_lets_mail_go_over_a_certificate_that_is_right(
    carrier: Carrier, authority: trustme.CA
) -> None:
    async with serving(mx := Mx(authority)) as hosts:
        send_to(carrier, hosts, ENFORCED)
        await carrier.hand_over("ann@sts.example", "bob@sts.example")
        await carrier.until_states(State.DELIVERED, State.DELIVERED)
        assert [is_tls for _, is_tls in mx.kept] == [True, True]
        assert {result for result, _, _ in await results(carrier)} == {""}


@pytest.mark.parametrize(
    ("name", "is_broken", "result"),
    [
        ("other.example.org", False, "certificate-host-mismatch"),
        ("mx.example.org", True, "validation-failure"),
    ],
)
async def test_an_enforced_policy_holds_mail_back_with_the_reason_and_counts_it(
    carrier: Carrier, authority: trustme.CA, name: str, is_broken: bool, result: str
) -> None:
    async with serving(mx := Mx(authority, name, is_broken=is_broken)) as hosts:
        send_to(carrier, hosts, ENFORCED)
        await carrier.hand_over("ann@sts.example")
        await carrier.until("SELECT outcome, stage FROM attempt", ("deferred", "starttls"))
        [(reply,)] = await carrier.rows("SELECT reply FROM attempt")
        assert reply.startswith("451 4.7.4 MTA-STS demands verify, and mx.example.org is not so: ")
        assert mx.kept == []
        assert await results(carrier) == [(result, "mx.example.org", 1)]


async def test_hosts_that_the_policy_does_not_name_are_passed_over(carrier: Carrier, authority: trustme.CA) -> None:
    async with serving(Mx(authority), other := Mx(authority, "mx1.example.org")) as (right, wrong):
        send_to(carrier, [wrong, right], ENFORCED)
        await carrier.hand_over("ann@sts.example")
        await carrier.until_states(State.DELIVERED)
        assert other.kept == []
        assert await results(carrier) == [("", "mx.example.org", 1), ("validation-failure", "mx1.example.org", 1)]


async def test_a_policy_that_names_none_of_the_hosts_holds_mail_back(carrier: Carrier, authority: trustme.CA) -> None:
    async with serving(mx := Mx(authority)) as hosts:
        send_to(carrier, hosts, replace(ENFORCED, exchangers=("mail.example.org",)))
        await carrier.hand_over("ann@sts.example")
        await carrier.until(
            "SELECT outcome, reply FROM attempt",
            ("deferred", "451 4.7.4 MTA-STS names mail.example.org, and no exchanger of the domain is among them"),
        )
        assert mx.kept == []


async def test_a_policy_that_is_tried_out_lets_mail_go_and_counts_what_is_wrong(
    carrier: Carrier, authority: trustme.CA
) -> None:
    async with serving(mx := Mx(authority, "other.example.org")) as hosts:
        send_to(carrier, hosts, TRIED_OUT)
        await carrier.hand_over("ann@sts.example")
        await carrier.until_states(State.DELIVERED)
        assert mx.kept == [("ann@sts.example", True)]
        assert await results(carrier) == [("certificate-host-mismatch", "mx.example.org", 1)]


async def test_a_policy_that_could_not_be_had_is_counted_and_mail_goes(carrier: Carrier, authority: trustme.CA) -> None:
    async with serving(Mx(authority)) as hosts:
        send_to(carrier, hosts, Demand(), no_policy=Failure("sts-policy-fetch-error", "HTTP status 404"))
        await carrier.hand_over("ann@sts.example")
        await carrier.until_states(State.DELIVERED)
        assert await results(carrier) == [("sts-policy-fetch-error", "mx.example.org", 1)]


async def test_domains_of_one_site_with_other_demands_share_its_connections_where_they_suit(
    carrier: Carrier, authority: trustme.CA
) -> None:
    async with serving(mx := Mx(authority)) as hosts:
        send_to(carrier, hosts, ENFORCED)
        carrier.roads.by_domain["plain.example"] = Route("site", tuple(hosts))
        await carrier.hand_over("ann@sts.example", "bob@plain.example", "carl@sts.example", "dan@plain.example")
        await carrier.until_states(*[State.DELIVERED] * 4)
        assert len(mx.kept) == 4
        tls = await carrier.rows("SELECT count(*) FROM attempt WHERE tls <> ''")
        assert tls == [(4,)]


async def test_broken_tls_is_remembered_for_three_days_and_then_tried_again(
    carrier: Carrier, authority: trustme.CA
) -> None:
    async with serving(mx := Mx(authority, is_broken=True)) as hosts:
        carrier.roads.by_domain["a.example"] = Route("site", tuple(hosts))
        await carrier.hand_over("ann@a.example")
        await carrier.until_states(State.DELIVERED)
        assert mx.kept == [("ann@a.example", False)]
        await carrier.until("SELECT until_ms FROM tls_trouble", (carrier.ms_after(days=3),))
        _, why = await carrier.store.read(lambda tx: tls_ledger.broken(tx, "site"))
        assert why.startswith("TLS handshake: ")
        carrier.clock.advance(timedelta(days=2))
        await carrier.hand_over("bob@a.example")
        await carrier.until_states(State.DELIVERED, State.DELIVERED)
        carrier.clock.advance(timedelta(days=1, seconds=1))
        await carrier.until("SELECT until_ms FROM tls_trouble", (carrier.ms_after(seconds=-1),))  # not begun meanwhile
        await carrier.hand_over("carl@a.example")
        await carrier.until("SELECT until_ms FROM tls_trouble", (carrier.ms_after(days=3),))
        await carrier.until_states(*[State.DELIVERED] * 3)


async def test_mail_that_demands_tls_begins_it_even_where_it_was_broken(
    carrier: Carrier, authority: trustme.CA
) -> None:
    await carrier.store.write(lambda tx: tls_ledger.remember_broken(tx, "site", 2**50, "TLS handshake: no"))
    async with serving(mx := Mx(authority)) as hosts:
        send_to(carrier, hosts, ENFORCED)
        await carrier.hand_over("ann@sts.example")
        await carrier.until_states(State.DELIVERED)
        assert mx.kept == [("ann@sts.example", True)]


async def test_what_was_reported_long_ago_is_cleared(carrier: Carrier, authority: trustme.CA) -> None:
    async with serving(Mx(authority)) as hosts:
        send_to(carrier, hosts, ENFORCED)
        await carrier.hand_over("ann@sts.example")
        await carrier.until_states(State.DELIVERED)
        assert len(await results(carrier)) == 1
    for days, left in ((13, 1), (2, 0)):
        carrier.clock.advance(timedelta(days=days))
        await carrier.store.write(lambda tx: tls_ledger.drop_over(tx, carrier.clock.now()))
        assert len(await results(carrier)) == left


async def test_a_host_that_will_not_do_without_tls_is_asked_with_it_again_though_it_was_broken(
    carrier: Carrier, authority: trustme.CA
) -> None:
    class Strict(Mx):
        async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
            if session.ssl is None:
                return "530 5.7.0 Must issue a STARTTLS command first"
            envelope.mail_from = address
            return "250 ok"

    await carrier.store.write(lambda tx: tls_ledger.remember_broken(tx, "site", 2**50, "TLS handshake: no"))
    async with serving(mx := Strict(authority)) as hosts:
        carrier.roads.by_domain["a.example"] = Route("site", tuple(hosts))
        await carrier.hand_over("ann@a.example")
        await carrier.until("SELECT outcome, stage FROM attempt", ("deferred", "mail"))
        await carrier.hand_over("bob@a.example")
        await carrier.until("SELECT count(*) FROM delivery WHERE state = 10", (1,))
        assert mx.kept == [("bob@a.example", True)]


@pytest.mark.parametrize("reply", ["550 5.7.1 Relaying denied", "530 5.7.0 Authentication required"])
async def test_a_next_hop_of_ours_that_does_not_know_us_makes_mail_wait(carrier: Carrier, reply: str) -> None:
    carrier.roads.anywhere = carrier.hop.route("transport:smart.example:587")
    carrier.hop.answers["RCPT"] = lambda _: reply
    await carrier.hand_over("ann@a.example")
    await carrier.until("SELECT outcome, reply FROM attempt", ("deferred", reply))
    carrier.roads.by_domain["b.example"] = carrier.hop.route("mx.b.example")
    carrier.hop.answers["RCPT"] = lambda _: "550 5.7.1 Relaying denied"
    await carrier.hand_over("bob@b.example")
    await carrier.until("SELECT outcome FROM attempt ORDER BY id", ("deferred",), ("failed",))

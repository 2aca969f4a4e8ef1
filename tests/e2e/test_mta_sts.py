"""MTA-STS from end to end: DNS that announces a policy, a web server that shows it, Postfix with a certificate, the daemon
that obeys; and an attacker who takes DNS over.

Needs root, for port 443 (on a loopback address of its own) and for Postfix.
"""

import contextlib
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, ThreadingUDPServer

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
import trustme
from house import Daemon
from house_postfix import Postfix
from serving import serving

pytestmark = [pytest.mark.e2e, pytest.mark.peer("postfix")]

WEB = "127.0.0.44"
POLICY = "version: STSv1\r\nmode: enforce\r\nmx: mx.hop.example\r\nmax_age: 604800\r\n"


@dataclass
class World:
    """What DNS and the web server say; tests put another in its place, and whoever is just asking reads the one or the other."""

    zone: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    policies: dict[str, str] = field(default_factory=dict)  # by host
    fetched: list[str] = field(default_factory=list)

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query, recursion_available=True)
        response.flags |= dns.flags.AA
        name, kind = query.question[0].name, dns.rdatatype.to_text(query.question[0].rdtype)
        key = name.to_text(omit_final_dot=True).lower()
        zone = self.zone
        if found := zone.get((key, kind)):
            response.answer.append(dns.rrset.from_text(name, 1, "IN", kind, *found))
        elif not any(host == key for host, _ in zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response


@contextlib.contextmanager
def dns_server(world: World) -> Iterator[str]:
    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            octets, opened = self.request
            opened.sendto(world.answer(dns.message.from_wire(octets)).to_wire(), self.client_address)

    with serving(ThreadingUDPServer(("127.0.0.1", 0), Handler)) as server:
        yield f"127.0.0.1:{server.server_address[1]}"


@contextlib.contextmanager
def web_server(world: World, authority: trustme.CA) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host = self.headers["Host"]
            world.fetched.append(host)
            found = world.policies.get(host) if self.path == "/.well-known/mta-sts.txt" else None
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            self.wfile.write((found or "").encode())

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("mta-sts.good.example", "mta-sts.bad.example").configure_cert(context)
    server = ThreadingHTTPServer((WEB, 443), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server):
        yield


def domain(world: World, name: str, exchanger: str, policy: str) -> None:
    world.zone = world.zone | {
        (name, "MX"): [f"10 {exchanger}."], (exchanger, "A"): ["127.0.0.1"],
        (f"_mta-sts.{name}", "TXT"): ['"v=STSv1; id=20260101"'], (f"mta-sts.{name}", "A"): [WEB],
    }  # fmt: skip
    world.policies[f"mta-sts.{name}"] = policy


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, World]]:
    folder, authority, world = tmp_path_factory.mktemp("town"), trustme.CA(), World()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    domain(world, "good.example", "mx.hop.example", POLICY)
    domain(world, "bad.example", "mx.hop.example", POLICY.replace("mx.hop", "mx.other"))
    with (
        dns_server(world) as resolver,
        web_server(world, authority),
        Postfix(["ann@good.example", "ann@bad.example"], authority=authority) as postfix,
    ):
        routing = {
            "resolvers": [resolver],
            "port": int(postfix.address.rpartition(":")[2]),
            "authorities": "../authority.pem",
        }
        with Daemon(folder, carriers=1, settings={"routing": routing}) as daemon:  # two might fetch at once
            yield daemon, world


def attempt(daemon: Daemon, number: int) -> tuple[str, str, str]:
    sql = (
        "SELECT a.outcome, a.reply, a.tls FROM attempt a JOIN delivery d ON d.id = a.delivery_id WHERE d.message_id = ?"
        " ORDER BY a.id"
    )
    outcome, reply, tls = daemon.until(lambda: daemon.rows(sql, number), 60)[0]
    return str(outcome), str(reply), str(tls)


def test_mail_to_a_domain_with_a_policy_goes_over_verified_tls(town: tuple[Daemon, World]) -> None:
    daemon, world = town
    outcome, _, tls = attempt(daemon, daemon.submit("ann@good.example"))
    assert (outcome, tls[:7]) == ("delivered", "TLSv1.3")
    assert world.fetched.count("mta-sts.good.example") == 1
    assert daemon.rows("SELECT policy_id, policy FROM sts_policy WHERE domain = 'good.example'") == [
        ("20260101", POLICY)
    ]
    daemon.until(lambda: daemon.rows("SELECT 1 FROM tls_result WHERE domain = 'good.example' AND result = ''"))
    assert (
        "TLS by MTA-STS, enforce, until "
        in daemon.command("why", "mx.hop.example").stdout + daemon.command("why", "good.example").stdout
    )


def test_a_policy_that_does_not_name_the_exchanger_holds_mail_back_with_the_reason(town: tuple[Daemon, World]) -> None:
    daemon, _ = town
    number = daemon.submit("ann@bad.example")
    outcome, reply, _ = attempt(daemon, number)
    assert outcome == "deferred"
    assert reply == "451 4.7.4 MTA-STS names mx.other.example, and no exchanger of the domain is among them"
    assert daemon.state_of(number) == "queued"


def test_who_takes_dns_over_later_gets_no_mail_of_a_domain_whose_policy_is_known(town: tuple[Daemon, World]) -> None:
    daemon, world = town
    left = {key: said for key, said in world.zone.items() if key != ("_mta-sts.good.example", "TXT")}
    world.zone = left | {("good.example", "MX"): ["10 mx.evil.example."], ("mx.evil.example", "A"): ["127.0.0.1"]}
    assert daemon.stop() == 0
    daemon.start()
    number = daemon.submit("ann@good.example")
    outcome, reply, _ = attempt(daemon, number)
    assert (outcome, daemon.state_of(number)) == ("deferred", "queued")
    assert reply == "451 4.7.4 MTA-STS names mx.hop.example, and no exchanger of the domain is among them"
    assert world.fetched.count("mta-sts.good.example") == 1
    life = json.loads(daemon.command("message", str(number), "--json").stdout)
    assert "MTA-STS names" in json.dumps(life)

"""The lab's resolver, asked with dnspython as any client would."""

from collections.abc import Iterator
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab_thread import LabThread

from engine.lab import zones
from engine.lab.dns import respond
from engine.lab.moods import load
from engine.lab.zones import Zone, ZoneError


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabThread]:
    with LabThread(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


def ask(lab: LabThread, name: str, kind: str, *, tcp: bool = False, edns: bool = True) -> dns.message.Message:
    query = dns.message.make_query(name, kind, use_edns=0 if edns else -1, payload=1232)
    host, _, port = lab.dns_address.rpartition(":")
    send = dns.query.tcp if tcp else dns.query.udp
    return send(query, host, port=int(port), timeout=60)


def values(answer: dns.message.Message) -> list[str]:
    """The records as text; a compressed name takes the case of the question, which means nothing."""
    return [f"{rdata}" for rrset in answer.answer for rdata in rrset]


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("gmail.lab", "MX", ["10 gmail-smtp-in.l.google.com."]),
        ("gmail-smtp-in.l.google.com", "A", ["127.0.0.2"]),
        ("shop.lab", "MX", ["10 mx.lab."]),
        ("anything.at.all.lab", "MX", ["10 mx.lab."]),
        ("AnyThing.LAB", "MX", ["10 mx.lab."]),
        ("mx.lab", "A", ["127.0.0.10"]),
        ("nullmx.lab", "MX", ["0 ."]),
        ("multi.lab", "MX", ["10 mx1.multi.lab.", "20 mx2.multi.lab."]),
        ("implicit.lab", "A", ["127.0.0.12"]),
        ("implicit.lab", "MX", []),
        ("broken6.lab", "AAAA", []),
        ("mx.broken6.lab", "AAAA", ["::1"]),
        ("alias.lab", "MX", ["shop.lab.", "10 mx.lab."]),
        ("_dmarc.shop.example", "TXT", ['"v=DMARC1; p=reject; rua=mailto:dmarc-reports@bounce.shop.example"']),
        ("10.0.0.127.in-addr.arpa", "PTR", ["mx.lab."]),
        ("xn--80a1acny.lab", "MX", ["10 mx.lab."]),
    ],
)
@pytest.mark.parametrize("tcp", [False, True])
def test_names_that_exist(lab: LabThread, name: str, kind: str, expected: list[str], tcp: bool) -> None:
    answer = ask(lab, name, kind, tcp=tcp)
    assert answer.rcode() == dns.rcode.NOERROR
    assert sorted(value.casefold() for value in values(answer)) == sorted(value.casefold() for value in expected)


@pytest.mark.parametrize(
    ("name", "rcode"),
    [
        ("nxdomain.lab", dns.rcode.NXDOMAIN),
        ("servfail.lab", dns.rcode.SERVFAIL),
        ("gone.lostmx.lab", dns.rcode.NXDOMAIN),
        ("www.gmail.lab", dns.rcode.NXDOMAIN),  # a wildcard does not reach below a name that exists (RFC 4592)
        ("example.org", dns.rcode.NXDOMAIN),
    ],
)
def test_names_that_fail(lab: LabThread, name: str, rcode: dns.rcode.Rcode) -> None:
    assert ask(lab, name, "MX").rcode() == rcode


def test_a_negative_answer_says_how_long_it_holds(lab: LabThread) -> None:
    for name, kind in (("nxdomain.example", "A"), ("shop.lab", "AAAA")):
        (soa,) = ask(lab, name, kind).authority
        assert soa.rdtype == dns.rdatatype.SOA


def test_a_name_that_is_above_others_exists(lab: LabThread) -> None:
    answer = ask(lab, "google.com", "A")
    assert (answer.rcode(), values(answer)) == (dns.rcode.NOERROR, [])


def test_silence_is_a_timeout(lab: LabThread) -> None:
    query = dns.message.make_query("timeout.lab", "MX")
    host, _, port = lab.dns_address.rpartition(":")
    with pytest.raises(dns.exception.Timeout):
        dns.query.udp(query, host, port=int(port), timeout=0.1)


@pytest.mark.parametrize("edns", [False, True])
def test_what_a_datagram_cannot_hold_is_truncated_and_whole_over_tcp(lab: LabThread, edns: bool) -> None:
    short = ask(lab, "big.lab", "TXT", edns=edns)
    assert short.flags & dns.flags.TC
    whole = ask(lab, "big.lab", "TXT", tcp=True, edns=edns)
    assert not whole.flags & dns.flags.TC
    assert len(values(whole)) == 8


def test_a_long_text_is_cut_into_strings_that_join_to_it(lab: LabThread) -> None:
    key = "v=DKIM1; k=rsa; p=" + "A" * 600 + '"\\;'
    zones.publish(lab.state, "s1._domainkey.shop.example", "TXT", key)
    (rrset,) = ask(lab, "s1._domainkey.shop.example", "TXT").answer
    assert b"".join(rrset[0].strings).decode() == key
    assert len(rrset[0].strings) == 3


def test_what_is_published_is_answered_at_the_next_question_and_can_be_taken_away(lab: LabThread) -> None:
    assert ask(lab, "new.example", "MX").rcode() == dns.rcode.NXDOMAIN
    zones.publish(lab.state, "new.example", "MX", "10 mx.lab.", "20 mx2.multi.lab.")
    assert len(values(ask(lab, "new.example", "MX"))) == 2
    zones.publish(lab.state, "new.example", "MX")
    assert values(ask(lab, "new.example", "MX")) == []


def test_a_zone_that_is_spoilt_while_the_lab_runs_changes_nothing(tmp_path: Path) -> None:
    with LabThread(tmp_path) as lab:
        (tmp_path / "zone.toml").write_text('["shop.lab"]\nMX = ["ten mx.lab."]\n')
        assert values(ask(lab, "shop.lab", "MX")) == ["10 mx.lab."]
        (tmp_path / "zone.toml").write_text('["shop.lab"]\nMX = ["5 mx2.multi.lab."]\n')
        assert values(ask(lab, "shop.lab", "MX")) == ["5 mx2.multi.lab."]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('["x.example"]\nMX = ["ten mx."]', '"x.example"'),
        ('["x.example"]\nHAT = ["1"]', '"x.example"'),
        ('["x.example"]\nA = ["300.1.1.1"]', '"x.example"'),
        ('["x.example"]\nanswer = "maybe"', "answer is one of nxdomain, servfail"),
        ('x = "y"', "is not a table"),
        ('["x..example"]\nA = ["127.0.0.1"]', '"x..example"'),
        ("[x", "zone.toml"),
    ],
)
def test_a_wrong_zone_is_refused_with_words_that_say_where(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "zone.toml").write_text(text)
    with pytest.raises(ZoneError) as refused:
        zones.load(load(), tmp_path / "zone.toml")
    assert words in str(refused.value)


def test_a_record_that_is_none_is_not_published(tmp_path: Path) -> None:
    with pytest.raises(ZoneError):
        zones.publish(tmp_path, "x.example", "A", "not an address")
    assert not (tmp_path / "zone.toml").exists()


def test_a_loop_of_aliases_ends() -> None:
    zone = Zone({"a.example": {"CNAME": ["b.example."]}, "b.example": {"CNAME": ["a.example."]}})
    answer = zone.look_up(dns.name.from_text("a.example"), dns.rdatatype.MX)
    assert answer is not None and answer.rcode == dns.rcode.SERVFAIL


ZONE = zones.load(load())


@settings(deadline=None)
@given(noise=st.binary(max_size=300))
def test_no_octets_make_the_resolver_raise(noise: bytes) -> None:
    respond(ZONE, noise, 512)
    query = dns.message.make_query("shop.lab", "MX").to_wire()
    respond(ZONE, query[:12] + noise, 512)
    respond(ZONE, query + noise, None)


def test_a_question_that_is_no_query_is_not_implemented() -> None:
    update = dns.message.make_query("shop.lab", "MX")
    update.set_opcode(dns.opcode.STATUS)
    response = respond(ZONE, update.to_wire(), 512)
    assert response is not None
    assert dns.message.from_wire(response).rcode() == dns.rcode.NOTIMP

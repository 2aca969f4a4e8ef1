"""What every authoritative server of a name says, one by one: whether a change has reached all of them.

A resolver tells what it remembers; a secondary may lag behind the primary. So the servers of the zone are asked
themselves, at each of which one address must answer.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import dns.asyncquery
import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver

from mta.routing.resolver import DEADLINE, NoSuchDomain, TemporaryFailure, Texts, reason, stub_resolver

Told = Texts | NoSuchDomain | TemporaryFailure
RESOLVER: Final = "the resolver"


async def txt_everywhere(name: str, nameservers: Sequence[str] = (), *, port: int = 53) -> dict[str, Told]:
    """The TXT records of a name at each server of its zone, by the server's name; aliases (CNAME) are followed.

    `nameservers` are those that find the zone, as in the configuration; `port` is where its servers listen. Where the
    resolver names no servers at all, its own answer stands for theirs.
    """
    resolver = stub_resolver(nameservers)
    told, owner = await _by_resolver(resolver, name)
    servers = await _servers(resolver, owner)
    if not servers:
        return {RESOLVER: told}
    answers = await asyncio.gather(*(_at(resolver, server, owner, port) for server in servers))
    return dict(zip(servers, answers, strict=True))


async def _by_resolver(resolver: dns.asyncresolver.Resolver, name: str) -> tuple[Told, dns.name.Name]:
    """What the resolver says, and the name at the end of the aliases."""
    try:
        answer = await resolver.resolve(name, "TXT", search=False, raise_on_no_answer=False, lifetime=DEADLINE)
    except dns.resolver.NXDOMAIN as missing:
        return NoSuchDomain(), missing.canonical_name
    except (dns.exception.DNSException, OSError, ValueError) as trouble:
        return TemporaryFailure(f"DNS look-up of {name} TXT: {reason(trouble)}"), dns.name.from_text(name)
    return _texts(answer.response, answer.canonical_name), answer.canonical_name


async def _servers(resolver: dns.asyncresolver.Resolver, name: dns.name.Name) -> list[str]:
    """The servers of the zone that the name is in: those of its nearest parent that has any."""
    while len(name.labels) > 2:
        try:
            answer = await resolver.resolve(name, "NS", search=False, raise_on_no_answer=False, lifetime=DEADLINE)
        except (dns.exception.DNSException, OSError, ValueError):
            answer = None
        if answer is not None and answer.rrset is not None:
            return sorted(each.target.to_text(omit_final_dot=True).lower() for each in answer.rrset)
        name = name.parent()
    return []


async def _at(resolver: dns.asyncresolver.Resolver, server: str, name: dns.name.Name, port: int) -> Told:
    """What one server says, at the first of its addresses that answers."""
    trouble = "it has no address"
    for kind in ("A", "AAAA"):
        try:
            found = await resolver.resolve(server, kind, search=False, raise_on_no_answer=False, lifetime=DEADLINE)
        except (dns.exception.DNSException, OSError, ValueError) as err:
            trouble = reason(err)
            continue
        for each in found.rrset or ():
            query = dns.message.make_query(name, "TXT", use_edns=0, payload=1232)
            query.flags &= ~dns.flags.RD
            try:
                response, _ = await dns.asyncquery.udp_with_fallback(query, each.address, timeout=DEADLINE, port=port)
            except (dns.exception.DNSException, OSError, ValueError, EOFError) as err:
                trouble = f"{each.address} does not answer: {reason(err)}"
                continue
            return _texts(response, name)
    return TemporaryFailure(trouble)


def _texts(response: dns.message.Message, name: dns.name.Name) -> Told:
    code = response.rcode()
    if code == dns.rcode.NXDOMAIN:
        return NoSuchDomain()
    if code != dns.rcode.NOERROR:
        return TemporaryFailure(f"it answers {dns.rcode.to_text(code)}")
    rrset = response.get_rrset(response.answer, name, response.question[0].rdclass, dns.rdatatype.TXT)
    values = sorted(b"".join(each.strings).decode("utf-8", "replace") for each in rrset or ())
    return Texts(tuple(values), rrset.ttl if rrset else 0)

"""Whether what comes back can come in: the exchangers of the bounce domain, and of the From domain."""

from ipaddress import ip_address

from deliverability.doctor.facts import Case
from deliverability.doctor.look import Question
from deliverability.doctor.model import Mend, NotKnown, Said, bad, good, gravest, publish, remove, warn
from deliverability.doctor.rule import Rule


def hosts_of(case: Case, domain: str) -> list[str]:
    """Where mail for a domain goes: its exchangers, else itself (RFC 5321 section 5.1)."""
    return [each for each in case.look.exchangers(domain) if each not in ("", ".")] or [domain]


def _bounces(case: Case) -> Said:
    domain = case.envelope
    exchangers = case.look.exchangers(domain)
    if exchangers and all(each in ("", ".") for each in exchangers):
        mend = [remove(domain, "MX", "0 ."), _to_us(case, domain)]
        return bad(f"{domain} says that it takes no mail (null MX): its bounces never come", ["0 ."], mend)
    if exchangers:
        return good(f"bounces to {domain} go to {', '.join(exchangers)}")
    if case.look.addresses(domain):
        return warn(f"{domain} has no MX record; its own address stands in for it", (), [_to_us(case, domain)])
    return bad(
        f"{domain} has neither MX nor address: no bounce comes back, and some receivers refuse it",
        (),
        [_to_us(case, domain)],
    )


def _addresses(case: Case) -> Said:
    hosts = hosts_of(case, case.envelope)
    case.look.want(*(Question(kind, each) for each in hosts for kind in ("A", "AAAA", "CNAME")))
    return gravest([_of_host(case, each) for each in hosts])


def _of_host(case: Case, host: str) -> Said:
    if _is_address(host):
        mend = [_to_us(case, case.envelope)]
        return bad(f"the MX of {case.envelope} is the address {host}, and has to be a name", (), mend)
    if alias := case.look.dns(host, "CNAME"):
        says = f"{host} is an alias (CNAME) of {alias[0]}, which an MX may not name"
        return warn(says, alias, [publish(case.envelope, "MX", f"10 {alias[0].rstrip('.')}.")])
    if case.look.addresses(host):
        return good(f"{host} has an address")
    sources = case.house.sources or ()
    mend = [publish(host, "AAAA" if ":" in each.address else "A", each.address) for each in sources]
    return bad(f"{host}, where bounces go, has no address", (), mend or [_to_us(case, case.envelope)])


def _reach(case: Case) -> Said:
    found = []
    for host in hosts_of(case, case.envelope):
        door = case.look.door(host, f"postmaster@{case.envelope}")
        if door.is_closed:
            found.append(bad(f"nobody answers at port 25 of {host}: {door.trouble}"))
        elif door.trouble:
            raise NotKnown(f"port 25 of {host} could not be tried: {door.trouble}")
        else:
            found.append(good(f"{host} answers", door.banner))
    return gravest(found)


def _accepts(case: Case) -> Said:
    address = f"postmaster@{case.envelope}"
    doors = {host: case.look.door(host, address) for host in hosts_of(case, case.envelope)}
    said = [(host, door.reply) for host, door in doors.items() if door.reply]
    if not said:
        raise NotKnown("no host was asked")
    refused = [f"{host}: {reply}" for host, reply in said if reply.startswith("5")]
    if refused:
        return bad(f"{address} is refused: every domain that sends has to take mail for it", refused)
    return good(f"{address} is taken", *(f"{host}: {reply}" for host, reply in said))


def _from(case: Case) -> Said:
    domain = case.domain
    exchangers = case.look.exchangers(domain)
    mend = [_to_us(case, domain)]
    if exchangers and all(each in ("", ".") for each in exchangers):
        return bad(
            f"{domain} says that it takes no mail (null MX), and mail from it is refused",
            ["0 ."],
            [remove(domain, "MX", "0 ."), *mend],
        )
    if exchangers and not any(_is_judged_elsewhere(case, each) or case.look.addresses(each) for each in exchangers):
        says = f"{', '.join(exchangers)}, where answers to {domain} go, has no address: nobody can answer its mail"
        return bad(says, exchangers, mend)
    if exchangers or case.look.addresses(domain):
        return good(f"answers to {domain} go to {', '.join(exchangers) or domain}")
    return bad(f"{domain} has neither MX nor address: nobody can answer its mail, and receivers refuse it", (), mend)


def _is_judged_elsewhere(case: Case, host: str) -> bool:
    """Whether other rules see that a host has an address: that of EHLO, and the exchangers of the bounce domain."""
    ours = (case.house.hostname, *(each.ehlo for each in case.house.sources or ()))
    return host in ours or host in case.look.exchangers(case.envelope)


def _to_us(case: Case, domain: str) -> Mend:
    return publish(domain, "MX", f"10 {case.house.hostname or domain}.")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


RULES = (
    Rule(
        "mx.from",
        "The From domain takes mail",
        "Receivers refuse mail whose From can't be answered; Microsoft asks for it in so many words.",
        "Publish an MX record for the From domain.",
        "RFC 7505 section 4.2; Microsoft's rules for high-volume senders",
        _from,
    ),
    Rule(
        "mx.bounces",
        "The bounce domain has an exchanger",
        "Bounces, complaints and reports come there; a reverse-path that can't be answered is refused.",
        "Publish an MX record for bounces.domain that names this host.",
        "RFC 5321 section 5.1; RFC 7505",
        _bounces,
    ),
    Rule(
        "mx.address",
        "Its exchangers have addresses",
        "An exchanger without an address, or that is an alias, is not found by all.",
        "Publish address records for the hosts that the MX names.",
        "RFC 5321 section 5.1; RFC 2181 section 10.3",
        _addresses,
        ("mx.bounces", "host.ehlo"),
    ),
    Rule(
        "mx.reach",
        "They answer at port 25",
        "What can't be reached gets no bounces, and the mails that failed are written to again.",
        "Have inbound.listen answer at port 25 of that host, or hand over by LMTP from the server that does.",
        "RFC 5321 section 4.5.3.2",
        _reach,
        ("mx.address",),
    ),
    Rule(
        "mx.postmaster",
        "They take mail for postmaster",
        "Every domain that sends has to take it; some receivers try.",
        "Let the server at port 25 take postmaster@ and abuse@ of the bounce domain.",
        "RFC 5321 section 4.5.1; RFC 2142",
        _accepts,
        ("mx.reach",),
    ),
)

"""The addresses that mail leaves from: their names, and the name that is said in EHLO."""

import re
from ipaddress import ip_address

from deliverability.doctor.facts import Case, Source
from deliverability.doctor.look import Question
from deliverability.doctor.model import Said, bad, good, gravest, publish, warn
from deliverability.doctor.rule import Rule


def _each(case: Case) -> tuple[Source, ...]:
    sources = case.sources
    case.look.want(*(Question("PTR", _reverse(each)) for each in sources))
    return sources


def _reverse(source: Source) -> str:
    return ip_address(source.address).reverse_pointer


def _kind(source: Source) -> str:
    return "AAAA" if ":" in source.address else "A"


def _names(case: Case, source: Source) -> list[str]:
    return [each.rstrip(".").lower() for each in case.look.dns(_reverse(source), "PTR")][:10]


def _ptr(case: Case) -> Said:
    return gravest([_of_ptr(case, each) for each in _each(case)])


def _of_ptr(case: Case, source: Source) -> Said:
    names = _names(case, source)
    if names:
        return good(f"{source.address} is called {', '.join(names)}")
    mend = publish(_reverse(source), "PTR", f"{source.ehlo}.")
    return bad(f"{source.address} has no name (PTR): whoever gave you the address sets it", (), [mend])


def _ehlo(case: Case) -> Said:
    return gravest([_of_ehlo(case, each) for each in case.sources])


def _of_ehlo(case: Case, source: Source) -> Said:
    mend = [publish(source.ehlo, _kind(source), source.address)]
    if "." not in source.ehlo:
        return bad(f'"{source.ehlo}" is no whole name: receivers expect one with a domain (set hostname)')
    found = case.look.dns(source.ehlo, _kind(source))
    if not found:
        return bad(f"{source.ehlo}, which is said in EHLO, has no {_kind(source)} record", (), mend)
    if not _has(found, source.address):
        return bad(f"{source.ehlo}, which is said in EHLO, does not lead to {source.address}", found, mend)
    return good(f"{source.ehlo} leads to {source.address}")


def _forward(case: Case) -> Said:
    return gravest([_of_forward(case, each) for each in _each(case)])


def _of_forward(case: Case, source: Source) -> Said:
    names = _names(case, source)
    if any(_has(case.look.dns(name, _kind(source)), source.address) for name in names):
        return good(f"{source.address} and its name lead to each other")
    mend = publish(_reverse(source), "PTR", f"{source.ehlo}.")
    says = f"{source.address} is called {', '.join(names)}, which does not lead back to it"
    return bad(says, [f"{_reverse(source)}: {each}" for each in names], [mend])


def _own_name(case: Case) -> Said:
    return gravest([_of_own_name(case, each) for each in _each(case)])


def _of_own_name(case: Case, source: Source) -> Said:
    names = _names(case, source)
    if any(not _is_generic(name, source.address) for name in names):
        return good(f"{source.address} has a name of its own")
    says = f"{source.address} is called {', '.join(names)}, as machines of nobody in particular are"
    return warn(says, names, [publish(_reverse(source), "PTR", f"{source.ehlo}.")])


def _is_generic(name: str, address: str) -> bool:
    """Whether a name is made of the address: two of its octets, or a run of its digits in hexadecimal."""
    if ":" in address:
        digits = ip_address(address).exploded.replace(":", "")
        return any(
            digits[at : at + 8].lstrip("0") and digits[at : at + 8] in name.replace("-", "").replace(".", "")
            for at in range(0, 32, 4)
        )
    numbers = re.findall(r"\d+", name)
    return sum(each in [str(int(number)) for number in numbers] for each in address.split(".")) >= 3 or (
        address.replace(".", "") in name.replace("-", "").replace(".", "")
    )


def _has(found: list[str], address: str) -> bool:
    wanted = ip_address(address)
    for each in found:
        try:
            if ip_address(each) == wanted:
                return True
        except ValueError:
            continue
    return False


RULES = (
    Rule(
        "host.ehlo",
        "The name said in EHLO leads to the address that mail leaves from",
        "Receivers look the name up; one that is not there, or is another machine's, marks mail as of a broken or lying host.",
        "Publish an address record for the name, or set hostname or the source's ehlo.",
        "RFC 5321 sections 2.3.5 and 4.1.1.1",
        _ehlo,
        of_house=True,
    ),
    Rule(
        "host.ptr",
        "Each address has a name (PTR)",
        "Gmail, Yahoo and Microsoft refuse or throttle mail from addresses without one.",
        "Have whoever gave you the address set its PTR record.",
        "Gmail's sender guidelines; RFC 1912 section 2.1",
        _ptr,
        of_house=True,
    ),
    Rule(
        "host.forward",
        "Each address's name leads back to it",
        "A name that anybody could have written there proves nothing.",
        "Have PTR and address record name each other.",
        "Gmail's sender guidelines (forward-confirmed reverse DNS)",
        _forward,
        ("host.ptr", "host.ehlo"),
        of_house=True,
    ),
    Rule(
        "host.name",
        "Each address has a name of its own",
        "Names made of the address are those of dial-up lines and rented machines.",
        "Have its PTR record name your mail host.",
        "Yahoo's sender best practices",
        _own_name,
        ("host.ptr",),
        of_house=True,
    ),
)

"""DNS blocklists (RFC 5782). A list is believed only while its test points answer rightly; an error is no listing."""

from dataclasses import replace
from enum import StrEnum
from ipaddress import IPv4Address, ip_address
from typing import Final

from deliverability.checks.spf import DnsTrouble
from deliverability.doctor.facts import Case, House
from deliverability.doctor.look import Question
from deliverability.doctor.model import Said, Verdict, bad, configure, good, gravest, unknown, warn
from deliverability.doctor.rule import Rule

_GOOD_SENDERS: Final = (
    "dnswl.org",
    "swl.spamhaus.org",
    "dwl.spamhaus.org",
    "wl.mailspike.net",
    "iadb.isipp.com",
    "senderscore.com",
)


class Meaning(StrEnum):
    """What one answer of a list means."""

    LISTED = "listed"
    CLEAN = "clean"
    REFUSED = "refused"  # the list would not answer us: over quota, a public resolver, a misspelt zone
    NONSENSE = "nonsense"  # an answer that no blocklist gives
    SILENT = "silent"


def meaning(answers: list[str]) -> Meaning:
    """Section 2.3: listed is an A record in 127.0.0.0/8 other than 127.0.0.1. Spamhaus and others say 127.255.255.x
    where they refuse an answer."""
    if not answers:
        return Meaning.CLEAN
    addresses = [_address(each) for each in answers]
    if any(each is None or each not in _LOOPBACK for each in addresses):
        return Meaning.NONSENSE
    if any(str(each).startswith("127.255.255.") for each in addresses):
        return Meaning.REFUSED
    return Meaning.LISTED if any(str(each) != "127.0.0.1" for each in addresses) else Meaning.NONSENSE


class _Loopback:
    def __contains__(self, address: IPv4Address) -> bool:
        return int(address) >> 24 == 127


_LOOPBACK: Final = _Loopback()


def _address(text: str) -> IPv4Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return found if isinstance(found, IPv4Address) else None


def reversed_name(address: str, zone: str) -> str:
    """Sections 2.1 and 2.4: octets or nibbles backwards, and the list's zone."""
    return f"{ip_address(address).reverse_pointer.removesuffix('.in-addr.arpa').removesuffix('.ip6.arpa')}.{zone}"


def _ask(case: Case, name: str) -> Meaning:
    try:
        return meaning(case.look.dns(name, "A"))
    except DnsTrouble:
        return Meaning.SILENT


def probes(house: House, zone: str) -> tuple[str, str]:
    """What must be listed, and what must not (sections 5 and 2.3)."""
    if zone in house.domain_blocklists:
        return f"test.{zone}", f"invalid.{zone}"
    return f"2.0.0.127.{zone}", f"1.0.0.127.{zone}"


def _zones(case: Case) -> list[str]:
    return list(dict.fromkeys((*case.house.blocklists, *case.house.domain_blocklists)))


def _want_probes(case: Case) -> None:
    case.look.want(*(Question("A", each) for zone in _zones(case) for each in probes(case.house, zone)))


def _state(case: Case, zone: str) -> Meaning:
    """CLEAN where a list works; else what is the matter with it."""
    if zone.endswith(_GOOD_SENDERS):
        return Meaning.NONSENSE
    there, not_there = (_ask(case, each) for each in probes(case.house, zone))
    if Meaning.REFUSED in (there, not_there):
        return Meaning.REFUSED
    if Meaning.SILENT in (there, not_there):
        return Meaning.SILENT
    return Meaning.CLEAN if there is Meaning.LISTED and not_there is Meaning.CLEAN else Meaning.NONSENSE


_NO_LIST: Final = "no list is asked: name the lists that you may use in doctor.blocklists"
_NO_DOMAIN_LIST: Final = "no list is asked: name the lists of domains that you may use in doctor.domain_blocklists"


def _working(case: Case) -> Said:
    if not _zones(case):
        return unknown(case.house.no_blocklists or _NO_LIST)
    _want_probes(case)
    return gravest([_of_zone(case, each) for each in _zones(case)])


def _of_zone(case: Case, zone: str) -> Said:
    setting = "blocklists" if zone in case.house.blocklists else "domain_blocklists"
    mend = [configure("doctor", f"{setting}: take {zone} out")]
    match _state(case, zone):
        case Meaning.CLEAN:
            return good(f"{zone} works")
        case Meaning.REFUSED:
            return unknown(
                f"{zone} refuses to answer (127.255.255.x): ask it by a resolver of your own, or with the key that it gives"
            )
        case Meaning.SILENT:
            return unknown(f"{zone} does not answer")
        case _ if zone.endswith(_GOOD_SENDERS):
            return warn(f"{zone} lists good senders, and is no blocklist", (), mend)
        case _:
            return warn(f"{zone} does not list its test point, or lists everything: it is dead", (), mend)


def _addresses(case: Case) -> Said:
    if not case.house.blocklists:
        return unknown(case.house.no_blocklists or _NO_LIST)
    _want_probes(case)
    names = [
        (each.address, zone, reversed_name(each.address, zone))
        for each in case.sources
        for zone in case.house.blocklists
    ]
    return _listed(case, names)


def _domain(case: Case) -> Said:
    if not case.house.domain_blocklists:
        return unknown(case.house.no_blocklists or _NO_DOMAIN_LIST)
    _want_probes(case)
    return _listed(case, [(case.domain, zone, f"{case.domain}.{zone}") for zone in case.house.domain_blocklists])


def _listed(case: Case, names: list[tuple[str, str, str]]) -> Said:
    case.look.want(*(Question("A", name) for _, _, name in names))
    told: dict[str, list[Said]] = {}
    for what, zone, name in names:
        told.setdefault(what, []).append(_one(case, what, zone, name))
    return gravest([_together(each) for each in told.values()])


def _together(said: list[Said]) -> Said:
    """What all lists say of one address or domain. A list that is not believed hides nothing that another one says."""
    known = [each for each in said if each.verdict is not Verdict.UNKNOWN]
    if not known:
        return gravest(said)
    found = gravest(known)
    silent = dict.fromkeys(each.says for each in said if each.verdict is Verdict.UNKNOWN)
    return replace(found, says="; ".join((found.says, *silent)))


def _one(case: Case, what: str, zone: str, name: str) -> Said:
    if _state(case, zone) is not Meaning.CLEAN:
        return unknown(f"{zone} is not believed")
    match _ask(case, name):
        case Meaning.LISTED:
            return bad(f"{what} is listed by {zone}", _reasons(case, name))
        case Meaning.CLEAN:
            return good(f"{what} is not listed by {zone}")
        case trouble:
            return unknown(f"{zone} gave no answer about {what} ({trouble})")


def _reasons(case: Case, name: str) -> list[str]:
    try:
        return [*case.look.dns(name, "A"), *case.look.texts(name)]
    except DnsTrouble:
        return case.look.dns(name, "A")


RULES = (
    Rule(
        "block.working",
        "The blocklists that are asked work",
        "A list that was closed begins to list nobody, or everybody.",
        "Take the list out of doctor.blocklists.",
        "RFC 5782 section 5",
        _working,
        of_house=True,
    ),
    Rule(
        "block.address",
        "No address is listed",
        "Receivers that use the list refuse everything from that address.",
        "Find out why (the list says where), mend it, then ask the list to take the address out.",
        "RFC 5782 section 2.1",
        _addresses,
        of_house=True,
    ),
    Rule(
        "block.domain",
        "The domain is not listed",
        "Receivers refuse mail that names a listed domain, whoever sends it.",
        "Find out why, mend it, then ask the list to take the domain out.",
        "RFC 5782 section 3",
        _domain,
    ),
)

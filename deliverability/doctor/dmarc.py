"""DMARC as RFC 9989 has it (May 2026), and what changed since RFC 7489: the tree walk, np, psd and t; no pct, rf, ri."""

import re
from typing import Final

from deliverability.doctor.facts import Case
from deliverability.doctor.model import Mend, Said, bad, good, publish, remove, warn
from deliverability.doctor.rule import Rule
from deliverability.doctor.tree import Spot, organization, speaking, walk

POLICIES: Final = ("none", "quarantine", "reject")
REMOVED: Final = {
    "pct": "t=y is the test mode now, and shares of mail are not possible any more",
    "rf": "failure reports have one form",
    "ri": "reports come daily",
}
_MAILTO: Final = re.compile(r"mailto:[^@\s,;]+@([^!\s,;]+)", re.IGNORECASE)
_KNOWN: Final = ("v", "p", "sp", "np", "psd", "t", "adkim", "aspf", "rua", "ruf", "fo")


def spot_of(case: Case) -> Spot:
    """Whose record counts. Only for rules that need dmarc.record."""
    found = speaking(walk(case.look, case.domain))
    assert found is not None
    return found


def tags_of(case: Case) -> dict[str, str]:
    return spot_of(case).tags or {}


def effective(case: Case) -> str:
    """The policy for mail from the domain itself: its own p, or the sp of the record above, none where p is missing."""
    spot = spot_of(case)
    tags = spot.tags or {}
    policy = tags.get("p", "none") if spot.domain == case.domain else tags.get("sp", tags.get("p", "none"))
    return policy.lower() if policy.lower() in POLICIES else "none"


def _seen(case: Case) -> list[str]:
    spot = spot_of(case)
    return [f"_dmarc.{spot.domain}: {spot.records[0]}"]


def _syntax(case: Case) -> Said:
    for spot in walk(case.look, case.domain):
        if spot.near and not spot.records:
            says = f"what stands at _dmarc.{spot.domain} begins not with v=DMARC1, so it is no DMARC record"
            return bad(says, spot.near, [*_without(spot, spot.near), _fresh(case, spot.domain)])
        if len(spot.records) == 1 and (fault := _fault(spot)):
            return bad(f"the record at _dmarc.{spot.domain}: {fault}", spot.records, [_mended(case, spot)])
    return good("what there is can be read")


def _fault(spot: Spot) -> str:
    tags = spot.tags
    if tags is None:
        return "it is no list of tag=value, or a tag comes twice"
    if "p" not in tags and "rua" not in tags:
        return "it says neither p= nor rua=, so that receivers pass over it"
    for tag in ("p", "sp", "np"):
        if tag in tags and tags[tag].lower() not in POLICIES:
            return f"{tag}={tags[tag][:20]} is no policy ({', '.join(POLICIES)})"
    for tag, values in (("adkim", "rs"), ("aspf", "rs"), ("t", "yn"), ("psd", "ynu")):
        if tag in tags and (len(tags[tag]) != 1 or tags[tag].lower() not in values):
            return f"{tag}={tags[tag][:20]} is neither {' nor '.join(values)}"
    return ""


def _single(case: Case) -> Said:
    for spot in walk(case.look, case.domain):
        if len(spot.records) > 1:
            says = f"_dmarc.{spot.domain} has {len(spot.records)} DMARC records, which counts as none"
            return bad(says, spot.records, _without(spot, spot.records[1:]))
    return good("no name has two")


def _record(case: Case) -> Said:
    spots = walk(case.look, case.domain)
    spot = speaking(spots)
    if spot is None:
        asked = ", ".join(f"_dmarc.{each.domain}" for each in spots)
        return bad(f"no DMARC record speaks for {case.domain} (asked: {asked})", (), [_fresh(case, case.domain)])
    above = organization(spots)
    return good(f"the one at _dmarc.{spot.domain}; the organizational domain is {above}", *spot.records)


def _policy(case: Case) -> Said:
    spot, policy = spot_of(case), effective(case)
    if policy != "none":
        return good(f"mail that fails is to be {'quarantined' if policy == 'quarantine' else 'rejected'}")
    if "p" not in (spot.tags or {}):
        return warn("p= is missing, which RFC 9989 reads as none", _seen(case), [_mended(case, spot)])
    says = "p=none only watches: when your reports show that all your mail passes, go to quarantine, then reject"
    return warn(says, _seen(case), [_mended(case, spot, p="quarantine")])


def _testing(case: Case) -> Said:
    if tags_of(case).get("t", "n").lower() == "y":
        says = "t=y is a test: receivers apply the next weaker policy (RFC 7489 said pct=0 for it)"
        return warn(says, _seen(case), [_mended(case, spot_of(case), t="")])
    return good("it is no test")


def _removed(case: Case) -> Said:
    found = [each for each in REMOVED if each in tags_of(case)]
    if not found:
        return good("it uses no tag that RFC 9989 took away")
    says = "; ".join(f"{each}= is gone since RFC 9989, receivers pass over it: {REMOVED[each]}" for each in found)
    return warn(says, _seen(case), [_mended(case, spot_of(case), **dict.fromkeys(found, ""))])


def _psd(case: Case) -> Said:
    spot = walk(case.look, case.domain)[0]
    if spot.records and spot.psd == "y":
        says = "psd=y says that this is a public suffix, below which strangers register: no subdomain aligns with it"
        return bad(says, spot.records, [_mended(case, spot, psd="")])
    return good("it does not call itself a public suffix")


def _subdomains(case: Case) -> Said:
    spot, tags = spot_of(case), tags_of(case)
    if spot.domain != case.domain:
        return good(f"it is judged by the record of {spot.domain}")
    rank = {each: at for at, each in enumerate(POLICIES)}
    strict = rank[effective(case)]
    weak = [tag for tag in ("sp", "np") if tag in tags and rank.get(tags[tag].lower(), 0) < strict]
    if not weak:
        return good("subdomains are no weaker")
    found = " and ".join(f"{tag}={tags[tag]}" for tag in weak)
    says = f"{found}: whoever forges a subdomain, even one that is not there, gets through"
    return warn(says, _seen(case), [_mended(case, spot, **dict.fromkeys(weak, ""))])


def _reports(case: Case) -> Said:
    rua = tags_of(case).get("rua", "")
    if _MAILTO.search(rua):
        return good(f"reports go to {rua}")
    says = (
        "it names no address for reports, so nobody sees what fails"
        if not rua
        else f"rua={rua[:60]} is no mailto: address"
    )
    return warn(says, _seen(case), [_mended(case, spot_of(case), rua=_reports_to(case))])


def _external(case: Case) -> Said:
    spot = spot_of(case)
    home = organization(walk(case.look, spot.domain))
    outside = []
    for target in dict.fromkeys(each.lower() for each in _MAILTO.findall(tags_of(case).get("rua", ""))):
        if organization(walk(case.look, target)) != home:
            outside.append(target)
    missing = [each for each in outside if not _agrees(case, spot.domain, each)]
    if not missing:
        return good("who gets the reports has agreed" if outside else "reports stay in the house")
    says = f"{', '.join(missing)} has not said that it takes reports about {spot.domain}: none are sent there"
    mend = [publish(f"{spot.domain}._report._dmarc.{each}", "TXT", "v=DMARC1") for each in missing]
    return bad(says, _seen(case), mend)


def _agrees(case: Case, domain: str, target: str) -> bool:
    """RFC 9990 section 4: the target says so, at a name of its own."""
    texts = case.look.texts(f"{domain}._report._dmarc.{target}")
    return any(re.match(r"v[ \t]*=[ \t]*DMARC1", each) for each in texts)


# -- what to publish


def _reports_to(case: Case) -> str:
    return f"mailto:dmarc-reports@{case.envelope}"


def _fresh(case: Case, domain: str) -> Mend:
    return publish(f"_dmarc.{domain}", "TXT", f"v=DMARC1; p=none; rua={_reports_to(case)}")


def _mended(case: Case, spot: Spot, **changes: str) -> Mend:
    """The record as it is, with these tags changed ("" takes one out), and without what can't be read."""
    tags = {name: value for name, value in (spot.tags or {}).items() if name in (*_KNOWN, *REMOVED)}
    for tag, values in (
        ("p", POLICIES),
        ("sp", POLICIES),
        ("np", POLICIES),
        ("adkim", "rs"),
        ("aspf", "rs"),
        ("t", "yn"),
        ("psd", "ynu"),
    ):
        if tag in tags and tags[tag].lower() not in values:
            del tags[tag]
    tags = {
        "v": "DMARC1",
        "p": tags.get("p", "none"),
        **{name: value for name, value in tags.items() if name not in "vp"},
    }
    tags |= changes
    tags.setdefault("rua", _reports_to(case))
    value = "; ".join(f"{name}={value}" for name, value in tags.items() if value)
    return publish(f"_dmarc.{spot.domain}", "TXT", value)


def _without(spot: Spot, texts: tuple[str, ...]) -> list[Mend]:
    return [remove(f"_dmarc.{spot.domain}", "TXT", each) for each in texts]


_THERE = ("dmarc.record",)

RULES = (
    Rule(
        "dmarc.single",
        "No name has two DMARC records",
        "Where there are two, receivers use neither.",
        "Leave one.",
        "RFC 9989 section 4.10",
        _single,
    ),
    Rule(
        "dmarc.syntax",
        "What there is can be read",
        "A record that can't be read counts as none, or as p=none.",
        "Publish the record that is shown.",
        "RFC 9989 sections 4.7 and 4.10",
        _syntax,
        ("dmarc.single",),
    ),
    Rule(
        "dmarc.record",
        "A DMARC record speaks for the domain",
        "Gmail, Yahoo and Microsoft refuse bulk mail of domains without one. Since RFC 9989 it is found by walking up the DNS "
        "tree, and no longer by the list of public suffixes.",
        "Publish one at _dmarc of the domain, or of a domain above it.",
        "RFC 9989 section 4.10",
        _record,
        ("dmarc.syntax",),
    ),
    Rule(
        "dmarc.policy",
        "The policy asks for more than watching",
        "With p=none whoever forges your domain is still delivered; logos (BIMI) need quarantine or reject.",
        "Read your reports, then publish p=quarantine, then p=reject.",
        "RFC 9989 section 4.7; Gmail's sender guidelines",
        _policy,
        _THERE,
    ),
    Rule(
        "dmarc.testing",
        "It is no test",
        "t=y asks receivers not to apply the policy.",
        "Take t=y out.",
        "RFC 9989 section 4.7",
        _testing,
        _THERE,
    ),
    Rule(
        "dmarc.removed",
        "It uses no tag that was taken away",
        "RFC 9989 took pct, rf and ri away: receivers pass over them, so they no longer do what you meant.",
        "Publish the record without them.",
        "RFC 9989 appendix C",
        _removed,
        _THERE,
    ),
    Rule(
        "dmarc.psd",
        "The domain does not call itself a public suffix",
        "psd=y is for registries; it cuts off subdomains, the bounce domain among them.",
        "Take psd=y out.",
        "RFC 9989 section 4.7",
        _psd,
        _THERE,
    ),
    Rule(
        "dmarc.subdomains",
        "Subdomains are no weaker than the domain",
        "Forgers take the weakest name: a subdomain that does not exist (np) does as well.",
        "Take sp= and np= out.",
        "RFC 9989 section 4.7",
        _subdomains,
        _THERE,
    ),
    Rule(
        "dmarc.reports",
        "It says where reports go",
        "Without reports nobody sees which mail fails, or who forges you.",
        "Add rua=; `posthouse report sources` shows what comes.",
        "RFC 9990",
        _reports,
        _THERE,
    ),
    Rule(
        "dmarc.external",
        "Who gets the reports has agreed",
        "Reports to another organization are sent only where it says so in its own DNS.",
        "Have that organization publish the record that is shown.",
        "RFC 9990 section 4",
        _external,
        ("dmarc.record", "dmarc.psd"),
    ),
)

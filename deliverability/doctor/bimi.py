"""BIMI: the logo beside a mail. It may be left out; what is published has to be right, or nothing is shown."""

import re
from typing import Final

from deliverability.checks.dkim import read_tags
from deliverability.doctor.dmarc import effective, tags_of
from deliverability.doctor.facts import Case
from deliverability.doctor.model import Mend, Said, bad, good, publish, remove, warn
from deliverability.doctor.rule import Rule
from deliverability.doctor.tree import organization, walk

LARGEST: Final = 32_768  # octets of a logo
_NONE: Final = "none is published, and none need be"
_DRAFT: Final = "draft-brand-indicators-for-message-identification"
_SVG: Final = re.compile(r"<svg\b([^>]*)>", re.IGNORECASE | re.DOTALL)
_FORBIDDEN: Final = re.compile(r"<(script|image|foreignObject|animate|a)\b", re.IGNORECASE)


def _texts(case: Case) -> tuple[str, list[str]]:
    """The name that is asked, and its records: the domain's own, else its organization's."""
    for domain in dict.fromkeys((case.domain, organization(walk(case.look, case.domain)))):
        if found := [each for each in case.look.texts(f"default._bimi.{domain}") if "bimi" in each[:10].lower()]:
            return f"default._bimi.{domain}", found
    return f"default._bimi.{case.domain}", []


def _tags(case: Case) -> dict[str, str]:
    texts = _texts(case)[1]
    return (read_tags(texts[0]) or {}) if texts else {}


def _record(case: Case) -> Said:
    name, texts = _texts(case)
    if not texts:
        return good(_NONE)
    if len(texts) > 1:
        return bad(
            f"{name} has {len(texts)} records, which counts as none",
            texts,
            [remove(name, "TXT", each) for each in texts[1:]],
        )
    tags = read_tags(texts[0])
    fault = ""
    if tags is None or not texts[0].startswith("v=BIMI1"):
        fault = "it does not begin with v=BIMI1, or is no list of tag=value"
    elif "l" not in tags or not (tags["l"] == "" or re.fullmatch(r"https://\S+", tags["l"])):
        fault = "l= is the https address of a logo, or empty"
    elif tags.get("a") and not re.fullmatch(r"https://\S+", tags["a"]):
        fault = "a= is the https address of a certificate, or left out"
    if fault:
        return bad(f"{name}: {fault}", texts, [_fresh(case, name)])
    return good("it can be read", f"{name}: {texts[0]}")


def _policy(case: Case) -> Said:
    if not _tags(case).get("l"):
        return good(_NONE)
    tags, wrong = tags_of(case), []
    if effective(case) == "none":
        wrong.append("p=none")
    wrong += [f"{tag}={tags[tag]}" for tag, value in (("sp", "none"), ("t", "y"), ("pct", "")) if _is(tags, tag, value)]
    if wrong:
        return bad(
            f"no logo is shown while DMARC says {' and '.join(wrong)}: it needs quarantine or reject for all mail"
        )
    return good("DMARC is strict enough")


def _is(tags: dict[str, str], tag: str, value: str) -> bool:
    if tag == "pct":
        return tags.get("pct", "100") != "100"
    return tags.get(tag, "").lower() == value


def _logo(case: Case) -> Said:
    url = _tags(case).get("l", "")
    if not url:
        return good(_NONE)
    found = case.look.document(url)
    if found.trouble:
        return bad(f"the logo can't be fetched: {found.trouble}", [url])
    if fault := _fault_of(found.text):
        return bad(f"the logo {fault}", [url])
    return good("the logo is there, as SVG Tiny PS")


def _fault_of(text: str) -> str:
    head = _SVG.search(text)
    if head is None:
        return "is no SVG"
    if 'baseprofile="tiny-ps"' not in head[1].lower().replace("'", '"'):
        return 'is no SVG Tiny PS (baseProfile="tiny-ps")'
    if "<title" not in text.lower():
        return "has no title, which SVG Tiny PS asks for"
    if match := _FORBIDDEN.search(text):
        return f"holds <{match[1]}>, which SVG Tiny PS forbids"
    return f"has {len(text):,} octets, and {LARGEST:,} at most are shown" if len(text) > LARGEST else ""


def _mark(case: Case) -> Said:
    tags = _tags(case)
    if tags.get("l") and not tags.get("a"):
        return warn("there is no certificate (a=): Gmail and Apple show the logo only with one", _texts(case)[1])
    return good(_NONE if not tags.get("l") else "a certificate is named")


def _fresh(case: Case, name: str) -> Mend:
    return publish(name, "TXT", f"v=BIMI1; l=https://{case.domain}/logo.svg; a=https://{case.domain}/logo.pem")


RULES = (
    Rule(
        "bimi.record",
        "The BIMI record can be read",
        "Where it can't be read no logo is shown.",
        "Publish one record at default._bimi, or none.",
        f"{_DRAFT}, section 4",
        _record,
        ("dmarc.single",),
    ),
    Rule(
        "bimi.policy",
        "DMARC is strict enough for a logo",
        "A logo is shown only where forged mail is not delivered.",
        "Publish p=quarantine or p=reject, without t=y.",
        f"{_DRAFT}, section 7",
        _policy,
        ("bimi.record", "dmarc.record"),
    ),
    Rule(
        "bimi.logo",
        "The logo can be fetched and is SVG Tiny PS",
        "Any other picture is not shown.",
        "Serve the logo over https as SVG Tiny PS of at most 32 KiB.",
        "draft-svg-tiny-ps-abrotman; Google's BIMI guide",
        _logo,
        ("bimi.record",),
    ),
    Rule(
        "bimi.mark",
        "A certificate proves that the logo is yours",
        "Gmail and Apple show it only with one (VMC or CMC).",
        "Get a mark certificate and name it in a=.",
        "Google's BIMI guide",
        _mark,
        ("bimi.record",),
    ),
)

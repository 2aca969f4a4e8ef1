"""The DNS tree walk of DMARC (RFC 9989 section 4.10): which record speaks for a domain, and what its organization is.

RFC 7489 asked a list of public suffixes instead; since RFC 9989 (May 2026) DNS itself says where an organization begins.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from deliverability.checks.dkim import read_tags
from deliverability.doctor.look import Look, Question

MOST_QUERIES: Final = 8
LABELS: Final = 7  # of a longer name only so many are walked, below itself
_VERSION: Final = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(;|$)")
_NEARLY: Final = re.compile(r"\W{0,3}v?[ \t]*=?[ \t]*dmarc", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Spot:
    """What stands at _dmarc of one name of the walk. `near`: texts that were meant as DMARC and are none."""

    domain: str
    records: tuple[str, ...]
    near: tuple[str, ...] = ()

    @property
    def tags(self) -> dict[str, str] | None:
        """Those of the one record; None where there is not exactly one that can be read."""
        return read_tags(self.records[0]) if len(self.records) == 1 else None

    @property
    def psd(self) -> str:
        return (self.tags or {}).get("psd", "u").lower()


def names(domain: str) -> list[str]:
    """The names that are asked, the domain first (section 4.10)."""
    labels = domain.split(".")
    shorter = labels[1:] if len(labels) < MOST_QUERIES else labels[-LABELS:]
    return [domain, *(".".join(shorter[at:]) for at in range(len(shorter)))][:MOST_QUERIES]


def walk(look: Look, domain: str) -> list[Spot]:
    """The walk up from a domain, until a record says psd."""
    found = []
    look.want(*(Question("TXT", f"_dmarc.{name}") for name in names(domain)))
    for name in names(domain):
        spot = _spot(name, look.texts(f"_dmarc.{name}"))
        found.append(spot)
        if spot.records and spot.psd in ("y", "n"):
            break
    return found


def organization(spots: Sequence[Spot]) -> str:
    """The organizational domain of the domain that the walk began at (section 4.10.2)."""
    start = spots[0].domain
    with_record = [each for each in spots if len(each.records) == 1]
    for each in with_record:
        if each.psd == "n":
            return each.domain
        if each.psd == "y" and each.domain != start:
            return ".".join(start.split(".")[-len(each.domain.split(".")) - 1 :])
    return with_record[-1].domain if with_record else start


def speaking(spots: Sequence[Spot]) -> Spot | None:
    """Whose record is the policy for the domain (section 4.10.1): its own, its organization's, or a public suffix's."""
    if len(spots[0].records) == 1:
        return spots[0]
    above = organization(spots)
    of_above = next((each for each in spots if each.domain == above and len(each.records) == 1), None)
    return of_above or next((each for each in spots if len(each.records) == 1 and each.psd == "y"), None)


def _spot(domain: str, texts: Sequence[str]) -> Spot:
    records = tuple(each for each in texts if _VERSION.match(each))
    return Spot(domain, records, tuple(each for each in texts if each not in records and _NEARLY.match(each)))

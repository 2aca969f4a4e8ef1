"""Machines told from people: who fetched a picture or followed a link of a mail. Pure.

Mail scanners follow every link before a person has seen the mail, privacy proxies fetch every picture whether it is read
or not. What somebody says of themselves decides first, and where they are (machines.toml, each rule with samples); then how
they behave, against all that was fetched of the same mail. So later hits may change what an earlier one was taken for:
judge them all again. Only a person's hits are engagement; whatever is left in doubt is `unsure` and counts as little.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final

AT_ONCE_MS: Final = 5_000  # after delivery: nobody has opened a mail and found a link by then
SOON_MS: Final = 15_000  # after delivery: somebody may have
BURST_MS: Final = 5_000  # several links within this ...
BURST_LINKS: Final = 3  # ... so many of them
ALL_LINKS_MS: Final = 60_000  # every link of a mail within this
TWICE_MS: Final = 1_000  # two links within this: a slip of the finger, or the beginning of more
WINDOW_MS: Final = 2 * ALL_LINKS_MS  # hits further apart than this say nothing of each other
HONEYPOT: Final = 0  # the number of the link that no reader sees


class Kind(StrEnum):
    """What was fetched."""

    CLICK = "click"
    OPEN = "open"


class By(StrEnum):
    """Who seems to have fetched it. The words are in events."""

    PERSON = "person"
    MACHINE = "machine"
    PROXY = "proxy"  # for somebody who may be reading
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Hit:
    """One picture fetched, or one link followed. `link` is its number in the mail, from 1."""

    kind: Kind
    at_ms: int
    agent: str = ""
    link: int = 0
    network: str = ""  # that the request came from, such as 192.0.2.0/24; "" where nobody knows


@dataclass(frozen=True, slots=True)
class Background:
    """What is known of the mail. `delivered_ms` is None while no server has taken it; `links` is how many it has."""

    delivered_ms: int | None
    links: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who it was, and why: each piece of evidence in words. A person's has none."""

    by: By
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    pattern: re.Pattern[str]
    by: By
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A network in which nobody sits and reads."""

    name: str
    ranges: tuple[IPv4Network | IPv6Network, ...]
    by: By
    samples: tuple[str, ...]


@cache
def places() -> tuple[Place, ...]:
    """The networks that are known."""
    return tuple(
        Place(each["name"], tuple(map(ip_network, each["ranges"])), By(each["kind"]), tuple(each["samples"]))
        for each in _told()["network"]
    )


@lru_cache(4096)
def place_of(network: str) -> Place | None:
    """The known network that this one lies in."""
    if not network:
        return None
    told = ip_network(network)
    return next((place for place in places() if any(_lies_in(told, each) for each in place.ranges)), None)


def _lies_in(network: IPv4Network | IPv6Network, wider: IPv4Network | IPv6Network) -> bool:
    return network.version == wider.version and network.subnet_of(wider)  # type: ignore[arg-type]


@cache
def _told() -> dict[str, Any]:
    return tomllib.loads(files("engine.tracking").joinpath("machines.toml").read_text("utf-8"))


@cache
def rules() -> tuple[Rule, ...]:
    """What fetchers say of themselves, in the order in which it is looked for."""
    return tuple(
        Rule(each["name"], re.compile(each["pattern"], re.IGNORECASE), By(each["kind"]), tuple(each["samples"]))
        for each in _told()["rule"]
    )


def rule_of(agent: str) -> Rule | None:
    """The first rule that what somebody says of themselves falls under."""
    said = agent.strip()
    return next((rule for rule in rules() if rule.pattern.search(said)), None)


def judge(hit: Hit, mail: Background, hits: Sequence[Hit]) -> Verdict:
    """Who made this hit. `hits`: all of the same mail that are known, this one among them, in any order."""
    if (rule := rule_of(hit.agent)) is not None:
        return Verdict(rule.by, (f"agent: {rule.name}",))
    if (place := place_of(hit.network)) is not None:
        return Verdict(place.by, (f"network: {place.name}",))
    if hit.kind is Kind.CLICK and hit.link == HONEYPOT:
        return Verdict(By.MACHINE, ("a link that no reader sees",))
    certain = [*_early(hit, mail), *_behaviour(hit, mail, hits)]
    if certain:
        return Verdict(By.MACHINE, tuple(certain))
    doubts = _doubts(hit, mail, hits)
    return Verdict(By.UNSURE, tuple(doubts)) if doubts else Verdict(By.PERSON)


def judge_all(mail: Background, hits: Sequence[Hit]) -> list[Verdict]:
    """All hits of a mail, each in the light of the others."""
    return [judge(each, mail, hits) for each in hits]


def _early(hit: Hit, mail: Background) -> list[str]:
    if mail.delivered_ms is None:
        return ["before any server had taken the mail"]
    since = hit.at_ms - mail.delivered_ms
    return [f"{max(since, 0) / 1000:.1f} s after delivery"] if since < AT_ONCE_MS else []


def _behaviour(hit: Hit, mail: Background, hits: Sequence[Hit]) -> list[str]:
    """What the clicks around this one show. A picture that a burst of clicks surrounds was fetched by the same."""
    found = []
    trapped = [each for each in hits if each.kind is Kind.CLICK and each.link == HONEYPOT]
    if any(abs(each.at_ms - hit.at_ms) <= ALL_LINKS_MS for each in trapped):
        found.append("with a link that no reader sees")
    if (links := _links_within(BURST_MS, hit, hits)) >= BURST_LINKS:
        found.append(f"{links} links within {BURST_MS // 1000} s")
    if mail.links >= BURST_LINKS and _links_within(ALL_LINKS_MS, hit, hits) >= mail.links:
        found.append(f"all {mail.links} links within {ALL_LINKS_MS // 1000} s")
    return found


def _doubts(hit: Hit, mail: Background, hits: Sequence[Hit]) -> list[str]:
    found = []
    if mail.delivered_ms is not None and hit.at_ms - mail.delivered_ms < SOON_MS:
        found.append(f"{(hit.at_ms - mail.delivered_ms) / 1000:.1f} s after delivery")
    if hit.kind is Kind.CLICK and _links_within(TWICE_MS, hit, hits) > 1:
        found.append(f"two links within {TWICE_MS // 1000} s")
    return found


def _links_within(span_ms: int, hit: Hit, hits: Sequence[Hit]) -> int:
    """The most links that were followed in any stretch of so long that this hit lies in."""
    clicks = [each for each in hits if each.kind is Kind.CLICK and each.link != HONEYPOT]
    starts = [each.at_ms for each in (*clicks, hit) if hit.at_ms - span_ms <= each.at_ms <= hit.at_ms]
    return max(len({each.link for each in clicks if start <= each.at_ms <= start + span_ms}) for start in starts)

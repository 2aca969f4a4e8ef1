"""Who sent under which domains' names, by the DMARC reports that others sent us; and those reports, each once.

Anybody may send us a report about any domain. What is about a domain that is not ours says nothing of our mail, so it is
told apart.
"""

import json
from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from engine.config import Config
from engine.reputation.beside import sending_addresses
from mta.ports import Tx, to_ms

MOST: Final = 5_000  # senders
REPORTS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent under a domain's name. known: "ours" (an address of this house), "passes", or "unknown"."""

    source_ip: str
    header_from: str
    messages: int
    passed: int
    failed: int
    known: str
    foreign: bool  # the domain is none of ours


@dataclass(frozen=True, slots=True)
class Report:
    """One that came."""

    at_ms: int
    kind: str  # dmarc-aggregate, tls-rpt
    org: str
    report_id: str
    domain: str
    total: int
    failed: int
    details: dict[str, Any]
    foreign: bool


def own_domains(tx: Tx, config: Config) -> frozenset[str]:
    """The domains that are ours: those with keys, that of our mail, of the reverse-path, and our own name."""
    named = {config.mail.sender.rpartition("@")[2].rstrip("> "), config.bounces.domain, config.hostname}
    return frozenset(row[0] for row in tx.query("SELECT DISTINCT domain FROM dkim_key")) | {
        each.lower() for each in named if each
    }


def is_own(domains: str, own: Set[str]) -> bool:
    """Whether one of these domains (with commas) is ours, or below one that is."""
    return any(each == our or each.endswith(f".{our}") for each in _folded(domains.split(",")) for our in own)


def _folded(names: Iterable[str]) -> Iterable[str]:
    return (each.strip().lower().rstrip(".") for each in names)


def senders(tx: Tx, since: datetime, config: Config) -> list[Sender]:
    """The most frequent first."""
    ours, own = sending_addresses(config), own_domains(tx, config)
    rows = tx.query(
        "SELECT s.source_ip, s.header_from, sum(s.count),"
        " sum(CASE WHEN s.dkim = 'pass' OR s.spf = 'pass' THEN s.count ELSE 0 END)"
        " FROM reported_sender s JOIN received_report r ON r.id = s.report WHERE r.at_ms >= ?"
        " GROUP BY s.source_ip, s.header_from ORDER BY 3 DESC, 1, 2 LIMIT ?",
        (to_ms(since), MOST),
    )
    return [
        Sender(
            str(ip), str(domain), int(count), int(passed), int(count - passed),
            "ours" if ip in ours else "passes" if passed else "unknown", not is_own(domain, own),
        )
        for ip, domain, count, passed in rows
    ]  # fmt: skip


def reports(tx: Tx, since: datetime, config: Config) -> list[Report]:
    """The newest first."""
    own = own_domains(tx, config)
    rows = tx.query(
        "SELECT at_ms, kind, org, report_id, domain, total, failed, details FROM received_report WHERE at_ms >= ?"
        " ORDER BY at_ms DESC, id DESC LIMIT ?",
        (to_ms(since), REPORTS),
    )
    return [
        Report(at_ms, kind, org, number, domain, total, failed, json.loads(details), not is_own(domain, own))
        for at_ms, kind, org, number, domain, total, failed, details in rows
    ]

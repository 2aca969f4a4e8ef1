"""What `posthouse domain` prints of keys: the records to publish, and what each name server shows of them."""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from engine.commands.common import refuse

if TYPE_CHECKING:
    from deliverability.signing.keys import Key
    from engine.config import Config
    from engine.keys import KeptKey


@dataclass(frozen=True, slots=True)
class Checked:
    """A key, and what is wrong with what DNS shows for it, by server. `answers`: how many servers were asked."""

    key: "KeptKey"
    answers: int
    faults: dict[str, str]
    advice: tuple[str, ...]


def load(settings: "Config", key: "KeptKey") -> "Key":
    from deliverability.signing.keys import KeyTrouble

    try:
        return key.load(settings.keys_path)
    except (OSError, KeyTrouble) as err:
        refuse(f"the key {settings.keys_path / key.file} can't be used: {err}", "nothing was changed")


def ask(settings: "Config", kept: "KeptKey") -> Checked:
    """What each server of the zone shows for a key. In a lab its servers listen at the port of the lab's resolver."""
    from deliverability.checks.dkim import judge
    from deliverability.signing.keys import dns_record
    from mta.routing.authority import txt_everywhere
    from mta.routing.resolver import TemporaryFailure, Texts, split_host_port

    key = load(settings, kept)
    resolvers = settings.routing.resolvers
    port = split_host_port(resolvers[0], 53)[1] if settings.lab.enabled and resolvers else 53
    told = asyncio.run(txt_everywhere(dns_record(key).name, resolvers, port=port))
    faults: dict[str, str] = {}
    advice: dict[str, None] = {}
    for server, answer in told.items():
        if isinstance(answer, TemporaryFailure):
            faults[server] = answer.reason
            continue
        shown = judge(key, answer.values if isinstance(answer, Texts) else ())
        advice.update(dict.fromkeys(shown.advice))
        if shown.fault:
            faults[server] = shown.fault
    return Checked(kept, len(told), faults, (*advice, *key.warnings))


def lines_of(found: Checked, now: datetime) -> list[str]:
    key = found.key
    shown = found.answers - len(found.faults)
    lines = [f"{key.selector:<16} {key.algorithm:<16} {key.state:<10} shown by {shown} of {found.answers} name servers"]
    lines += [f"  {server}: {fault}" for server, fault in found.faults.items()]
    lines += [f"  advice: {each}" for each in (*found.advice, *_age(key, now))]
    return lines


def _age(key: "KeptKey", now: datetime) -> tuple[str, ...]:
    from engine.keys import OLD_AFTER, KeyState

    if key.state is not KeyState.ACTIVE or now - key.since < OLD_AFTER:
        return ()
    return (f"it has signed for {(now - key.since).days} days: change keys every six months",)


def key_facts(key: "KeptKey") -> dict[str, Any]:
    return {
        "domain": key.domain, "selector": key.selector, "algorithm": key.algorithm, "state": str(key.state),
        "since": key.since.isoformat(),
    }  # fmt: skip


def facts(found: Checked, now: datetime) -> dict[str, Any]:
    return {
        **key_facts(found.key), "servers": found.answers, "faults": found.faults,
        "advice": [*found.advice, *_age(found.key, now)],
    }  # fmt: skip


def print_records(settings: "Config", keys: "list[Key]", as_json: bool) -> None:
    from deliverability.signing.keys import dns_record

    found = [(dns_record(each), each) for each in keys]
    others = _other_records(settings, keys[0].domain)
    if as_json:
        rows = [{"name": record.name, "type": "TXT", "value": record.value} for record, _ in found]
        rows += [{"name": name, "type": kind, "value": value} for name, kind, value in others]
        print(json.dumps(rows, indent=2))
        return
    print(f"Publish these records for {keys[0].domain}:\n")
    for record, _ in found:
        print(record.zone_line + "\n")
    for name, kind, value in others:
        shown = f'"{value}"' if kind == "TXT" else value
        print(f"{name}. IN {kind} {shown}\n")
    for _, each in found:
        for warning in each.warnings:
            print(f"warning: {warning}")


def _other_records(settings: "Config", domain: str) -> list[tuple[str, str, str]]:
    """What else receivers look for: a DMARC policy to begin with, and where bounces come back."""
    rows = [(f"_dmarc.{domain}", "TXT", "v=DMARC1; p=none")]
    if settings.bounces.domain:
        rows.append((settings.bounces.domain, "MX", f"10 {settings.hostname}."))
        rows.append((settings.bounces.domain, "TXT", f"v=spf1 a:{settings.hostname} -all"))
    return rows

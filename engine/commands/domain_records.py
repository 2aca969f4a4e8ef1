"""What `posthouse domain` prints of keys: the records to publish, and what each name server shows of them."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.commands.common import refuse

if TYPE_CHECKING:
    from deliverability.signing.keys import Key
    from engine.config import Config
    from engine.domains.looking import Seen
    from engine.domains.records import Record
    from engine.keys import KeptKey

Form = Annotated[
    str, typer.Option(help="zone: lines of a zone file; provider: type, name and value, as providers' pages ask.")
]


def print_records(
    settings: "Config", keys: "Sequence[Key]", now: datetime, form: str, as_json: bool, *, only_keys: bool = False,
    gone: "Sequence[KeptKey]" = (), domain: str = "",
) -> None:  # fmt: skip
    """The records of each of these keys' domains; of keys that are gone those that withdraw them."""
    from engine.domains import records

    if form not in records.FORMS:
        refuse(f"--form is {' or '.join(records.FORMS)}, not {form[:20]}", code=2)
    shown: dict[str, list[Record]] = {}
    for name in dict.fromkeys([each.domain for each in keys] or [domain]):
        its = [each for each in keys if each.domain == name]
        shown[name] = list(map(records.of_key, its)) if only_keys else records.needed(settings, name, its, now)
    shown = _once(shown)
    for old in gone:
        shown[old.domain].append(records.withdrawn(f"{old.selector}._domainkey.{old.domain}"))
    if as_json:
        print(json.dumps([_facts(record) for of_domain in shown.values() for record in of_domain], indent=2))
        return
    for name, of_domain in shown.items():
        print(f"Publish these records for {records.readable(name)}:\n")
        for record in of_domain:
            print(zone_text(record) if form == records.ZONE else _provider(record, name))
    for key in keys:
        for warning in key.warnings:
            print(f"warning: {warning}")


def _once(shown: "dict[str, list[Record]]") -> "dict[str, list[Record]]":
    """Each record with the first domain that needs it: what comes back is one for all."""
    known: set[tuple[str, str, str]] = set()
    found: dict[str, list[Record]] = {}
    for domain, its in shown.items():
        fresh = [each for each in its if (each.name, each.kind, each.value) not in known]
        known |= {(each.name, each.kind, each.value) for each in fresh}
        found[domain] = fresh
    return found


def _facts(record: "Record") -> dict[str, str]:
    return {"name": record.name, "type": record.kind, "value": record.value, "why": record.why, "when": record.when}


def zone_text(record: "Record") -> str:
    """A line of a zone file below what it is for; one with a condition is a comment."""
    if record.when:
        return f"; {record.why}. Only where {record.when}:\n; {record.zone_line}\n"
    return f"; {record.why}\n{record.zone_line}\n"


def _provider(record: "Record", domain: str) -> str:
    head = f"{record.why}. Only where {record.when}:" if record.when else record.why
    return "\n".join((head, *(f"    {line}" for line in record.provider_lines(domain)), ""))


def lines_of(settings: "Config", found: "Seen", now: datetime) -> list[str]:
    key, faults = found.key, found.faults or {}
    head = f"  {key.selector:<16} {key.algorithm:<16} {key.state:<10}"
    if found.trouble:
        return [f"{head} {found.trouble}"]
    lines = [f"{head} shown by {len(found.asked) - len(faults)} of {len(found.asked)} name servers"]
    lines += [f"    {server}: {fault}" for server, fault in faults.items()]
    lines += [f"    advice: {each}" for each in (*found.advice, *_age(settings, key, now))]
    return lines


def _age(settings: "Config", key: "KeptKey", now: datetime) -> tuple[str, ...]:
    from engine.keys import OLD_AFTER

    if not key.is_signing or now - key.since < OLD_AFTER:
        return ()
    return (f"it has signed for {(now - key.since).days} days: `posthouse domain rotate {key.domain}`",)


def key_facts(key: "KeptKey") -> dict[str, Any]:
    return {
        "domain": key.domain, "selector": key.selector, "algorithm": key.algorithm, "state": str(key.state),
        "since": key.since.isoformat(),
    }  # fmt: skip


def facts(settings: "Config", found: "Seen", now: datetime) -> dict[str, Any]:
    return {
        **key_facts(found.key), "shown": found.shown, "servers": len(found.asked), "faults": found.faults or {},
        "ttl": int(found.ttl.total_seconds()), "trouble": found.trouble,
        "advice": [*found.advice, *_age(settings, found.key, now)],
    }  # fmt: skip

"""Sending domains over the control socket: what every name server shows, records, the change of keys; others' reports."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Final

from deliverability.signing.keys import Key, KeyTrouble
from engine import keys
from engine.control.asked import Asked
from engine.control.domains import named
from engine.control.protocol.domains import (
    DomainAnswer,
    DomainRow,
    Domains,
    KeyRow,
    RecordRow,
    Reported,
    ReportRow,
    SenderRow,
    ServerRow,
    StepRow,
)
from engine.control.work import Office
from engine.counts import counted
from engine.doctor.visit import Report
from engine.domains import making, records, stepping
from engine.domains.looking import Seen
from engine.domains.records import Record
from engine.domains.stepping import At, Step
from engine.house import House
from engine.keys import KeptKey, KeyState
from engine.reputation import senders
from mta.ports import to_ms

MOST_DAYS: Final = 365
SHOWN: Final = 300  # senders, and reports


async def every(house: House, office: Office) -> Domains:
    """The domains that we sign for, and those that the doctor looked at."""
    rows = await house.store.read(keys.kept)
    report = office.doctor.last
    names = dict.fromkeys([*(each.domain for each in rows), *(report.domains if report else ())])
    found = tuple(_row(house, office, name, [each for each in rows if each.domain == name], report) for name in names)
    return Domains(to_ms(house.clock.now()), to_ms(report.at) if report else None, found)


def _row(house: House, office: Office, name: str, its: list[KeptKey], report: Report | None) -> DomainRow:
    counts = Counter(str(each.verdict) for each in (report.findings if report else ()) if each.about in ("", name))
    seen = office.key_keeper.seen(name)[1]
    its_steps = _steps(house, its, seen) if its else []
    signing = sum(each.is_signing for each in its)
    turn = next((each for each in its_steps if each.at in (At.NOW, At.WAITS)), None)
    words = turn.words if turn else counted(signing, "key signs", "keys sign") if its else "no keys here"
    return DomainRow(
        name, records.readable(name), words, str(turn.at) if turn else "", counts["fail"], counts["warn"],
        counts["unknown"], counts["pass"],
    )  # fmt: skip


def _steps(house: House, rows: Sequence[KeptKey], seen: Sequence[Seen]) -> list[Step]:
    dkim = house.config.dkim
    return stepping.steps(
        rows, seen, house.clock.now(), making.rest_of(house.config), every=dkim.rotate_every, by_itself=dkim.switch
    )


async def one(house: House, office: Office, name: str) -> DomainAnswer:
    """A domain's keys, what its name servers showed last, the change of its keys, and all records that it needs."""
    domain, now = named(name), house.clock.now()
    rows = await house.store.read(lambda tx: keys.kept(tx, domain))
    looked, seen = office.key_keeper.seen(domain)
    gone = [each for each in rows if each.state is KeyState.GONE]
    its = await asyncio.to_thread(_loaded, house, [each for each in rows if each not in gone])
    needed = [_record(domain, each) for each in records.needed(house.config, domain, its, now)]
    withdrawn = [_record(domain, records.withdrawn(f"{each.selector}._domainkey.{domain}")) for each in gone]
    return DomainAnswer(
        to_ms(now), domain, records.readable(domain), to_ms(looked) if looked else None, house.config.dkim.switch,
        tuple(_key(house, each, seen) for each in rows),
        tuple(StepRow(each.name, str(each.at), each.words, to_ms(each.until) if each.until else None)
              for each in (_steps(house, rows, seen) if rows else ())),
        (*needed, *withdrawn),
    )  # fmt: skip


def _loaded(house: House, rows: Sequence[KeptKey]) -> list[Key]:
    """The keys whose files can be read; of the others the domain's notes tell."""
    found = []
    for each in rows:
        try:
            found.append(each.load(house.config.keys_path))
        except (OSError, KeyTrouble):
            continue
    return found


def _key(house: House, key: KeptKey, seen: Sequence[Seen]) -> KeyRow:
    its = next((each for each in seen if each.key.selector == key.selector), None)
    faults = (its.faults or {}) if its else {}
    servers = tuple(ServerRow(name, faults.get(name, ""), name in its.silent) for name in its.asked) if its else ()
    rests = key.since + making.rest_of(house.config) + key.ttl if key.state is KeyState.RETIRING else None
    return KeyRow(
        key.selector, key.algorithm, str(key.state), to_ms(key.since), int(key.ttl.total_seconds()),
        to_ms(rests) if rests else None, its.trouble if its else "", servers, its.advice if its else (),
    )  # fmt: skip


def _record(domain: str, record: Record) -> RecordRow:
    return RecordRow(
        record.name, record.kind, record.value, record.zone_line, tuple(record.provider_lines(domain)), record.why,
        record.when,
    )  # fmt: skip


async def reported(house: House, asked: Asked) -> Reported:
    """Who sent under our names, and which reports came; those about foreign domains only where they are asked for."""
    now, days, foreign = (
        house.clock.now(),
        asked.number("days", 30, least=1, most=MOST_DAYS),
        asked.number("foreign", 0),
    )
    since, config = now - timedelta(days=days), house.config
    who = await house.store.read(lambda tx: senders.senders(tx, since, config))
    came = await house.store.read(lambda tx: senders.reports(tx, since, config))
    return Reported(
        to_ms(now), days,
        tuple(SenderRow(**asdict(each)) for each in who if each.foreign == bool(foreign))[:SHOWN],
        tuple(ReportRow(each.at_ms, each.kind, each.org, each.domain, each.total, each.failed, each.foreign)
              for each in came if each.foreign == bool(foreign))[:SHOWN],
        sum(each.foreign for each in who), sum(each.foreign for each in came),
    )  # fmt: skip

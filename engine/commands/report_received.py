"""`posthouse report received` and `sources`: what others reported, from the database; needs no daemon."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import typer

from deliverability.settings import parse_duration
from engine.commands.common import ConfigPath, Json, clock, config, database, refuse
from engine.reputation.beside import sending_addresses
from mta.ports import Tx, from_ms, to_ms

SHOWN: Final = 100
Since = Annotated[str, typer.Option(help='How far back, such as "30 days".')]


@dataclass(frozen=True, slots=True)
class Source:
    """Who sent under a domain's name. known: "ours" (an address of this house), "passes", or "unknown"."""

    source_ip: str
    header_from: str
    messages: int
    passed: int
    failed: int
    known: str


def received(since: Since = "30 days", config_path: ConfigPath = None, as_json: Json = False) -> None:
    """The DMARC and TLS reports that came, each once."""
    rows = _read(config_path, since, _reports)
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows[:SHOWN]:
        who = f"{row['org'] or 'somebody'}: {row['domain']}"
        print(f"{row['came']}  {row['kind']:<15} {who}: {row['total']}, {row['failed']} failed")
    print(f"{len(rows)} reports")


def sources(since: Since = "30 days", config_path: ConfigPath = None, as_json: Json = False) -> None:
    """Who sent under our domains' names, by the DMARC reports that came: which pass, which fail, and whom we do not know."""
    settings = config(config_path)
    ours = sending_addresses(settings)
    found = [
        Source(
            ip,
            header_from,
            messages,
            passed,
            messages - passed,
            "ours" if ip in ours else "passes" if passed else "unknown",
        )
        for ip, header_from, messages, passed in _read(config_path, since, _senders)
    ]
    if as_json:
        print(json.dumps([asdict(each) for each in found], ensure_ascii=False))
        return
    for each in found[:SHOWN]:
        counts = f"{each.messages:>9}  {each.passed:>9} pass  {each.failed:>9} FAIL"
        print(f"{counts}  {each.known:<8} {each.source_ip:<39} {each.header_from}")
    print(f"{len(found)} senders, {sum(each.known == 'unknown' for each in found)} unknown")


def _read(config_path: Any, since: str, question: Any) -> Any:
    try:
        span = parse_duration(since)
    except ValueError as err:
        refuse(str(err), code=2)
    store = database(config(config_path))
    begin = clock(store).now() - span
    return store.read_now(lambda tx: question(tx, begin))


def _reports(tx: Tx, since: datetime) -> list[dict[str, Any]]:
    sql = (
        "SELECT at_ms, kind, org, report_id, domain, total, failed, details FROM received_report WHERE at_ms >= ?"
        " ORDER BY at_ms DESC, id DESC LIMIT 1000"
    )
    names = ("came", "kind", "org", "report_id", "domain", "total", "failed", "details")
    rows = [dict(zip(names, row, strict=True)) for row in tx.query(sql, (to_ms(since),))]
    return [{**row, "came": from_ms(row["came"]).isoformat(), "details": json.loads(row["details"])} for row in rows]


def _senders(tx: Tx, since: datetime) -> Sequence[tuple[str, str, int, int]]:
    sql = (
        "SELECT s.source_ip, s.header_from, sum(s.count),"
        " sum(CASE WHEN s.dkim = 'pass' OR s.spf = 'pass' THEN s.count ELSE 0 END)"
        " FROM reported_sender s JOIN received_report r ON r.id = s.report WHERE r.at_ms >= ?"
        " GROUP BY s.source_ip, s.header_from ORDER BY 3 DESC, 1, 2 LIMIT 5000"
    )
    return [(str(ip), str(name), int(count), int(passed)) for ip, name, count, passed in tx.query(sql, (to_ms(since),))]

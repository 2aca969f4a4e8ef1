"""The last examination of everything, kept in the database, so that who asks later sees it with its age."""

import json
from dataclasses import asdict
from typing import Any, Final

from deliverability.doctor.model import Finding, Mend, Verdict
from engine.doctor.visit import Report
from mta.ports import Tx, from_ms, to_ms

_KEY: Final = "doctor"


def keep(tx: Tx, report: Report) -> None:
    """In place of the one before."""
    said = {
        "at_ms": to_ms(report.at), "domains": report.domains, "findings": [asdict(each) for each in report.findings],
    }  # fmt: skip
    tx.execute(
        "INSERT INTO meta (key, value) VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (_KEY, json.dumps(said)),
    )


def kept(tx: Tx) -> Report | None:
    """What was kept; None where nothing was, or another version kept it."""
    row = tx.one("SELECT value FROM meta WHERE key = ?", (_KEY,))
    try:
        said = json.loads(row[0]) if row else None
        if said is None:
            return None
        return Report(from_ms(said["at_ms"]), tuple(said["domains"]), tuple(map(_finding, said["findings"])))
    except (ValueError, TypeError, KeyError):
        return None


def _finding(said: dict[str, Any]) -> Finding:
    texts = {name: tuple(said[name]) for name in ("seen", "detail")}
    mends = tuple(Mend(**each) for each in said["mend"])
    return Finding(**{**said, **texts, "mend": mends, "verdict": Verdict(said["verdict"])})

"""The audit: the books must balance. Every accepted delivery has one end, or is still here; nothing is owned by
nobody.

It reads one snapshot of the database and may run at any time, on a live or a stopped Posthouse. A finding is an error
of ours, never of the mail.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mta.ports import Tx, to_ms
from mta.queue.delivery import State
from mta.queue.ledger import Tally, tally

FINDINGS_SHOWN: Final = 20

_STATES: Final = ",".join(str(int(state)) for state in State)

_CHECKS: Final = (
    (
        "a message with more or fewer deliveries than it had recipients",
        "SELECT m.id FROM message m LEFT JOIN (SELECT message_id, count(*) AS n FROM delivery GROUP BY 1) d"
        " ON d.message_id = m.id WHERE COALESCE(d.n, 0) <> m.recipients LIMIT ?",
    ),
    ("a delivery in a state that does not exist", f"SELECT id FROM delivery WHERE state NOT IN ({_STATES}) LIMIT ?"),
    (
        "an ended delivery without the time of its end",
        "SELECT id FROM delivery WHERE state >= 10 AND ended_ms IS NULL LIMIT ?",
    ),
    (
        "a delivery that has not ended, with the time of an end",
        "SELECT id FROM delivery WHERE state < 10 AND ended_ms IS NOT NULL LIMIT ?",
    ),
    (
        "a claimed delivery that nobody owns",
        "SELECT id FROM delivery WHERE state IN (1, 2) AND owner IS NULL LIMIT ?",
    ),
    (
        "an owned delivery that is not claimed",
        "SELECT id FROM delivery WHERE owner IS NOT NULL AND state NOT IN (1, 2) LIMIT ?",
    ),
    (
        "a claimed delivery whose owner is done with",
        "SELECT d.id FROM delivery d LEFT JOIN carrier c ON c.id = d.owner WHERE d.owner IS NOT NULL"
        " AND (c.id IS NULL OR c.lease_until_ms = 0) LIMIT ?",
    ),
    (
        "a delivery still to be made whose message has no octets",
        "SELECT d.id FROM delivery d LEFT JOIN body b ON b.message_id = d.message_id WHERE d.state < 10 AND b.message_id IS NULL"
        " LIMIT ?",
    ),
    (
        "a delivered one that no reply says was delivered, and no doubt was settled so",
        "SELECT d.id FROM delivery d WHERE d.state = 10"
        " AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.delivery_id = d.id AND a.outcome = 'delivered')"
        " AND NOT EXISTS (SELECT 1 FROM doubt q WHERE q.delivery_id = d.id AND q.settled = 'assumed delivered') LIMIT ?",
    ),
    (
        "one delivered twice without a doubt on record",
        "SELECT a.delivery_id FROM attempt a WHERE a.outcome = 'delivered' GROUP BY a.delivery_id HAVING count(*) - 1 >"
        " (SELECT count(*) FROM doubt q WHERE q.delivery_id = a.delivery_id) LIMIT ?",
    ),
    (
        "a queued delivery that no destination's hint will ever lead to",
        "SELECT d.id FROM delivery d LEFT JOIN destination t ON t.domain = d.domain WHERE d.state = 0"
        " AND (t.next_ms IS NULL OR (t.next_ms > d.due_ms AND t.next_ms > :now)) LIMIT ?",
    ),
    (
        "a delivery that is to be cancelled and is not held",
        "SELECT c.delivery_id FROM cancellation c LEFT JOIN delivery d ON d.id = c.delivery_id WHERE d.id IS NULL"
        " OR (d.state < 10 AND d.state <> 4) LIMIT ?",
    ),
    (
        "a delivery in doubt that is not on record as such",
        "SELECT d.id FROM delivery d WHERE d.state = 3"
        " AND NOT EXISTS (SELECT 1 FROM doubt q WHERE q.delivery_id = d.id AND q.settled IS NULL) LIMIT ?",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Audit:
    """Accepted deliveries by where they are, doubts on record, and what does not balance."""

    messages: int
    accepted: int
    states: dict[str, int]
    doubts: Tally
    findings: tuple[Finding, ...]

    @property
    def balances(self) -> bool:
        return not self.findings and self.accepted == sum(self.states.values())


def audit(tx: Tx, now: Callable[[], datetime]) -> Audit:
    """Go over the books. The time is asked for once the snapshot stands: nothing in it was written later."""
    counts = dict(tx.query("SELECT state, count(*) FROM delivery GROUP BY state"))
    found, now_ms = [], to_ms(now())
    for what, sql in _CHECKS:
        ids = tuple(sorted(row[0] for row in tx.query(sql.replace(":now", str(now_ms)), (FINDINGS_SHOWN,))))
        if ids:
            found.append(Finding(what, ids))
    messages, accepted = tx.one("SELECT count(*), COALESCE(sum(recipients), 0) FROM message") or (0, 0)
    states = {state.word: counts[state] for state in State if state in counts}
    return Audit(messages, accepted, states, tally(tx), tuple(found))

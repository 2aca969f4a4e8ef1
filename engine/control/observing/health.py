"""Whether all is well, and what not: facts in, a state with reasons out. All of it pure.

| state | means | exit status |
|---|---|---|
| ok | nothing is known that needs anybody | 0 |
| degraded | it works, and will not for ever, or not as well as it should | 1 |
| failing | mail does not come in or does not go out, or soon will not | 2 |
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from engine.control.protocol.health import STATES, Health, ReasonRow
from engine.own_folder import NO_ROOM

OK, DEGRADED, FAILING = STATES
LITTLE_ROOM: Final = 1 << 30  # octets: somebody should look
LATE_FLOWS: Final = timedelta(minutes=5)
OLD_BACKUP: Final = timedelta(hours=50)  # two nights
CERTIFICATE_ENDS: Final = timedelta(days=14)
KEYS_WAIT: Final = timedelta(days=30)  # after they should have been replaced
MOST: Final = 5  # names in one reason

WORDS: Final = (
    "database", "carriers", "fence", "disk", "flows", "backup", "certificate", "keys", "suspended", "reputation", "doctor",
)  # fmt: skip
"""What can be wrong. Each stands in docs/monitoring.md."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What health is judged by. None: it is not known, or there is none."""

    now: datetime
    carriers: int = 0
    configured: int = 0
    fence: str = ""  # why it stands
    store_trouble: str = ""  # why the database takes nothing
    disk_free: int | None = None
    flow_lag: timedelta = timedelta()
    backup: datetime | None = None
    needs_backup: bool = True  # a lab does not
    certificates: tuple[tuple[str, datetime], ...] = ()
    unread_certificates: tuple[str, ...] = ()
    keys_due: tuple[tuple[str, datetime], ...] = ()  # by domain, when they should be replaced
    keys_unread: tuple[str, ...] = ()  # domains whose mail can't be signed
    keys_wrong: tuple[str, ...] = ()  # what was found by looking for keys in DNS, in words
    suspended: tuple[str, ...] = ()  # sites and the like that nothing goes to, or leaves of
    alarms: tuple[str, ...] = ()  # of reputation, in words, those that are bad
    red_rules: tuple[str, ...] = ()  # of the doctor


def judge(facts: Facts, now_ms: int) -> Health:
    """All reasons, the gravest first."""
    found = sorted(_reasons(facts), key=lambda each: -STATES.index(each.state))
    return Health(now_ms, found[0].state if found else OK, tuple(found))


def without_database(why: str, now_ms: int) -> Health:
    """What is said when not even the database answers."""
    return Health(now_ms, FAILING, (ReasonRow("database", FAILING, f"it does not answer: {why}", "look at its disk"),))


def _reasons(facts: Facts) -> Iterator[ReasonRow]:
    if facts.store_trouble:
        yield ReasonRow(
            "database", FAILING, f"it takes nothing: {facts.store_trouble}",
            "what holds it (`fuser -v` of the file, `pg_locks`), and has its disk room?",
        )  # fmt: skip
    if facts.carriers < facts.configured:
        state = FAILING if not facts.carriers else DEGRADED
        yield ReasonRow(
            "carriers", state, f"{facts.carriers} of {facts.configured} serve", "the log says why they died"
        )
    if facts.fence:
        yield ReasonRow(
            "fence", FAILING, f"nothing is sent: {facts.fence}", '`posthouse fence lift --why "..."` lets it go'
        )
    yield from _of_disk(facts)
    if facts.flow_lag > LATE_FLOWS:
        late = f"a run is {int(facts.flow_lag.total_seconds() // 60)} min late"
        yield ReasonRow("flows", DEGRADED, late, "`posthouse flow list`, and the log for `flow alarm`")
    yield from _of_backup(facts)
    yield from _of_certificates(facts)
    yield from _of_keys(facts)
    if facts.suspended:
        yield ReasonRow(
            "suspended",
            DEGRADED,
            f"nothing goes: {_named(facts.suspended)}",
            "`posthouse queue` says until when",
        )
    if facts.alarms:
        yield ReasonRow("reputation", DEGRADED, "; ".join(facts.alarms[:MOST]), "`posthouse reputation`")
    if facts.red_rules:
        fails = "a rule fails" if len(facts.red_rules) == 1 else f"{len(facts.red_rules)} rules fail"
        yield ReasonRow(
            "doctor", DEGRADED, f"{fails}: {_named(facts.red_rules)}", "`posthouse doctor` says what to mend"
        )


def _of_keys(facts: Facts) -> Iterator[ReasonRow]:
    if facts.keys_unread:
        yield ReasonRow(
            "keys",
            FAILING,
            f"can't be read, so mail of these is not sent: {_named(facts.keys_unread)}",
            "give the files in the folder `keys` to the daemon's user (chown)",
        )
    overdue = [domain for domain, due in facts.keys_due if facts.now - due > KEYS_WAIT]
    if overdue:
        yield ReasonRow(
            "keys",
            DEGRADED,
            f"should have been replaced long ago: {_named(overdue)}",
            "`posthouse domain records DOMAIN`",
        )
    if facts.keys_wrong:
        yield ReasonRow("keys", DEGRADED, "; ".join(facts.keys_wrong[:MOST]), "`posthouse domain list`")


def _of_disk(facts: Facts) -> Iterator[ReasonRow]:
    free = facts.disk_free
    if free is not None and free < LITTLE_ROOM:
        state = FAILING if free < NO_ROOM else DEGRADED
        yield ReasonRow("disk", state, f"{free >> 20} MiB are left for the state folder", "make room")


def _of_backup(facts: Facts) -> Iterator[ReasonRow]:
    if not facts.needs_backup:
        return
    if facts.backup is None:
        yield ReasonRow("backup", DEGRADED, "none was made", "`systemctl enable --now posthouse-backup.timer`")
    elif facts.now - facts.backup > OLD_BACKUP:
        hours = int((facts.now - facts.backup).total_seconds() // 3600)
        yield ReasonRow(
            "backup", DEGRADED, f"the newest is {hours} h old", "`systemctl status posthouse-backup.service`"
        )


def _of_certificates(facts: Facts) -> Iterator[ReasonRow]:
    for door in facts.unread_certificates:
        yield ReasonRow("certificate", FAILING, f"that of {door} can't be read", "`posthouse doctor`")
    for door, ends in facts.certificates:
        if ends <= facts.now:
            yield ReasonRow("certificate", FAILING, f"that of {door} is over since {ends:%Y-%m-%d}", "renew it")
        elif ends - facts.now < CERTIFICATE_ENDS:
            yield ReasonRow("certificate", DEGRADED, f"that of {door} ends on {ends:%Y-%m-%d}", "renew it")


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return f"{', '.join(names[:MOST])}{more}"

"""Every metric: its name, kind, labels and what it says. docs/metrics.md is written from here, and nothing else is served.

Names are Prometheus' way: base units (seconds, bytes), counters end in `_total` and begin at 0 when the daemon starts. A
label whose values others choose (a site, a domain, a flow) has at most `most` of them; the rest is "other". No metric
names a person.
"""

from dataclasses import dataclass
from typing import Final

OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class Metric:
    """kind: gauge, counter or histogram. most: how many values of its first label are told apart; 0: they are few anyway."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    most: int = 0


def _gauge(name: str, about: str, *labels: str, most: int = 0) -> Metric:
    return Metric(f"posthouse_{name}", "gauge", about, labels, most)


def _counter(name: str, about: str, *labels: str, most: int = 0) -> Metric:
    return Metric(f"posthouse_{name}_total", "counter", about, labels, most)


# -- the daemon

UP: Final = _gauge("up", "Whether the database answers.")
INFO: Final = _gauge("info", "The running version, and what keeps its data.", "version", "database")
STARTED: Final = _gauge("start_time_seconds", "When the daemon was started, in seconds since 1970.")
HEALTH: Final = _gauge("health_state", "0 is ok, 1 degraded, 2 failing: what `posthouse health` says.")
REASONS: Final = _gauge("health_reason", "1 for each reason why the state is not ok.", "reason", "state")
CARRIERS: Final = _gauge("carriers_ready", "Carriers that serve.")
CONFIGURED: Final = _gauge("carriers_configured", "Carriers that there should be.")
DEATHS: Final = _counter("carrier_deaths", "Carriers that died and were replaced.")
CARRIER_DELIVERED: Final = _counter("carrier_delivered", "Deliveries of a carrier since it was forked.", "carrier")
CARRIER_CONNECTIONS: Final = _gauge(
    "carrier_connections", "Open connections of a carrier to receiving hosts.", "carrier"
)
CARRIER_MEMORY: Final = _gauge("carrier_memory_bytes", "Memory that is a carrier's own.", "carrier")
OFFICE_MEMORY: Final = _gauge("front_office_memory_bytes", "Resident memory of the front office.")
FENCE: Final = _gauge("fence_up", "1 while nothing is sent, since the database was restored or copied.")
ALERTS: Final = _gauge("alerts", "Alerts that stand on the first screen.")
WEB_REQUESTS: Final = _counter("web_requests", "Requests to the public web.", "path", "method", "code")

# -- what is on the disk

DISK_FREE: Final = _gauge("disk_free_bytes", "Room that is left where the state folder is.")
DISK_SIZE: Final = _gauge("disk_size_bytes", "All room where the state folder is.")
DATABASE: Final = _gauge("database_bytes", "Size of the database.")
DATABASE_LOG: Final = _gauge("database_wal_bytes", "Size of SQLite's write-ahead log.")
BACKUP: Final = _gauge(
    "backup_timestamp_seconds", "When the newest whole backup was made, in seconds since 1970; 0 without one."
)

# -- the queue

QUEUE: Final = _gauge("queue_deliveries", "Deliveries without an end yet.", "state", "stream")
OLDEST: Final = _gauge("queue_oldest_seconds", "Age of the oldest delivery without an end.", "stream")
SITES: Final = _gauge(
    "queue_site_deliveries", "Deliveries without an end yet at the sites with most of them.", "site", most=20
)
TROUBLES: Final = _gauge("sites_in_trouble", "Sites that are waited for, since they did not answer or put all off.")
SUSPENSIONS: Final = _gauge("suspensions", "What is stopped, by an operator or the bounce guard.", "scope")

# -- what happens

ACCEPTED: Final = _counter("messages_accepted", "Messages that were taken on.")
ATTEMPTS: Final = _counter(
    "attempts", "Tries at deliveries, by what came of them; other: no reply, or a trouble of ours.", "stream", "outcome"
)
LATENCY: Final = Metric(
    "posthouse_delivery_seconds", "histogram", "From taking a message on to its being accepted by the next hop.",
    ("stream",),
)  # fmt: skip
DEFERRALS: Final = _counter("deferrals", "Replies that put mail off, by class.", "class")
BOUNCES: Final = _counter("bounces", "Replies and reports that refused mail for good, by class.", "class")
COMPLAINTS: Final = _counter("complaints", "Complaints of readers about mail of ours.", "stream")
UNSUBSCRIBES: Final = _counter("unsubscribes", "People who left a list or all of them after a mail.")
DOUBTS: Final = _counter("doubts", "Times that an answer was lost at the dot.")
EVENTS: Final = _counter("events", "Events that were taken in, ours among them.")
RETURNED: Final = _counter("inbound_mails", "Mails that came in at the inbound door and were kept.")
LIST_PEOPLE: Final = _counter("list_people", "What happened to people on lists.", "what")

# -- people and flows

CONTACTS: Final = _gauge("contacts", "People that are known.")
SUBSCRIPTIONS: Final = _gauge("subscriptions", "Subscriptions to lists, by where they stand.", "state")
SUPPRESSED: Final = _gauge("suppressed", "Suppressions in force.")
FLOWS: Final = _gauge("flows", "Flows, by state.", "state")
FLOW_RUNS: Final = _gauge(
    "flow_runs", "Runs of a flow: waiting, completed or ended at the goal.", "flow", "state", most=50
)
FLOW_MAILS: Final = _gauge("flow_mails", "Mails that a flow wrote.", "flow", most=50)
FLOW_LAG: Final = _gauge("flow_lag_seconds", "How late the run of an active flow is that waits longest for its turn.")

# -- what others think of it

INDEX: Final = _gauge(
    "reputation_index", "How mail of a From domain is taken, 0 to 100, over 30 days; absent where too few say.", "domain",
    most=50,
)  # fmt: skip
ALARMS: Final = _gauge("reputation_alarms", "Alarms of reputation that stand.", "level")
RULES: Final = _gauge("doctor_rules", "Rules of the doctor by their verdict, when it looked last.", "verdict")
DOCTOR: Final = _gauge("doctor_timestamp_seconds", "When the doctor looked last, in seconds since 1970; 0: not yet.")
KEY_DUE: Final = _gauge(
    "dkim_rotation_due_timestamp_seconds", "When a domain's DKIM keys should be replaced, in seconds since 1970.", "domain",
    most=50,
)  # fmt: skip
CERTIFICATE: Final = _gauge(
    "certificate_expiry_timestamp_seconds", "When a certificate that we show ends, in seconds since 1970.", "door"
)

METRICS: Final = tuple(each for each in list(globals().values()) if isinstance(each, Metric))
"""All of them, in this order."""

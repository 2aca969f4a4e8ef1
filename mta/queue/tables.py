"""The relay's tables. Private to mta.queue and the store: everybody else asks mta.queue.queue.

Times are milliseconds since 1970 UTC. Partial indexes hold only what is alive, so that history costs the hot path
nothing.
"""

from peewee import SQL, BigIntegerField, BlobField, CompositeKey, IntegerField, Model, TextField


class Message(Model):
    """One accepted mail: envelope and what screens show of it. Its octets are in Body."""

    reverse_path = TextField()  # "" is the null reverse-path (RFC 5321 section 4.5.5)
    stream = IntegerField()
    origin = TextField()  # submission, flow, confirmation, dsn ...
    subject = TextField(default="")
    header_from = TextField(default="")
    message_id = TextField(default="")
    size = IntegerField()
    needs_utf8 = IntegerField(default=0)  # SMTPUTF8 (RFC 6531)
    has_8bit = IntegerField(default=0)  # BODY=8BITMIME (RFC 6152)
    envid = TextField(null=True)  # RFC 3461
    ret = TextField(null=True)
    credential = TextField(default="")  # who handed it over
    recipients = IntegerField()  # how many deliveries it became: the audit counts them
    received_ms = BigIntegerField()
    no_dsn = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])  # 1: its submitter wants no DSN of ours
    list_id = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])  # whose mail it is, for the gate; 0 is no list's
    remarks = TextField(default="", constraints=[SQL("DEFAULT ''")])  # what of it was not understood, a line each

    class Meta:
        table_name = "message"


class Body(Model):
    """The message's octets as they go on the wire, before dot-stuffing and signing; CRLF line ends only."""

    message_id = IntegerField(primary_key=True)
    content = BlobField()

    class Meta:
        table_name = "body"


class Delivery(Model):
    """One message to one recipient."""

    message_id = IntegerField(index=True)
    forward_path = TextField()
    domain = TextField()
    stream = IntegerField()
    state = IntegerField()
    due_ms = BigIntegerField()
    expires_ms = BigIntegerField()
    attempts = IntegerField(default=0)
    doubts = IntegerField(default=0)
    owner = IntegerField(null=True)  # Carrier.id while claimed: the fence
    notify = TextField(default="")  # RFC 3461 NOTIFY, comma-separated; "" is the default
    orcpt = TextField(null=True)
    last_reply = TextField(default="")
    created_ms = BigIntegerField()
    ended_ms = BigIntegerField(null=True)
    ended_by = TextField(null=True)  # an operator, "suppression ..." ; NULL when the mail's own fate ended it
    campaign = TextField(default="", constraints=[SQL("DEFAULT ''")])  # what limits and lists know it by; "" is none
    by_ms = BigIntegerField(null=True)  # deliver by then (RFC 2852)
    by_mode = TextField(default="", constraints=[SQL("DEFAULT ''")])  # R: return; N: say it is late; n: that was said
    claimed_ms = BigIntegerField(null=True)  # when its owner took it, or the last one did

    class Meta:
        table_name = "delivery"


class Attempt(Model):
    """One try at a delivery, and what was answered."""

    delivery_id = IntegerField(index=True)
    at_ms = BigIntegerField()
    took_ms = IntegerField()
    host = TextField()
    address = TextField()
    stage = TextField()  # route, connect, greeting, ehlo, starttls, mail, rcpt, data, dot
    outcome = TextField()  # delivered, deferred, failed, in doubt
    reply = TextField()
    tls = TextField(default="")
    rule = TextField(default="", constraints=[SQL("DEFAULT ''")])  # of deliverability/bounces that judged the reply
    dialogue = TextField(
        default="", constraints=[SQL("DEFAULT ''")]
    )  # the SMTP lines with their times (mta.smtp.record)
    source = TextField(default="", constraints=[SQL("DEFAULT ''")])  # it left by; "" where there is but one

    class Meta:
        table_name = "attempt"


class Doubt(Model):
    """A delivery whose dot may have been answered without our knowing: recorded once for each time."""

    delivery_id = IntegerField(index=True)
    at_ms = BigIntegerField()
    why = TextField()  # answer lost, or orphaned
    settled = TextField(null=True)  # resent, held back, assumed delivered
    settled_ms = BigIntegerField(null=True)

    class Meta:
        table_name = "doubt"


class Carrier(Model):
    """A process that may own deliveries. Its id is the fence: never used again, not even after a crash."""

    name = TextField()
    boot_id = TextField()
    pid = IntegerField()
    started_ms = BigIntegerField()
    lease_until_ms = BigIntegerField()  # on the boot-time clock of boot_id
    process = TextField(
        default="", constraints=[SQL("DEFAULT ''")]
    )  # boot, PID namespace, pid and start; "" is unknown

    class Meta:
        table_name = "carrier"
        constraints = [SQL("CHECK (lease_until_ms >= 0)")]


class Destination(Model):
    """A recipient domain with mail waiting: when to look at it next, and which site it was last folded into."""

    domain = TextField(primary_key=True)
    site = TextField(default="")
    next_ms = BigIntegerField(null=True, index=True)  # a hint that is never later than the truth

    class Meta:
        table_name = "destination"


class Site(Model):
    """A folded MX set. Its back-off is kept here once, not in a million deliveries."""

    name = TextField(primary_key=True)
    retry_ms = BigIntegerField(default=0)
    failures = IntegerField(default=0)
    last_reply = TextField(default="")
    changed_ms = BigIntegerField(default=0)

    class Meta:
        table_name = "site"


class Shaping(Model):
    """What one site taught us about mail from one source (deliverability.shaping.controller)."""

    source = TextField()  # the IP address we send from; "" is the system's choice
    site = TextField()
    learnt = TextField()  # JSON
    changed_ms = BigIntegerField()

    class Meta:
        table_name = "shaping"
        primary_key = CompositeKey("source", "site")


class Intervention(Model):
    """What an operator did to a delivery: hold, release, redirect, cancel."""

    delivery_id = IntegerField(index=True)
    at_ms = BigIntegerField()
    act = TextField()
    set_by = TextField()
    why = TextField()

    class Meta:
        table_name = "intervention"


class Cancellation(Model):
    """A held delivery that ends when an operator's grace is over."""

    delivery_id = IntegerField(primary_key=True)
    until_ms = BigIntegerField(index=True)
    was_held = IntegerField()  # 1: it was held before, and stays held when this is undone
    set_by = TextField()
    why = TextField()

    class Meta:
        table_name = "cancellation"


class Slowing(Model):
    """A site that gets no more than so many attempts a minute, because an operator says so."""

    site = TextField(primary_key=True)
    per_minute = IntegerField()
    until_ms = BigIntegerField()
    set_by = TextField()
    why = TextField()
    at_ms = BigIntegerField()

    class Meta:
        table_name = "slowing"


class Suspension(Model):
    """A site or a domain that waits because an operator, or the bounce guard, says so."""

    scope = TextField()  # site, domain
    name = TextField()
    until_ms = BigIntegerField()
    set_by = TextField()  # an operator's name, or "bounce guard": then nothing that the domain answers is believed
    why = TextField()
    at_ms = BigIntegerField()

    class Meta:
        table_name = "suspension"
        primary_key = CompositeKey("scope", "name")


class StsPolicy(Model):
    """A recipient domain's MTA-STS policy (RFC 8461), until it ends."""

    domain = TextField(primary_key=True)
    policy_id = TextField()
    policy = TextField()  # as it was fetched
    fetched_ms = BigIntegerField()
    expires_ms = BigIntegerField(index=True)
    used_ms = BigIntegerField()  # when mail asked for it last, to the day

    class Meta:
        table_name = "sts_policy"


class TlsTrouble(Model):
    """A site whose TLS does not work: not begun there before that time, where nobody demands it."""

    site = TextField(primary_key=True)
    until_ms = BigIntegerField()
    why = TextField()

    class Meta:
        table_name = "tls_trouble"


class TlsResult(Model):
    """How the TLS of a day's sessions for a domain came out: what a TLS report says (RFC 8460 section 4)."""

    day = IntegerField()  # days since 1970, UTC
    domain = TextField()  # the policy domain
    kind = TextField()  # sts, no-policy-found
    policy_id = TextField()
    result = TextField()  # "" is success; else a result type of section 4.3
    host = TextField()  # the receiving exchanger
    address = TextField()
    source = TextField()  # the address that we sent from, "" where it is the system's choice
    sessions = IntegerField()
    policy = TextField()
    detail = TextField()  # of the first such failure

    class Meta:
        table_name = "tls_result"
        primary_key = CompositeKey("day", "domain", "kind", "policy_id", "result", "host", "address", "source")


TABLES = (
    Message,
    Body,
    Delivery,
    Attempt,
    Doubt,
    Carrier,
    Destination,
    Site,
    Shaping,
    Suspension,
    StsPolicy,
    TlsTrouble,
    TlsResult,
    Intervention,
    Cancellation,
    Slowing,
)

# What peewee's field options can't say. QUEUED is state 0; ends are 10 and above (mta.queue.delivery.State).
INDEXES = (
    "CREATE INDEX IF NOT EXISTS delivery_due ON delivery (domain, stream, due_ms, campaign) WHERE state = 0",
    "CREATE INDEX IF NOT EXISTS delivery_open ON delivery (state, domain) WHERE state < 10",
    "CREATE INDEX IF NOT EXISTS delivery_expiry ON delivery (expires_ms) WHERE state IN (0, 4)",
    "CREATE INDEX IF NOT EXISTS delivery_ended ON delivery (ended_ms) WHERE ended_ms IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS doubt_time ON doubt (at_ms)",
    "CREATE INDEX IF NOT EXISTS delivery_by ON delivery (by_ms) WHERE by_mode = 'N' AND state < 10",
    # Dialogues that are kept whole; the short form (mta.smtp.record.SHORT) is left out.
    "CREATE INDEX IF NOT EXISTS attempt_said ON attempt (at_ms) WHERE length(dialogue) > 120",
    # For those who look: only what waits is in them, so what is carried at once on acceptance never touches them.
    "CREATE INDEX IF NOT EXISTS delivery_waiting ON delivery (domain, stream, campaign, state, created_ms, id)"
    " WHERE state IN (0, 4)",
    "CREATE INDEX IF NOT EXISTS delivery_age ON delivery (created_ms, id) WHERE state IN (0, 4)",
    "CREATE INDEX IF NOT EXISTS delivery_next ON delivery (due_ms, id) WHERE state = 0",
    "CREATE INDEX IF NOT EXISTS delivery_campaign ON delivery (campaign, created_ms, id)"
    " WHERE campaign <> '' AND state IN (0, 4)",
)

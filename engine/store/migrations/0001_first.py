"""The first schema: a copy of the models as they were, which later changes of the models leave alone."""

from peewee import SQL, BigIntegerField, BlobField, CompositeKey, IntegerField, Model, TextField


class Message(Model):
    reverse_path = TextField()
    stream = IntegerField()
    origin = TextField()
    subject = TextField(default="")
    header_from = TextField(default="")
    message_id = TextField(default="")
    size = IntegerField()
    needs_utf8 = IntegerField(default=0)
    has_8bit = IntegerField(default=0)
    envid = TextField(null=True)
    ret = TextField(null=True)
    credential = TextField(default="")
    recipients = IntegerField()
    received_ms = BigIntegerField()

    class Meta:
        table_name = "message"


class Body(Model):
    message_id = IntegerField(primary_key=True)
    content = BlobField()

    class Meta:
        table_name = "body"


class Delivery(Model):
    message_id = IntegerField(index=True)
    forward_path = TextField()
    domain = TextField()
    stream = IntegerField()
    state = IntegerField()
    due_ms = BigIntegerField()
    expires_ms = BigIntegerField()
    attempts = IntegerField(default=0)
    doubts = IntegerField(default=0)
    owner = IntegerField(null=True)
    notify = TextField(default="")
    orcpt = TextField(null=True)
    last_reply = TextField(default="")
    created_ms = BigIntegerField()
    ended_ms = BigIntegerField(null=True)
    ended_by = TextField(null=True)

    class Meta:
        table_name = "delivery"


class Attempt(Model):
    delivery_id = IntegerField(index=True)
    at_ms = BigIntegerField()
    took_ms = IntegerField()
    host = TextField()
    address = TextField()
    stage = TextField()
    outcome = TextField()
    reply = TextField()
    tls = TextField(default="")

    class Meta:
        table_name = "attempt"


class Doubt(Model):
    delivery_id = IntegerField(index=True)
    at_ms = BigIntegerField()
    why = TextField()
    settled = TextField(null=True)
    settled_ms = BigIntegerField(null=True)

    class Meta:
        table_name = "doubt"


class Carrier(Model):
    name = TextField()
    boot_id = TextField()
    pid = IntegerField()
    started_ms = BigIntegerField()
    lease_until_ms = BigIntegerField()

    class Meta:
        table_name = "carrier"
        constraints = [SQL("CHECK (lease_until_ms >= 0)")]


class Destination(Model):
    domain = TextField(primary_key=True)
    site = TextField(default="")
    next_ms = BigIntegerField(null=True, index=True)

    class Meta:
        table_name = "destination"


class Site(Model):
    name = TextField(primary_key=True)
    retry_ms = BigIntegerField(default=0)
    failures = IntegerField(default=0)
    last_reply = TextField(default="")
    changed_ms = BigIntegerField(default=0)

    class Meta:
        table_name = "site"


class Meta(Model):
    key = TextField(primary_key=True)
    value = TextField()

    class Meta:
        table_name = "meta"


class Contact(Model):
    key = TextField(unique=True)
    address = TextField()
    name = TextField(default="")
    locale = TextField(default="")
    zone = TextField(default="")
    fields = TextField(default="{}")
    created_ms = BigIntegerField()

    class Meta:
        table_name = "contact"


class Tag(Model):
    contact_id = IntegerField()
    tag = TextField()
    at_ms = BigIntegerField()

    class Meta:
        table_name = "tag"
        primary_key = CompositeKey("contact_id", "tag")


class MailingList(Model):
    name = TextField(unique=True)
    title = TextField()
    confirmation = TextField(default="double")
    purpose = TextField(default="")
    created_ms = BigIntegerField()

    class Meta:
        table_name = "list"


class Subscription(Model):
    contact_id = IntegerField()
    list_id = IntegerField(index=True)
    state = TextField()
    source = TextField(default="")
    asked_ms = BigIntegerField()
    confirmed_ms = BigIntegerField(null=True)
    ended_ms = BigIntegerField(null=True)

    class Meta:
        table_name = "subscription"
        primary_key = CompositeKey("contact_id", "list_id")


class Consent(Model):
    contact_id = IntegerField(index=True)
    list_id = IntegerField()
    act = TextField()
    wording = TextField()
    locale = TextField()
    source = TextField()
    ip = TextField(default="")
    agent = TextField(default="")
    message_id = IntegerField(null=True)
    at_ms = BigIntegerField()

    class Meta:
        table_name = "consent"


class Suppression(Model):
    key = TextField()
    reason = TextField()
    scope = TextField()
    evidence = TextField(default="")
    delivery_id = IntegerField(null=True)
    at_ms = BigIntegerField()

    class Meta:
        table_name = "suppression"
        primary_key = CompositeKey("key", "reason")


class Refusal(Model):
    forward_path = TextField()
    reason = TextField()
    credential = TextField()
    at_ms = BigIntegerField()

    class Meta:
        table_name = "refusal"


class EventRow(Model):
    name = TextField()
    contact_id = IntegerField(null=True)
    key = TextField(default="")
    data = TextField(default="{}")
    source = TextField()
    idempotency_key = TextField(null=True, unique=True)
    message_id = IntegerField(null=True)
    at_ms = BigIntegerField()
    matched = IntegerField(default=0)

    class Meta:
        table_name = "event"
        indexes = ((("contact_id", "name", "at_ms"), False),)


class Flow(Model):
    name = TextField(unique=True)
    state = TextField(default="active")
    version_id = IntegerField(null=True)

    class Meta:
        table_name = "flow"


class FlowVersion(Model):
    flow_id = IntegerField()
    hash = TextField()
    source = TextField()
    applied_ms = BigIntegerField()

    class Meta:
        table_name = "flow_version"
        indexes = ((("flow_id", "hash"), True),)


class Enrolment(Model):
    flow_id = IntegerField(index=True)
    version_id = IntegerField()
    contact_id = IntegerField(index=True)
    run_key = TextField(default="")
    step = TextField()
    state = TextField(default="waiting")
    data = TextField(default="{}")
    occurrence = IntegerField(default=1)
    entered_ms = BigIntegerField()
    due_ms = BigIntegerField(null=True)
    revision = IntegerField(default=0)
    ended_ms = BigIntegerField(null=True)
    ended_how = TextField(null=True)

    class Meta:
        table_name = "enrolment"


class Passage(Model):
    enrolment_id = IntegerField()
    step = TextField()
    occurrence = IntegerField()
    at_ms = BigIntegerField()
    kind = TextField()
    result = TextField(default="")
    detail = TextField(default="{}")

    class Meta:
        table_name = "passage"
        indexes = ((("enrolment_id", "step", "occurrence"), True),)


class Sending(Model):
    message_id = IntegerField(primary_key=True)
    contact_id = IntegerField(index=True)
    enrolment_id = IntegerField(null=True)
    flow = TextField(default="")
    step = TextField(default="")
    occurrence = IntegerField(default=1)
    template = TextField(default="")

    class Meta:
        table_name = "sending"
        indexes = ((("enrolment_id", "step", "occurrence"), True),)


class Inbound(Model):
    reverse_path = TextField()
    forward_path = TextField()
    content = BlobField()
    verdict = TextField(default="")
    delivery_id = IntegerField(null=True)
    at_ms = BigIntegerField()

    class Meta:
        table_name = "inbound"


class DkimKey(Model):
    domain = TextField()
    selector = TextField()
    algorithm = TextField()
    file = TextField()
    state = TextField(default="active")
    created_ms = BigIntegerField()

    class Meta:
        table_name = "dkim_key"
        primary_key = CompositeKey("domain", "selector")


TABLES = (
    Message,
    Body,
    Delivery,
    Attempt,
    Doubt,
    Carrier,
    Destination,
    Site,
    Meta,
    Contact,
    Tag,
    MailingList,
    Subscription,
    Consent,
    Suppression,
    Refusal,
    EventRow,
    Flow,
    FlowVersion,
    Enrolment,
    Passage,
    Sending,
    Inbound,
    DkimKey,
)

INDEXES = (
    "CREATE INDEX IF NOT EXISTS delivery_due ON delivery (domain, stream, due_ms) WHERE state = 0",
    "CREATE INDEX IF NOT EXISTS delivery_owned ON delivery (owner) WHERE owner IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS delivery_open ON delivery (state, domain) WHERE state < 10",
    "CREATE INDEX IF NOT EXISTS delivery_expiry ON delivery (expires_ms) WHERE state < 10",
    "CREATE INDEX IF NOT EXISTS delivery_ended ON delivery (ended_ms) WHERE ended_ms IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS event_new ON event (id) WHERE matched = 0",
    "CREATE INDEX IF NOT EXISTS event_new_of ON event (contact_id) WHERE matched = 0",
    "CREATE INDEX IF NOT EXISTS inbound_about ON inbound (delivery_id) WHERE delivery_id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS enrolment_due ON enrolment (due_ms) WHERE state = 'waiting'",
    "CREATE INDEX IF NOT EXISTS enrolment_due_of ON enrolment (flow_id, due_ms) WHERE state = 'waiting'",
    "CREATE UNIQUE INDEX IF NOT EXISTS enrolment_run ON enrolment (flow_id, contact_id, run_key) WHERE state = 'waiting'",
)


def up(migrator, db):
    with db.bind_ctx(TABLES):
        db.create_tables(TABLES)
    for index in INDEXES:
        db.execute_sql(index)

"""The engine's tables: contacts, lists, consent, suppression, events, flows and enrolments.

Times are milliseconds since 1970 UTC; JSON is text. The relay's tables are in mta.queue.tables; both live in one
database and commit together.
"""

from typing import Any

from peewee import SQL, AutoField, BigIntegerField, BlobField, CompositeKey, IntegerField, Model, NodeList, TextField

from engine.store import (
    tables_arbiter,
    tables_campaigns,
    tables_catalogue,
    tables_flows,
    tables_hooks,
    tables_reports,
    tables_sweeps,
)


class IdOnce(AutoField):
    """An id that is never given again, for rows that can be deleted: SQLite gives the highest again without AUTOINCREMENT,
    PostgreSQL's sequences never do."""

    def ddl(self, ctx: Any) -> Any:
        made = super().ddl(ctx)
        is_sqlite = ctx.state.field_types["AUTO"] == "INTEGER"
        return NodeList((made, SQL("AUTOINCREMENT"))) if is_sqlite else made


class Meta(Model):
    """Facts about the installation: the lab's clock offset, generations that tell processes to read again."""

    key = TextField(primary_key=True)
    value = TextField()

    class Meta:
        table_name = "meta"


class Contact(Model):
    id = IdOnce()
    key = TextField(unique=True)  # Address.key: what two spellings of one mailbox share
    address = TextField()
    name = TextField(default="")
    locale = TextField(default="")  # BCP 47; "" takes the installation's
    zone = TextField(default="")  # IANA; "" takes the installation's
    fields = TextField(default="{}")  # JSON: values of declared fields (engine.audience.fields)
    created_ms = BigIntegerField()
    external_id = TextField(null=True)  # what the shop calls this person
    birthday = TextField(default="", constraints=[SQL("DEFAULT ''")])  # 1990-03-31, or --03-31 without the year
    source = TextField(default="", constraints=[SQL("DEFAULT ''")])  # how the address came to us
    orders = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    spent = BigIntegerField(default=0, constraints=[SQL("DEFAULT 0")])  # hundredths, whatever the currency
    first_order_ms = BigIntegerField(null=True)
    last_order_ms = BigIntegerField(null=True)
    opened_ms = BigIntegerField(null=True)  # what a person did last: engine.audience.engagement
    clicked_ms = BigIntegerField(null=True)
    replied_ms = BigIntegerField(null=True)
    visited_ms = BigIntegerField(null=True)
    engaged_ms = BigIntegerField(null=True)  # any of these, or an order
    opens = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    clicks = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    replies = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    visits = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])

    class Meta:
        table_name = "contact"


class FormerContact(Model):
    """A contact that is no more: its id stays taken, since links with it are out (engine.audience.former)."""

    contact_id = IntegerField(primary_key=True)
    into_id = IntegerField(null=True, index=True)  # what it was merged into; NULL: erased
    address = TextField(default="")  # "" of who was erased

    class Meta:
        table_name = "former_contact"


class FieldRow(Model):
    """A declared custom field of contacts."""

    name = TextField(primary_key=True)
    kind = TextField()  # text, number, date, yes-no, choice
    title = TextField(default="")
    choices = TextField(default="[]")  # JSON
    created_ms = BigIntegerField()

    class Meta:
        table_name = "field"


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
    confirmation = TextField(default="double")  # double or single opt-in
    purpose = TextField(default="")  # the words a person agrees to, shown at the door and kept as evidence
    created_ms = BigIntegerField()
    settings = TextField(default="{}", constraints=[SQL("DEFAULT '{}'")])  # JSON: engine.audience.list_settings

    class Meta:
        table_name = "list"


class Subscription(Model):
    contact_id = IntegerField()
    list_id = IntegerField()
    state = TextField()  # unconfirmed, confirmed, unsubscribed
    source = TextField(default="")
    asked_ms = BigIntegerField()
    confirmed_ms = BigIntegerField(null=True)
    ended_ms = BigIntegerField(null=True)
    due_ms = BigIntegerField(null=True)  # of one that is not confirmed: when to remind, or when it is over
    expires_ms = BigIntegerField(null=True)
    reminded_ms = BigIntegerField(null=True)
    why = TextField(default="", constraints=[SQL("DEFAULT ''")])  # it ended: left, not confirmed in time

    class Meta:
        table_name = "subscription"
        primary_key = CompositeKey("contact_id", "list_id")


class AskingRow(Model):
    """A confirmation mail that somebody's network caused, for as long as it is counted."""

    network = TextField()
    at_ms = BigIntegerField(index=True)

    class Meta:
        table_name = "asking"
        indexes = ((("network", "at_ms"), False),)


class ListFigure(Model):
    """How many subscriptions of a list stand where: kept by whoever moves one (engine.audience.figures)."""

    list_id = IntegerField()
    state = TextField()
    people = IntegerField(default=0)

    class Meta:
        table_name = "list_figure"
        primary_key = CompositeKey("list_id", "state")


class ConsentEntry(Model):
    """The chain of the consent ledger: append-only, nothing personal in it (engine.audience.ledger)."""

    seq = IntegerField(primary_key=True)  # from 1, without a gap
    at_ms = BigIntegerField()
    act = TextField()  # asked, confirmed, withdrawn
    commitment = TextField()  # hex
    previous = TextField()
    hash = TextField()

    class Meta:
        table_name = "consent_entry"


class ConsentFact(Model):
    """What an entry committed to: what was shown to whom, and how they answered. Goes when a person is erased."""

    seq = IntegerField(primary_key=True)
    contact_id = IntegerField(index=True)
    list_id = IntegerField()  # 0: all marketing mail
    act = TextField()
    message_id = IntegerField(null=True, index=True)  # the confirmation mail
    at_ms = BigIntegerField()
    salt = TextField()  # hex
    facts = TextField()  # the JSON that was committed to, octet by octet

    class Meta:
        table_name = "consent_fact"


class ImportBatch(Model):
    """One import: who brought which file, what was declared of it, how far it is, and how its addresses bounced."""

    id = IdOnce()
    state = TextField()  # engine.audience.batches.BatchState
    file = TextField()
    digest = TextField()  # SHA-256 of its octets, in hex: the same file is not taken twice
    kind = TextField()  # csv, json lines, mailchimp, listmonk
    declared = TextField()  # JSON: what the ledger's entry will say of it
    operator = TextField()
    rows_read = IntegerField(default=0)  # the rows up to here are done: where an interrupted import goes on
    taken = IntegerField(default=0)  # ... taken: the leaves of its tree
    made = IntegerField(default=0)  # ... of people whom we did not know
    refused = IntegerField(default=0)  # ... put into the quarantine file
    stopped = IntegerField(default=0)  # ... of people who are suppressed, or had left: they stay so
    seq = IntegerField(null=True)  # the ledger's entry
    root = TextField(default="")  # hex
    sendings = IntegerField(default=0)  # mails to its people that came to an end
    bounces = IntegerField(default=0)  # ... because the mailbox is not there
    started_ms = BigIntegerField()
    ended_ms = BigIntegerField(null=True)
    why = TextField(default="")  # why it is held, or who released it and why

    class Meta:
        table_name = "import_batch"


class ImportRow(Model):
    """A row that an import took, with what its commitment hides. Erased: its commitment alone."""

    batch_id = IntegerField()
    leaf = IntegerField()  # its place among the rows that were taken, from 0
    file_row = IntegerField()
    contact_id = IntegerField(null=True, index=True)
    salt = TextField()  # hex
    facts = TextField()
    commitment = TextField()  # hex; "" while salt and facts are there

    class Meta:
        table_name = "import_row"
        primary_key = CompositeKey("batch_id", "leaf")


class ImportBlock(Model):
    """The root over some rows of an import that lie beside each other (engine.audience.merkle)."""

    batch_id = IntegerField()
    block = IntegerField()
    root = TextField()  # hex

    class Meta:
        table_name = "import_block"
        primary_key = CompositeKey("batch_id", "block")


class Suppression(Model):
    key = TextField()  # Address.key; of somebody who was erased, a salted hash of it
    reason = TextField()  # hard bounce, complaint, unsubscribe, manual, erased
    list_id = IntegerField(default=0)  # 0: whatever the list
    scope = TextField()  # all, or marketing
    evidence = TextField(default="")  # the reply, the report, the operator's words
    source = TextField(default="")  # who brought it: relay, report, web, mail, import, an operator's name
    delivery_id = IntegerField(null=True)
    at_ms = BigIntegerField()
    expires_ms = BigIntegerField(null=True)

    class Meta:
        table_name = "suppression"
        primary_key = CompositeKey("key", "reason", "list_id")


class Refusal(Model):
    """A submission's recipient that was refused because it is suppressed: recorded and visible."""

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
    source = TextField()  # header, markup, extractor, address, command, http, relay, engine
    idempotency_key = TextField(null=True, unique=True)
    message_id = IntegerField(null=True)  # the mail it was read out of
    at_ms = BigIntegerField()
    matched = IntegerField(default=0)  # 1 once every flow has looked at it

    class Meta:
        table_name = "event"
        indexes = ((("contact_id", "name", "at_ms"), False),)


class Flow(Model):
    name = TextField(unique=True)
    state = TextField(default="active")  # active, paused, archived
    version_id = IntegerField(null=True)

    class Meta:
        table_name = "flow"


class FlowVersion(Model):
    flow_id = IntegerField()
    hash = TextField()  # of the file's text: its version
    source = TextField()
    applied_ms = BigIntegerField()

    class Meta:
        table_name = "flow_version"
        indexes = ((("flow_id", "hash"), True),)


class Enrolment(Model):
    """One contact's passage through one flow version."""

    flow_id = IntegerField(index=True)
    version_id = IntegerField()
    contact_id = IntegerField()
    run_key = TextField(default="")
    step = TextField()  # the step it stands before
    state = TextField(default="waiting")  # waiting, ended
    data = TextField(default="{}")  # the trigger event's data, replaced by a newer event with the same key
    occurrence = IntegerField(default=1)
    entered_ms = BigIntegerField()
    due_ms = BigIntegerField(null=True)
    revision = IntegerField(default=0)  # every change adds one: what was decided on an older one is void
    ended_ms = BigIntegerField(null=True)
    ended_how = TextField(null=True)  # completed, goal, exit, failed, holdout
    standing = TextField(default="{}", constraints=[SQL("DEFAULT '{}'")])  # JSON: engine.running.standing.Kept
    awaits = TextField(default="", constraints=[SQL("DEFAULT ''")])  # the event that it waits for at its step
    intent = TextField(default="", constraints=[SQL("DEFAULT ''")])  # JSON: what was meant by due_ms, by a clock

    class Meta:
        table_name = "enrolment"


class Passage(Model):
    """What happened at a step: written in the commit that did it, once for each (enrolment, step, occurrence)."""

    enrolment_id = IntegerField()
    step = TextField()
    occurrence = IntegerField()
    at_ms = BigIntegerField()
    kind = TextField()  # trigger, wait, if, send, goal, exit
    result = TextField(default="")  # then, else, delivery asked, refused: the reason ...
    detail = TextField(default="{}")  # each condition's value

    class Meta:
        table_name = "passage"
        indexes = ((("enrolment_id", "step", "occurrence"), True),)


class Sending(Model):
    """Which step, of whose passage, a message came from; or which run of a campaign."""

    message_id = IntegerField(primary_key=True)
    contact_id = IntegerField(index=True)
    enrolment_id = IntegerField(null=True)
    flow = TextField(default="")
    step = TextField(default="")
    occurrence = IntegerField(default=1)
    template = TextField(default="")
    campaign_id = IntegerField(null=True)
    run_id = IntegerField(
        null=True
    )  # of the campaign; then `occurrence` is the contact's id, and `step` which mail to them
    variant = TextField(default="", constraints=[SQL("DEFAULT ''")])

    class Meta:
        table_name = "sending"
        indexes = ((("enrolment_id", "step", "occurrence"), True),)


class Inbound(Model):
    """A mail from outside, kept with what was concluded from it."""

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
    algorithm = TextField()  # rsa-sha256, ed25519-sha256
    file = TextField()  # below the keys' folder
    state = TextField(default="active")  # engine.keys.KeyState
    created_ms = BigIntegerField()
    since_ms = BigIntegerField(default=0, constraints=[SQL("DEFAULT 0")])  # when its state began

    class Meta:
        table_name = "dkim_key"
        primary_key = CompositeKey("domain", "selector")


class Credential(Model):
    """Who may submit mail with a password, and what it may send."""

    name = TextField(primary_key=True)
    hash = TextField()  # argon2id, with its salt and parameters
    domains = TextField(default="")  # for From: and the reverse-path, comma-separated; "" is any
    stream = IntegerField(null=True)  # NULL: what the mail says
    rate = IntegerField(default=0)  # deliveries a minute; 0 is no limit
    max_size = IntegerField(default=0)  # octets; 0 is the door's own limit
    dsn = IntegerField(default=1)  # whether failures are reported to the reverse-path
    spent_until_ms = BigIntegerField(default=0)  # when the rate's allowance will be whole again
    created_ms = BigIntegerField()

    class Meta:
        table_name = "credential"


class Spooled(Model):
    """A file of the spool whose message was taken on; until the file is gone for good, so that it is taken on once."""

    key = TextField(primary_key=True)  # the file's name
    message_id = IntegerField()
    at_ms = BigIntegerField()

    class Meta:
        table_name = "spooled"


class Writer(Model):
    """A thread that commits on PostgreSQL, and the number of its last group: what became of a commit whose answer was
    lost is read here."""

    token = TextField(primary_key=True)
    commits = BigIntegerField()
    at_ms = BigIntegerField()

    class Meta:
        table_name = "writer"


class FormRow(Model):
    """What a list's form asks for beside address and name."""

    list_id = IntegerField(primary_key=True)
    fields = TextField(default="[]")  # JSON: names of declared fields, in order

    class Meta:
        table_name = "form"


class FormWording(Model):
    """What a snippet said when it was made: the evidence for everybody who signs up by it."""

    version = TextField(primary_key=True)  # SHA-256 of the wording, cut
    list_id = IntegerField()
    locale = TextField()
    wording = TextField()
    at_ms = BigIntegerField()

    class Meta:
        table_name = "form_wording"


class FormAnswer(Model):
    """What was typed into a form; it is believed when the address is confirmed."""

    contact_id = IntegerField()
    list_id = IntegerField()
    fields = TextField()  # JSON
    at_ms = BigIntegerField()

    class Meta:
        table_name = "form_answer"
        primary_key = CompositeKey("contact_id", "list_id")


class Preference(Model):
    """What a person asked of us beside their subscriptions."""

    contact_id = IntegerField(primary_key=True)
    pace = TextField(default="")  # at most so many marketing mails in so many days: 1/7; "": as they come

    class Meta:
        table_name = "preference"


class Survey(Model):
    """A question that mails ask."""

    name = TextField(primary_key=True)
    code = BigIntegerField(unique=True)  # stands for the name in tokens
    kind = TextField()  # scale, stars, choice
    question = TextField(default="")  # where no catalogue has one
    choices = TextField(default="[]")  # JSON
    field = TextField(default="")  # the declared field that keeps the last answer
    created_ms = BigIntegerField()

    class Meta:
        table_name = "survey"


class Referral(Model):
    """Who recommended us to whom: once for each friend."""

    friend_id = IntegerField(primary_key=True)
    referrer_id = IntegerField(index=True)
    list_id = IntegerField()
    at_ms = BigIntegerField()
    counted_ms = BigIntegerField(null=True)  # when the friend confirmed

    class Meta:
        table_name = "referral"


class ApiToken(Model):
    """Who may use the HTTP interface, and for what."""

    name = TextField(primary_key=True)
    hash = TextField(unique=True)  # SHA-256 of 160 random bits
    scopes = TextField()  # events, contacts; comma-separated
    rate = IntegerField()  # requests a minute
    created_ms = BigIntegerField()

    class Meta:
        table_name = "api_token"


class ApiAnswer(Model):
    """What a request with an Idempotency-Key was answered."""

    token = TextField()
    key = TextField()
    request = TextField()  # SHA-256 of what was asked
    answer = TextField()
    code = IntegerField()
    at_ms = BigIntegerField(index=True)

    class Meta:
        table_name = "api_answer"
        primary_key = CompositeKey("token", "key")


class SegmentRow(Model):
    """A stored question: whoever its expression holds for is a member (engine.segments)."""

    id = IdOnce()
    name = TextField(unique=True)
    title = TextField()
    expression = TextField()
    members = IntegerField(default=0)  # kept by whoever moves somebody
    created_ms = BigIntegerField()
    changed_ms = BigIntegerField()  # when its expression was last changed
    wanted_ms = BigIntegerField()  # since when a look at everybody is wanted
    looked_ms = BigIntegerField(null=True)  # when the last whole look with this expression began
    built_ms = BigIntegerField(null=True)  # since when its history is kept
    removed = IntegerField(default=0)  # its rows are being cleared away

    class Meta:
        table_name = "segment"


class SegmentMember(Model):
    segment_id = IntegerField()
    contact_id = IntegerField(index=True)
    since_ms = BigIntegerField()

    class Meta:
        table_name = "segment_member"
        primary_key = CompositeKey("segment_id", "contact_id")


class SegmentChange(Model):
    """Who came and went: the history that two days are compared by."""

    segment_id = IntegerField()
    contact_id = IntegerField(index=True)
    entered = IntegerField()
    cause = TextField()  # an event's name, time, look, defined
    at_ms = BigIntegerField()

    class Meta:
        table_name = "segment_change"
        indexes = ((("segment_id", "at_ms"), False),)


class SegmentDue(Model):
    """When a contact is looked at again because time alone may change where it stands."""

    segment_id = IntegerField()
    contact_id = IntegerField(index=True)
    due_ms = BigIntegerField(index=True)

    class Meta:
        table_name = "segment_due"
        primary_key = CompositeKey("segment_id", "contact_id")


TABLES = (
    Meta, Contact, FormerContact, FieldRow, Tag, MailingList, Subscription, ConsentEntry,
    ConsentFact, ImportBatch, ImportRow, ImportBlock, Suppression, Refusal, EventRow, Flow, FlowVersion, Enrolment,
    Passage, Sending, Inbound, DkimKey, Credential, Spooled, Writer,
    FormRow, FormWording, FormAnswer, Preference, Survey, Referral, ApiToken,
    ApiAnswer, AskingRow,
    ListFigure, SegmentRow, SegmentMember, SegmentChange, SegmentDue,
    *tables_catalogue.TABLES,
    *tables_flows.TABLES,
    *tables_hooks.TABLES,
    *tables_reports.TABLES,
    *tables_sweeps.TABLES,
    *tables_arbiter.TABLES,
    *tables_campaigns.TABLES,
)  # fmt: skip

INDEXES = (
    "CREATE INDEX IF NOT EXISTS import_batch_digest ON import_batch (digest)",
    "CREATE INDEX IF NOT EXISTS tag_contacts ON tag (tag, contact_id)",
    "CREATE UNIQUE INDEX IF NOT EXISTS contact_external ON contact (external_id) WHERE external_id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS suppression_expiry ON suppression (expires_ms) WHERE expires_ms IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS suppression_time ON suppression (at_ms)",
    "CREATE INDEX IF NOT EXISTS subscription_due ON subscription (due_ms) WHERE due_ms IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS event_fetched ON event (at_ms) WHERE name = 'mail.fetched'",
    "CREATE INDEX IF NOT EXISTS event_new ON event (id) WHERE matched = 0",
    "CREATE INDEX IF NOT EXISTS event_new_of ON event (contact_id) WHERE matched = 0",
    "CREATE INDEX IF NOT EXISTS inbound_about ON inbound (delivery_id) WHERE delivery_id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS enrolment_due ON enrolment (due_ms) WHERE state = 'waiting'",
    "CREATE INDEX IF NOT EXISTS enrolment_due_of ON enrolment (flow_id, due_ms) WHERE state = 'waiting'",
    "CREATE INDEX IF NOT EXISTS enrolment_of ON enrolment (contact_id, flow_id, run_key)",
    "CREATE INDEX IF NOT EXISTS enrolment_awaits ON enrolment (awaits) WHERE state = 'waiting' AND awaits <> ''",
    "CREATE UNIQUE INDEX IF NOT EXISTS enrolment_run ON enrolment (flow_id, contact_id, run_key) WHERE state = 'waiting'",
    *tables_catalogue.INDEXES,
    *tables_flows.INDEXES,
    *tables_hooks.INDEXES,
    *tables_sweeps.INDEXES,
    *tables_arbiter.INDEXES,
    *tables_campaigns.INDEXES,
)

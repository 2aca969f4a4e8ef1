"""The engine's tables, and the order in which they are made and restored.

Times are milliseconds since 1970 UTC; JSON is text. The relay's tables are in mta.queue.tables; both live in one
database and commit together.
"""

from engine.store.tables import (
    acts,
    arbiter,
    bounces,
    campaigns,
    catalogue,
    drafts,
    flows,
    hooks,
    judgements,
    lists,
    reports,
    reputation,
    sweeps,
)
from engine.store.tables.consent import ConsentEntry, ConsentFact, Refusal, Suppression
from engine.store.tables.flows import Enrolment, Flow, FlowVersion, Passage, Sending
from engine.store.tables.house import Credential, DkimKey, EventRow, Inbound, Meta, Spooled, Writer
from engine.store.tables.imports import ImportBatch, ImportBlock, ImportRow
from engine.store.tables.lists import MailingList, Subscription
from engine.store.tables.people import Contact, FieldRow, FormerContact, Tag
from engine.store.tables.segments import SegmentChange, SegmentDue, SegmentMember, SegmentRow
from engine.store.tables.web import ApiAnswer, ApiToken, FormAnswer, FormRow, FormWording, Preference, Referral, Survey

TABLES = (
    Meta, Contact, FormerContact, FieldRow, Tag, MailingList, Subscription, ConsentEntry,
    ConsentFact, ImportBatch, ImportRow, ImportBlock, Suppression, Refusal, EventRow, Flow, FlowVersion, Enrolment,
    Passage, Sending, Inbound, DkimKey, Credential, Spooled, Writer,
    FormRow, FormWording, FormAnswer, Preference, Survey, Referral, ApiToken,
    ApiAnswer, *lists.TABLES,
    SegmentRow, SegmentMember, SegmentChange, SegmentDue,
    *acts.TABLES,
    *catalogue.TABLES,
    *flows.TABLES,
    *drafts.TABLES,
    *hooks.TABLES,
    *reports.TABLES,
    *reputation.TABLES,
    *sweeps.TABLES,
    *arbiter.TABLES,
    *judgements.TABLES,
    *campaigns.TABLES,
    *bounces.TABLES,
)  # fmt: skip

INDEXES = (
    "CREATE INDEX IF NOT EXISTS import_batch_digest ON import_batch (digest)",
    "CREATE INDEX IF NOT EXISTS tag_contacts ON tag (tag, contact_id)",
    "CREATE UNIQUE INDEX IF NOT EXISTS contact_external ON contact (external_id) WHERE external_id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS contact_birthday ON contact (substr(birthday, length(birthday) - 4)) WHERE birthday <> ''",
    "CREATE INDEX IF NOT EXISTS suppression_expiry ON suppression (expires_ms) WHERE expires_ms IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS suppression_newest ON suppression (at_ms, key, reason, list_id)",
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
    *catalogue.INDEXES,
    *flows.INDEXES,
    *hooks.INDEXES,
    *lists.INDEXES,
    *reputation.INDEXES,
    *sweeps.INDEXES,
    *arbiter.INDEXES,
    *campaigns.INDEXES,
    *bounces.INDEXES,
)

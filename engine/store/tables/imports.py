"""The tables of imports: batches, and the rows that each took."""

from peewee import BigIntegerField, CompositeKey, IntegerField, Model, TextField

from engine.store.tables.ids import IdOnce


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

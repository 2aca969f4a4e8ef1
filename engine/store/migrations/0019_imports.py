"""Imports: batches, the rows that they took, and the roots over them."""

from peewee import BigIntegerField, CompositeKey, IntegerField, Model, TextField


class ImportBatch(Model):
    state = TextField()
    file = TextField()
    digest = TextField()
    kind = TextField()
    declared = TextField()
    operator = TextField()
    rows_read = IntegerField(default=0)
    taken = IntegerField(default=0)
    made = IntegerField(default=0)
    refused = IntegerField(default=0)
    stopped = IntegerField(default=0)
    seq = IntegerField(null=True)
    root = TextField(default="")
    sendings = IntegerField(default=0)
    bounces = IntegerField(default=0)
    started_ms = BigIntegerField()
    ended_ms = BigIntegerField(null=True)
    why = TextField(default="")

    class Meta:
        table_name = "import_batch"


class ImportRow(Model):
    batch_id = IntegerField()
    leaf = IntegerField()
    file_row = IntegerField()
    contact_id = IntegerField(null=True, index=True)
    salt = TextField()
    facts = TextField()
    commitment = TextField()

    class Meta:
        table_name = "import_row"
        primary_key = CompositeKey("batch_id", "leaf")


class ImportBlock(Model):
    batch_id = IntegerField()
    block = IntegerField()
    root = TextField()

    class Meta:
        table_name = "import_block"
        primary_key = CompositeKey("batch_id", "block")


TABLES = (ImportBatch, ImportRow, ImportBlock)


def up(migrator, db):
    with db.bind_ctx(TABLES):
        db.create_tables(TABLES)
    db.execute_sql("CREATE INDEX IF NOT EXISTS import_batch_digest ON import_batch (digest)")

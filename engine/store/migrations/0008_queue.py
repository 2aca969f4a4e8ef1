"""Campaigns, what was said in an attempt, what operators did, and indexes for those who look at the queue."""

from peewee import BigIntegerField, IntegerField, Model, TextField


class Intervention(Model):
    delivery_id = IntegerField(index=True)
    at_ms = BigIntegerField()
    act = TextField()
    set_by = TextField()
    why = TextField()

    class Meta:
        table_name = "intervention"


COLUMNS = (
    ("delivery", "campaign", "TEXT NOT NULL DEFAULT ''"),
    ("attempt", "rule", "TEXT NOT NULL DEFAULT ''"),
    ("attempt", "dialogue", "TEXT NOT NULL DEFAULT ''"),
)
INDEXES = (
    "CREATE INDEX IF NOT EXISTS delivery_waiting ON delivery (domain, stream, campaign, state, created_ms, id)"
    " WHERE state IN (0, 4)",
    "CREATE INDEX IF NOT EXISTS delivery_age ON delivery (created_ms, id) WHERE state IN (0, 4)",
    "CREATE INDEX IF NOT EXISTS delivery_next ON delivery (due_ms, id) WHERE state = 0",
    "CREATE INDEX IF NOT EXISTS delivery_campaign ON delivery (campaign, created_ms, id)"
    " WHERE campaign <> '' AND state IN (0, 4)",
)


def up(migrator, db):
    with db.bind_ctx((Intervention,)):
        db.create_tables((Intervention,))
    for table, column, kind in COLUMNS:
        db.execute_sql(f'ALTER TABLE "{table}" ADD COLUMN "{column}" {kind}')
    for index in INDEXES:
        db.execute_sql(index)

"""Credentials, the spool's keys, and whether a message's submitter wants DSNs."""

from peewee import BigIntegerField, IntegerField, Model, TextField


class Credential(Model):
    name = TextField(primary_key=True)
    hash = TextField()
    domains = TextField(default="")
    stream = IntegerField(null=True)
    rate = IntegerField(default=0)
    max_size = IntegerField(default=0)
    dsn = IntegerField(default=1)
    spent_until_ms = BigIntegerField(default=0)
    created_ms = BigIntegerField()

    class Meta:
        table_name = "credential"


class Spooled(Model):
    key = TextField(primary_key=True)
    message_id = IntegerField()
    at_ms = BigIntegerField()

    class Meta:
        table_name = "spooled"


TABLES = (Credential, Spooled)


def up(migrator, db):
    with db.bind_ctx(TABLES):
        db.create_tables(TABLES)
    whole = db.get_sql_context().state.field_types.get("INT", "INTEGER")  # 64 bits on PostgreSQL too
    db.execute_sql(f'ALTER TABLE "message" ADD COLUMN "no_dsn" {whole} NOT NULL DEFAULT 0')

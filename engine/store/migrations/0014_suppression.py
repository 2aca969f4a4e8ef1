"""Suppressions of one list, with who brought them and until when."""

from peewee import BigIntegerField, CompositeKey, IntegerField, Model, TextField


class Suppression(Model):
    key = TextField()
    reason = TextField()
    list_id = IntegerField(default=0)
    scope = TextField()
    evidence = TextField(default="")
    source = TextField(default="")
    delivery_id = IntegerField(null=True)
    at_ms = BigIntegerField()
    expires_ms = BigIntegerField(null=True)

    class Meta:
        table_name = "suppression"
        primary_key = CompositeKey("key", "reason", "list_id")


def up(migrator, db):
    db.execute_sql("CREATE TABLE suppression_before AS SELECT * FROM suppression")
    db.execute_sql("DROP TABLE suppression")
    with db.bind_ctx([Suppression]):
        db.create_tables([Suppression])
    db.execute_sql(
        "INSERT INTO suppression (key, reason, list_id, scope, evidence, source, delivery_id, at_ms)"
        " SELECT key, reason, 0, scope, evidence, '', delivery_id, at_ms FROM suppression_before"
    )
    db.execute_sql("DROP TABLE suppression_before")
    db.execute_sql(
        "CREATE INDEX IF NOT EXISTS suppression_expiry ON suppression (expires_ms) WHERE expires_ms IS NOT NULL"
    )
    db.execute_sql("CREATE INDEX IF NOT EXISTS suppression_time ON suppression (at_ms)")

"""Bounces that count when they repeat."""

from peewee import BigIntegerField, CompositeKey, IntegerField, Model, TextField


class RepeatedBounce(Model):
    """How often mail to an address bounced with one class since some last arrived there."""

    key = TextField()
    klass = TextField()
    count = IntegerField()
    first_ms = BigIntegerField()
    last_ms = BigIntegerField()
    said_later = IntegerField()
    arrived = IntegerField(null=True)
    arrived_ms = BigIntegerField(null=True)

    class Meta:
        table_name = "repeated_bounce"
        primary_key = CompositeKey("key", "klass")


def up(migrator, db):
    with db.bind_ctx([RepeatedBounce]):
        db.create_tables([RepeatedBounce])
    db.execute_sql("CREATE INDEX IF NOT EXISTS repeated_bounce_time ON repeated_bounce (last_ms)")

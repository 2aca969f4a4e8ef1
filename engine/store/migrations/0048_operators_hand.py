"""What an operator cancels with a grace, sites that an operator slows, and the suppressed in an order that a page goes on in."""

from peewee import BigIntegerField, IntegerField, Model, TextField


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


def up(migrator, db):
    with db.bind_ctx([Cancellation, Slowing]):
        db.create_tables([Cancellation, Slowing])
    db.execute_sql("DROP INDEX IF EXISTS suppression_time")
    db.execute_sql("CREATE INDEX IF NOT EXISTS suppression_newest ON suppression (at_ms, key, reason, list_id)")

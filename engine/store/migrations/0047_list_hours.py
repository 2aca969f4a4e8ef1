"""What happened on each list in each hour, and who stands where on one as pages."""

from peewee import BigIntegerField, CompositeKey, IntegerField, Model, TextField


class ListHour(Model):
    list_id = IntegerField()
    hour_ms = BigIntegerField()
    what = TextField()
    people = IntegerField(default=0)

    class Meta:
        table_name = "list_hour"
        primary_key = CompositeKey("list_id", "hour_ms", "what")


def up(migrator, db):
    with db.bind_ctx([ListHour]):
        db.create_tables([ListHour])
    db.execute_sql("CREATE INDEX IF NOT EXISTS list_hour_old ON list_hour (hour_ms)")
    db.execute_sql(
        "CREATE INDEX IF NOT EXISTS subscription_ask ON subscription (list_id, contact_id) WHERE why = 'to be asked'"
    )
    db.execute_sql("CREATE INDEX IF NOT EXISTS subscription_stand ON subscription (list_id, state, contact_id)")

"""What may be set about a list; subscriptions that nobody confirmed are reminded of, and end; askings by network."""

from peewee import BigIntegerField, Model, TextField

WEEK_MS = 7 * 86_400_000  # how long a link worked until now


class AskingRow(Model):
    network = TextField()
    at_ms = BigIntegerField(index=True)

    class Meta:
        table_name = "asking"
        indexes = ((("network", "at_ms"), False),)


def up(migrator, db):
    big = db.get_sql_context().state.field_types.get("BIGINT", "INTEGER")
    with db.bind_ctx([AskingRow]):
        db.create_tables([AskingRow])
    db.execute_sql('ALTER TABLE "list" ADD COLUMN "settings" TEXT NOT NULL DEFAULT \'{}\'')
    for column in (
        f'"due_ms" {big}',
        f'"expires_ms" {big}',
        f'"reminded_ms" {big}',
        "\"why\" TEXT NOT NULL DEFAULT ''",
    ):
        db.execute_sql(f'ALTER TABLE "subscription" ADD COLUMN {column}')
    db.execute_sql("CREATE INDEX IF NOT EXISTS subscription_due ON subscription (due_ms) WHERE due_ms IS NOT NULL")
    mark = db.param
    db.execute_sql(
        f"UPDATE subscription SET due_ms = asked_ms + {mark}, expires_ms = asked_ms + {mark} WHERE state = 'unconfirmed'",
        (WEEK_MS, WEEK_MS),
    )
    db.execute_sql("UPDATE subscription SET why = 'left' WHERE state = 'unsubscribed'")

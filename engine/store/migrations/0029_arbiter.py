"""What takes a place under the caps, from the last month's mail of flows on; and mail that the arbiter holds."""

from peewee import BigIntegerField, IntegerField, Model, TextField


class Mailed(Model):
    contact_id = IntegerField()
    message_id = IntegerField(null=True)
    at_ms = BigIntegerField()
    stream = IntegerField()
    kind = TextField()
    name = TextField()
    list_id = IntegerField()

    class Meta:
        table_name = "mailed"
        indexes = ((("contact_id", "at_ms"), False),)


class HeldMail(Model):
    kind = TextField()
    ref = IntegerField()
    step = TextField()
    occurrence = IntegerField()
    contact_id = IntegerField()
    name = TextField()
    list_id = IntegerField()
    priority = IntegerField()
    since_ms = BigIntegerField()
    until_ms = BigIntegerField()
    best_before_ms = BigIntegerField()
    reason = TextField()
    why = TextField()
    times = IntegerField()
    ended_ms = BigIntegerField(null=True)
    ended_how = TextField(null=True)

    class Meta:
        table_name = "held_mail"
        indexes = ((("kind", "ref", "step", "occurrence"), True),)


MONTH_MS = 31 * 86_400_000


def up(migrator, db):
    with db.bind_ctx([Mailed, HeldMail]):
        db.create_tables([Mailed, HeldMail])
    db.execute_sql("CREATE INDEX IF NOT EXISTS held_mail_of ON held_mail (contact_id) WHERE ended_ms IS NULL")
    db.execute_sql("CREATE INDEX IF NOT EXISTS held_mail_old ON held_mail (best_before_ms)")
    db.execute_sql(
        "INSERT INTO mailed (contact_id, message_id, at_ms, stream, kind, name, list_id)"
        " SELECT s.contact_id, m.id, m.received_ms, m.stream, 'flow', s.flow, m.list_id"
        " FROM message m JOIN sending s ON s.message_id = m.id"
        f" WHERE s.contact_id <> 0 AND m.received_ms > (SELECT max(received_ms) FROM message) - {MONTH_MS}"
    )

"""Flow texts that are being written."""

from peewee import BigIntegerField, IntegerField, Model, TextField


class FlowDraft(Model):
    name = TextField(unique=True)
    source = TextField()
    base = TextField(default="")
    origin = TextField(default="")
    operator = TextField(default="")
    at_ms = BigIntegerField()
    revision = IntegerField()

    class Meta:
        table_name = "flow_draft"


def up(migrator, db):
    with db.bind_ctx([FlowDraft]):
        db.create_tables([FlowDraft])

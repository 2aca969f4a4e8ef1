"""The table of flow texts that are being written."""

from peewee import BigIntegerField, IntegerField, Model, TextField


class FlowDraft(Model):
    """One that is not applied yet (engine.running.drafts)."""

    name = TextField(unique=True)
    source = TextField()
    base = TextField(default="")  # the hash of the version it began from
    origin = TextField(default="")  # flow NAME, recipe NAME
    operator = TextField(default="")
    at_ms = BigIntegerField()  # of the last save
    revision = IntegerField()  # saves so far

    class Meta:
        table_name = "flow_draft"


TABLES = (FlowDraft,)

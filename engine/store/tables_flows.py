"""The tables that tell of a flow's versions: what was done to it and by whom, and who is being moved."""

from peewee import BigIntegerField, IntegerField, Model, TextField


class FlowChange(Model):
    """Something that an operator did to a flow."""

    flow_id = IntegerField(index=True)
    version_id = IntegerField(null=True)  # the flow's version then
    what = TextField()  # engine.running.history.What
    operator = TextField(default="")
    detail = TextField(default="{}")  # JSON
    at_ms = BigIntegerField()

    class Meta:
        table_name = "flow_change"


class FlowMove(Model):
    """People under way who are moved to a version, or ended, some at a time: how far that is (engine.running.moving)."""

    flow_id = IntegerField(index=True)
    version_id = IntegerField(null=True)  # NULL: their runs end
    mapping = TextField(default="{}")  # JSON: steps of older versions to steps of this one
    leaves = IntegerField(default=0)  # 1: whoever can't be moved leaves
    operator = TextField(default="")
    contact_id = IntegerField(default=0)  # everybody up to here was looked at ...
    run_key = TextField(default="")  # ... and of this contact the runs up to here
    moved = IntegerField(default=0)
    stayed = IntegerField(default=0)
    gone = IntegerField(default=0)
    began_ms = BigIntegerField()
    ended_ms = BigIntegerField(null=True)

    class Meta:
        table_name = "flow_move"


TABLES = (FlowChange, FlowMove)

INDEXES = ("CREATE INDEX IF NOT EXISTS flow_move_open ON flow_move (id) WHERE ended_ms IS NULL",)

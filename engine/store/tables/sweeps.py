"""The tables of flows that begin by time: how far each was looked at, and who is still to be let in."""

from peewee import BigIntegerField, IntegerField, Model, TextField


class FlowClock(Model):
    """Up to when a flow's occasions were found."""

    flow_id = IntegerField(primary_key=True)
    swept_ms = BigIntegerField()

    class Meta:
        table_name = "flow_clock"


class FlowSweep(Model):
    """An occasion of a flow on the clock of one zone, or a stretch of time of one that waits for inactivity: whom it lets in
    is looked at some at a time (engine.running.sweeping)."""

    flow_id = IntegerField()
    zone = TextField(default="")  # as contacts have it; "" is the installation's
    day = TextField(default="")  # ISO 8601; "" of inactivity
    from_ms = BigIntegerField()  # of inactivity: who was last heard of after that ...
    until_ms = BigIntegerField()  # ... and up to then; of a day: its moment
    cursor = BigIntegerField(default=0)  # everybody up to this id was looked at

    class Meta:
        table_name = "flow_sweep"


TABLES = (FlowClock, FlowSweep)

INDEXES = (
    "CREATE INDEX IF NOT EXISTS contact_zone ON contact (zone, id)",
    "CREATE INDEX IF NOT EXISTS event_named ON event (name, at_ms)",
)

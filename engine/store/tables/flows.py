"""The tables of flows: versions, runs and what happened in them, what was done to a flow and who is being moved."""

from peewee import SQL, BigIntegerField, IntegerField, Model, TextField


class Flow(Model):
    name = TextField(unique=True)
    state = TextField(default="active")  # active, paused, archived
    version_id = IntegerField(null=True)

    class Meta:
        table_name = "flow"


class FlowVersion(Model):
    flow_id = IntegerField()
    hash = TextField()  # of the file's text: its version
    source = TextField()
    applied_ms = BigIntegerField()

    class Meta:
        table_name = "flow_version"
        indexes = ((("flow_id", "hash"), True),)


class Enrolment(Model):
    """One contact's passage through one flow version."""

    flow_id = IntegerField(index=True)
    version_id = IntegerField()
    contact_id = IntegerField()
    run_key = TextField(default="")
    step = TextField()  # the step it stands before
    state = TextField(default="waiting")  # waiting, ended
    data = TextField(default="{}")  # the trigger event's data, replaced by a newer event with the same key
    occurrence = IntegerField(default=1)
    entered_ms = BigIntegerField()
    due_ms = BigIntegerField(null=True)
    revision = IntegerField(default=0)  # every change adds one: what was decided on an older one is void
    ended_ms = BigIntegerField(null=True)
    ended_how = TextField(null=True)  # completed, goal, exit, failed, holdout
    standing = TextField(default="{}", constraints=[SQL("DEFAULT '{}'")])  # JSON: engine.running.standing.Kept
    awaits = TextField(default="", constraints=[SQL("DEFAULT ''")])  # the event that it waits for at its step
    intent = TextField(default="", constraints=[SQL("DEFAULT ''")])  # JSON: what was meant by due_ms, by a clock
    chain = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])  # of what let it in: engine.running.chains
    chained_ms = BigIntegerField(default=0, constraints=[SQL("DEFAULT 0")])  # when that was

    class Meta:
        table_name = "enrolment"


class Passage(Model):
    """What happened at a step: written in the commit that did it, once for each (enrolment, step, occurrence)."""

    enrolment_id = IntegerField()
    step = TextField()
    occurrence = IntegerField()
    at_ms = BigIntegerField()
    kind = TextField()  # trigger, wait, if, send, goal, exit
    result = TextField(default="")  # then, else, delivery asked, refused: the reason ...
    detail = TextField(default="{}")  # each condition's value

    class Meta:
        table_name = "passage"
        indexes = ((("enrolment_id", "step", "occurrence"), True),)


class Sending(Model):
    """Which step, of whose passage, a message came from; or which run of a campaign."""

    message_id = IntegerField(primary_key=True)
    contact_id = IntegerField(index=True)
    enrolment_id = IntegerField(null=True)
    flow = TextField(default="")
    step = TextField(default="")
    occurrence = IntegerField(default=1)
    template = TextField(default="")
    campaign_id = IntegerField(null=True)
    run_id = IntegerField(
        null=True
    )  # of the campaign; then `occurrence` is the contact's id, and `step` which mail to them
    variant = TextField(default="", constraints=[SQL("DEFAULT ''")])

    class Meta:
        table_name = "sending"
        indexes = ((("enrolment_id", "step", "occurrence"), True),)


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

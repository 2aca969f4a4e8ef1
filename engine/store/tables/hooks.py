"""The table of calls to web addresses that flows make."""

from peewee import BigIntegerField, IntegerField, Model, TextField


class HookCall(Model):
    """One call, and what became of it. Written in the commit of the step that asks for it."""

    uid = TextField(unique=True)  # webhook-id
    url = TextField()
    body = TextField()  # JSON
    flow = TextField()
    step = TextField()
    occurrence = IntegerField()
    enrolment_id = IntegerField(index=True)
    contact_id = IntegerField(index=True)
    waits = IntegerField(default=0)  # 1: the flow waits for the answer
    state = TextField(default="open")  # engine.hooks.calls.State
    tries = IntegerField(default=0)
    due_ms = BigIntegerField(null=True)  # of an open one; while it is being tried, when somebody else may
    give_up_ms = BigIntegerField()
    status = IntegerField(default=0)  # of the last answer
    why = TextField(default="")  # what was in the way, the last time
    created_ms = BigIntegerField()
    ended_ms = BigIntegerField(null=True)

    class Meta:
        table_name = "hook_call"


TABLES = (HookCall,)

INDEXES = (
    "CREATE INDEX IF NOT EXISTS hook_call_due ON hook_call (due_ms) WHERE state = 'open'",
    "CREATE INDEX IF NOT EXISTS hook_call_ended ON hook_call (ended_ms) WHERE ended_ms IS NOT NULL",
)

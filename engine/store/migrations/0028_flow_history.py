"""What was done to flows and by whom, and who is being moved to another version."""

from peewee import BigIntegerField, IntegerField, Model, TextField


class FlowChange(Model):
    flow_id = IntegerField(index=True)
    version_id = IntegerField(null=True)
    what = TextField()
    operator = TextField(default="")
    detail = TextField(default="{}")
    at_ms = BigIntegerField()

    class Meta:
        table_name = "flow_change"


class FlowMove(Model):
    flow_id = IntegerField(index=True)
    version_id = IntegerField(null=True)
    mapping = TextField(default="{}")
    leaves = IntegerField(default=0)
    operator = TextField(default="")
    contact_id = IntegerField(default=0)
    run_key = TextField(default="")
    moved = IntegerField(default=0)
    stayed = IntegerField(default=0)
    gone = IntegerField(default=0)
    began_ms = BigIntegerField()
    ended_ms = BigIntegerField(null=True)

    class Meta:
        table_name = "flow_move"


def up(migrator, db):
    with db.bind_ctx([FlowChange, FlowMove]):
        db.create_tables([FlowChange, FlowMove])
    db.execute_sql("CREATE INDEX IF NOT EXISTS flow_move_open ON flow_move (id) WHERE ended_ms IS NULL")
    db.execute_sql(
        "INSERT INTO flow_change (flow_id, version_id, what, operator, detail, at_ms)"
        " SELECT flow_id, id, 'applied', '', '{}', applied_ms FROM flow_version ORDER BY applied_ms, id"
    )

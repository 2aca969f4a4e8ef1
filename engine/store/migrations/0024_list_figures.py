"""How many subscriptions of each list stand where."""

from peewee import CompositeKey, IntegerField, Model, TextField


class ListFigure(Model):
    list_id = IntegerField()
    state = TextField()
    people = IntegerField(default=0)

    class Meta:
        table_name = "list_figure"
        primary_key = CompositeKey("list_id", "state")


def up(migrator, db):
    with db.bind_ctx([ListFigure]):
        db.create_tables([ListFigure])
    db.execute_sql(
        "INSERT INTO list_figure (list_id, state, people)"
        " SELECT list_id, state, count(*) FROM subscription GROUP BY list_id, state"
    )

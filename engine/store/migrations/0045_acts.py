"""What operators did, and how it is undone."""

from peewee import BigIntegerField, IntegerField, Model, TextField

from engine.store.tables.ids import IdOnce


class ActRow(Model):
    id = IdOnce()
    at_ms = BigIntegerField(index=True)
    ended_ms = BigIntegerField(null=True)
    user = TextField(column_name="peer")
    operator = TextField()
    path = TextField()
    about = TextField(index=True)
    told = TextField()
    done = TextField()
    inverse = TextField()
    final = TextField()
    undo_until_ms = BigIntegerField(null=True)
    undoes = IntegerField(null=True)
    undone_by = IntegerField(null=True)

    class Meta:
        table_name = "act"
        indexes = ((("user", "id"), False),)


def up(migrator, db):
    with db.bind_ctx([ActRow]):
        db.create_tables([ActRow])

"""Which group each writer committed last: how a commit whose answer was lost is found out (PostgreSQL)."""

from peewee import BigIntegerField, Model, TextField


class Writer(Model):
    token = TextField(primary_key=True)
    commits = BigIntegerField()
    at_ms = BigIntegerField()

    class Meta:
        table_name = "writer"


def up(migrator, db):
    with db.bind_ctx([Writer]):
        db.create_tables([Writer])

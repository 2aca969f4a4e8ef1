"""What sites taught us, and what is suspended."""

from peewee import BigIntegerField, CompositeKey, Model, TextField


class Shaping(Model):
    source = TextField()
    site = TextField()
    learnt = TextField()
    changed_ms = BigIntegerField()

    class Meta:
        table_name = "shaping"
        primary_key = CompositeKey("source", "site")


class Suspension(Model):
    scope = TextField()
    name = TextField()
    until_ms = BigIntegerField()
    set_by = TextField()
    why = TextField()
    at_ms = BigIntegerField()

    class Meta:
        table_name = "suspension"
        primary_key = CompositeKey("scope", "name")


TABLES = (Shaping, Suspension)


def up(migrator, db):
    with db.bind_ctx(TABLES):
        db.create_tables(TABLES)

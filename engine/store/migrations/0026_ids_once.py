"""Ids of what can be deleted are given once, on SQLite too; where contacts went that are no more."""

import peewee
from peewee import IntegerField, Model, TextField

KEY = '"id" INTEGER NOT NULL PRIMARY KEY'


class FormerContact(Model):
    contact_id = IntegerField(primary_key=True)
    into_id = IntegerField(null=True, index=True)
    address = TextField(default="")

    class Meta:
        table_name = "former_contact"


def up(migrator, db):
    with db.bind_ctx([FormerContact]):
        db.create_tables([FormerContact])
    if isinstance(db, peewee.SqliteDatabase):  # PostgreSQL's sequences never go back
        for table in ("contact", "import_batch", "segment"):
            give_ids_once(db, table)


def give_ids_once(db, table):
    """SQLite can't add AUTOINCREMENT to a table: the same rows in a new one."""
    (made,) = db.execute_sql("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchone()
    assert KEY in made, f"{table} has another key"
    indexes = db.execute_sql(
        "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL", (table,)
    ).fetchall()
    db.execute_sql(f'ALTER TABLE "{table}" RENAME TO "{table}_before"')
    db.execute_sql(made.replace(KEY, f"{KEY} AUTOINCREMENT"))
    db.execute_sql(f'INSERT INTO "{table}" SELECT * FROM "{table}_before"')
    db.execute_sql(f'DROP TABLE "{table}_before"')
    for (index,) in indexes:
        db.execute_sql(index)

"""The first schema."""

from engine.store import tables as engine_tables
from mta.queue import tables as queue_tables


def up(migrator, db):
    models = (*queue_tables.TABLES, *engine_tables.TABLES)
    with db.bind_ctx(models):
        db.create_tables(models)
        for index in (*queue_tables.INDEXES, *engine_tables.INDEXES):
            db.execute_sql(index)

"""Two indexes of events less to write: those by name and time find the same."""


def up(migrator, db):
    for index in ("event_mail", "event_order"):
        db.execute_sql(f"DROP INDEX IF EXISTS {index}")

"""An index by which old hits of machines are found and forgotten."""


def up(migrator, db):
    db.execute_sql("CREATE INDEX IF NOT EXISTS event_fetched ON event (at_ms) WHERE name = 'mail.fetched'")

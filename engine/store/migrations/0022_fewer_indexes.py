"""Fewer pages for each message: what is in a carrier's hands is found by its state, and what is there does not expire."""


def up(migrator, db):
    db.execute_sql("DROP INDEX delivery_owned")
    db.execute_sql("DROP INDEX delivery_expiry")
    db.execute_sql("CREATE INDEX IF NOT EXISTS delivery_expiry ON delivery (expires_ms) WHERE state IN (0, 4)")

"""What is due is found with its campaign: those that may not leave now are passed over in the index."""


def up(migrator, db):
    db.execute_sql("DROP INDEX delivery_due")
    db.execute_sql(
        "CREATE INDEX IF NOT EXISTS delivery_due ON delivery (domain, stream, due_ms, campaign) WHERE state = 0"
    )

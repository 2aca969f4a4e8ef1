"""By what a carrier's machine can tell whether it still runs; doubts are found by their time."""


def up(migrator, db):
    db.execute_sql('ALTER TABLE "carrier" ADD COLUMN "process" TEXT NOT NULL DEFAULT \'\'')
    db.execute_sql("CREATE INDEX IF NOT EXISTS doubt_time ON doubt (at_ms)")

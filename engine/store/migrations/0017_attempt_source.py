"""By which source an attempt left."""


def up(migrator, db):
    db.execute_sql('ALTER TABLE "attempt" ADD COLUMN "source" TEXT NOT NULL DEFAULT \'\'')

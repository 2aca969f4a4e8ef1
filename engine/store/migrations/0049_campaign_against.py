"""What every run of a campaign that comes again begins against."""


def up(migrator, db):
    db.execute_sql("""ALTER TABLE "campaign" ADD COLUMN "against" TEXT NOT NULL DEFAULT ''""")

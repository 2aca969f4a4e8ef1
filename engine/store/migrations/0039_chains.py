"""How long the chain of runs is that led to an event, or to a run."""


def up(migrator, db):
    types = db.get_sql_context().state.field_types
    small, big = types.get("INT", "INTEGER"), types.get("BIGINT", "INTEGER")
    db.execute_sql(f'ALTER TABLE "event" ADD COLUMN "chain" {small} NOT NULL DEFAULT 0')
    db.execute_sql(f'ALTER TABLE "enrolment" ADD COLUMN "chain" {small} NOT NULL DEFAULT 0')
    db.execute_sql(f'ALTER TABLE "enrolment" ADD COLUMN "chained_ms" {big} NOT NULL DEFAULT 0')

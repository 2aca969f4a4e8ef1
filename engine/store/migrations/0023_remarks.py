"""What of a message could not be understood; since when a delivery is in hands."""


def up(migrator, db):
    whole = db.get_sql_context().state.field_types.get("BIGINT", "BIGINT")
    db.execute_sql('ALTER TABLE "message" ADD COLUMN "remarks" TEXT NOT NULL DEFAULT \'\'')
    db.execute_sql(f'ALTER TABLE "delivery" ADD COLUMN "claimed_ms" {whole}')

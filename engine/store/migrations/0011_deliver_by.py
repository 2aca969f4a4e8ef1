"""When a message is to be delivered by (RFC 2852)."""


def up(migrator, db):
    whole = db.get_sql_context().state.field_types.get("BIGINT", "BIGINT")
    db.execute_sql(f'ALTER TABLE "delivery" ADD COLUMN "by_ms" {whole}')
    db.execute_sql('ALTER TABLE "delivery" ADD COLUMN "by_mode" TEXT NOT NULL DEFAULT \'\'')
    db.execute_sql("CREATE INDEX IF NOT EXISTS delivery_by ON delivery (by_ms) WHERE by_mode = 'N' AND state < 10")

"""When the state of a DKIM key began."""


def up(migrator, db):
    whole = db.get_sql_context().state.field_types.get("BIGINT", "BIGINT")
    db.execute_sql(f'ALTER TABLE "dkim_key" ADD COLUMN "since_ms" {whole} NOT NULL DEFAULT 0')
    db.execute_sql('UPDATE "dkim_key" SET "since_ms" = "created_ms"')

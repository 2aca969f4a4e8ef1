"""Which mailing list a message is mail of, so that who leaves it gets nothing more that is queued."""


def up(migrator, db):
    whole = db.get_sql_context().state.field_types.get("INT", "INTEGER")
    db.execute_sql(f'ALTER TABLE "message" ADD COLUMN "list_id" {whole} NOT NULL DEFAULT 0')

"""How long others remember the record of a DKIM key."""


def up(migrator, db):
    small = db.get_sql_context().state.field_types.get("INT", "INTEGER")
    db.execute_sql(f'ALTER TABLE "dkim_key" ADD COLUMN "ttl_s" {small} NOT NULL DEFAULT 0')

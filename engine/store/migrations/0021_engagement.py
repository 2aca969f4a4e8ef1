"""What a person last did, beside the contact. Orders are known already; opens and clicks begin with this version."""


def up(migrator, db):
    types = db.get_sql_context().state.field_types
    small, big = types.get("INT", "INTEGER"), types.get("BIGINT", "INTEGER")
    for name in ("opened_ms", "clicked_ms", "replied_ms", "visited_ms", "engaged_ms"):
        db.execute_sql(f'ALTER TABLE "contact" ADD COLUMN "{name}" {big}')
    for name in ("opens", "clicks", "replies", "visits"):
        db.execute_sql(f'ALTER TABLE "contact" ADD COLUMN "{name}" {small} NOT NULL DEFAULT 0')
    db.execute_sql("UPDATE contact SET engaged_ms = last_order_ms")

"""What is known of a reply's message stays with the mail when everything else moves to another machine: it may be nothing."""


def up(migrator, db):
    small = db.get_sql_context().state.field_types.get("INT", "INTEGER")
    for table in ("reputation_day", "reputation_alarm"):
        db.execute_sql(f'ALTER TABLE "{table}" DROP COLUMN "message_id"')
        db.execute_sql(f'ALTER TABLE "{table}" ADD COLUMN "message_id" {small}')

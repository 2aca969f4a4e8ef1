"""What a run keeps between its turns, the event it waits for, and what was meant by its time; its contact's runs by flow."""


def up(migrator, db):
    for column, default in (("standing", "{}"), ("awaits", ""), ("intent", "")):
        db.execute_sql(f'ALTER TABLE "enrolment" ADD COLUMN "{column}" TEXT NOT NULL DEFAULT \'{default}\'')
    db.execute_sql("DROP INDEX enrolment_contact_id")
    db.execute_sql("CREATE INDEX IF NOT EXISTS enrolment_of ON enrolment (contact_id, flow_id, run_key)")
    db.execute_sql(
        "CREATE INDEX IF NOT EXISTS enrolment_awaits ON enrolment (awaits) WHERE state = 'waiting' AND awaits <> ''"
    )

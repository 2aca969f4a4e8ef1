"""Contacts by the day of the year on which they were born."""


def up(migrator, db):
    db.execute_sql(
        "CREATE INDEX IF NOT EXISTS contact_birthday ON contact (substr(birthday, length(birthday) - 4)) WHERE birthday <> ''"
    )

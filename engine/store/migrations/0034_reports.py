"""Indexes by which reports find what people did with mail, and what they ordered, since a day."""


def up(migrator, db):
    db.execute_sql(
        "CREATE INDEX IF NOT EXISTS event_mail ON event (at_ms) WHERE name IN"
        " ('mail.opened', 'mail.clicked', 'mail.replied', 'mail.unsubscribed', 'mail.complained')"
    )
    db.execute_sql("CREATE INDEX IF NOT EXISTS event_order ON event (at_ms) WHERE name = 'order.placed'")

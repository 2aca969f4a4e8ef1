"""An index by which old dialogues are found and forgotten."""


def up(migrator, db):
    db.execute_sql("CREATE INDEX IF NOT EXISTS attempt_said ON attempt (at_ms) WHERE length(dialogue) > 120")

"""Campaigns: their versions, runs, recipients and figures; which campaign a message came from."""

from peewee import BigIntegerField, CompositeKey, IntegerField, Model, TextField


class CampaignRow(Model):
    name = TextField(unique=True)
    title = TextField()
    version_id = IntegerField(null=True)
    created_ms = BigIntegerField()
    next_ms = BigIntegerField(null=True, index=True)
    next_occasion = TextField(default="")

    class Meta:
        table_name = "campaign"


class CampaignVersion(Model):
    campaign_id = IntegerField()
    hash = TextField()
    source = TextField()
    applied_ms = BigIntegerField()

    class Meta:
        table_name = "campaign_version"
        indexes = ((("campaign_id", "hash"), True),)


class CampaignRun(Model):
    campaign_id = IntegerField()
    version_id = IntegerField()
    occasion = TextField()
    parent_id = IntegerField(null=True)
    subject = TextField(default="")
    state = TextField()
    why = TextField(default="")
    by = TextField(default="")
    civil = TextField(default="")
    due_ms = BigIntegerField()
    began_ms = BigIntegerField(null=True)
    ended_ms = BigIntegerField(null=True)
    cursor = BigIntegerField(default=0)
    winner = TextField(null=True)
    verdict = TextField(default="")
    judge_ms = BigIntegerField(null=True)
    paced_ms = BigIntegerField(default=0)
    awake_ms = BigIntegerField(default=0)
    goal = TextField()
    goal_ms = BigIntegerField()
    counts_until_ms = BigIntegerField()
    created_ms = BigIntegerField()

    class Meta:
        table_name = "campaign_run"
        indexes = ((("campaign_id", "occasion"), True),)


class CampaignRecipient(Model):
    run_id = IntegerField()
    contact_id = IntegerField()
    state = TextField()
    variant = TextField(default="")
    list_id = IntegerField(default=0)
    due_ms = BigIntegerField()
    owner = IntegerField(null=True)
    try_number = IntegerField(default=1)
    message_id = IntegerField(null=True)
    reason = TextField(default="")
    at_ms = BigIntegerField()
    opened_ms = BigIntegerField(null=True)
    clicked_ms = BigIntegerField(null=True)
    ordered_ms = BigIntegerField(null=True)

    class Meta:
        table_name = "campaign_recipient"
        primary_key = CompositeKey("run_id", "contact_id")


class CampaignFigure(Model):
    run_id = IntegerField()
    variant = TextField()
    what = TextField()
    reason = TextField()
    people = IntegerField(default=0)

    class Meta:
        table_name = "campaign_figure"
        primary_key = CompositeKey("run_id", "variant", "what", "reason")


MODELS = (CampaignRow, CampaignVersion, CampaignRun, CampaignRecipient, CampaignFigure)

INDEXES = (
    "CREATE INDEX IF NOT EXISTS campaign_open ON campaign_run (due_ms) WHERE ended_ms IS NULL",
    "CREATE INDEX IF NOT EXISTS campaign_counting ON campaign_run (goal, counts_until_ms)",
    "CREATE INDEX IF NOT EXISTS campaign_waiting ON campaign_recipient (run_id, due_ms, contact_id)"
    " WHERE state = 'waiting'",
    "CREATE INDEX IF NOT EXISTS campaign_claimed ON campaign_recipient (owner) WHERE state = 'claimed'",
    "CREATE UNIQUE INDEX IF NOT EXISTS sending_campaign ON sending (run_id, occurrence, step) WHERE run_id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS subscription_people ON subscription (list_id, contact_id)",
)


def up(migrator, db):
    with db.bind_ctx(MODELS):
        db.create_tables(MODELS)
    whole = db.get_sql_context().state.field_types.get("INT", "INTEGER")
    db.execute_sql(f'ALTER TABLE "sending" ADD COLUMN "campaign_id" {whole}')
    db.execute_sql(f'ALTER TABLE "sending" ADD COLUMN "run_id" {whole}')
    db.execute_sql('ALTER TABLE "sending" ADD COLUMN "variant" TEXT NOT NULL DEFAULT \'\'')
    db.execute_sql("DROP INDEX subscription_list_id")
    for index in INDEXES:
        db.execute_sql(index)

"""The tables of campaigns: what was sent to whom, in which run, and where each recipient stands."""

from peewee import SQL, BigIntegerField, CompositeKey, IntegerField, Model, TextField


class CampaignRow(Model):
    name = TextField(unique=True)
    title = TextField()
    version_id = IntegerField(null=True)
    created_ms = BigIntegerField()
    next_ms = BigIntegerField(null=True, index=True)  # of one that comes again and again: when its next run is made
    next_occasion = TextField(default="")  # ... and its civil time
    against = TextField(
        default="", constraints=[SQL("DEFAULT ''")]
    )  # ... what its runs begin against: which rules, who said so and why

    class Meta:
        table_name = "campaign"


class CampaignVersion(Model):
    campaign_id = IntegerField()
    hash = TextField()  # of the file's text
    source = TextField()
    applied_ms = BigIntegerField()

    class Meta:
        table_name = "campaign_version"
        indexes = ((("campaign_id", "hash"), True),)


class CampaignRun(Model):
    """One occasion of a campaign."""

    campaign_id = IntegerField()
    version_id = IntegerField()
    occasion = TextField()  # what makes it once: a number, or the civil time of a recurrence
    parent_id = IntegerField(null=True)  # the run whose readers did not open it: this one is for them
    subject = TextField(default="")  # JSON: what stands in for the file's, by language
    state = TextField()  # engine.campaigns.states.RunState
    why = TextField(default="")
    by = TextField(default="")  # who started it
    civil = TextField(default="")  # the local time that it is for; "" is at once
    due_ms = BigIntegerField()
    began_ms = BigIntegerField(null=True)
    ended_ms = BigIntegerField(null=True)
    cursor = BigIntegerField(default=0)  # the last contact that was looked at; -1 once all were
    winner = TextField(null=True)  # a variant; "" is none; NULL until it is judged
    verdict = TextField(default="")
    judge_ms = BigIntegerField(null=True)  # when
    paced_ms = BigIntegerField(default=0)  # of a throttled one: when the next mail may be written
    awake_ms = BigIntegerField(default=0)  # when a daemon was there last
    goal = TextField()  # the event that counts ...
    goal_ms = BigIntegerField()  # how long after its delivery a mail is counted for it
    counts_until_ms = BigIntegerField()  # ... until then
    created_ms = BigIntegerField()

    class Meta:
        table_name = "campaign_run"
        indexes = ((("campaign_id", "occasion"), True),)


class CampaignRecipient(Model):
    """The ledger: one person in one run, once."""

    run_id = IntegerField()
    contact_id = IntegerField()
    state = TextField()  # engine.campaigns.states.Fate
    variant = TextField(default="")
    list_id = IntegerField(default=0)  # whose mail it is
    due_ms = BigIntegerField()
    owner = IntegerField(null=True)  # the carrier that writes it
    try_number = IntegerField(default=1)  # which mail to them; `retry` adds one
    message_id = IntegerField(null=True)
    reason = TextField(default="")
    at_ms = BigIntegerField()  # since when it stands so
    opened_ms = BigIntegerField(null=True)  # by a person
    clicked_ms = BigIntegerField(null=True)
    ordered_ms = BigIntegerField(null=True)  # the goal

    class Meta:
        table_name = "campaign_recipient"
        primary_key = CompositeKey("run_id", "contact_id")


class CampaignFigure(Model):
    """How many of a run stand where, kept by whoever moves one (engine.campaigns.figures)."""

    run_id = IntegerField()
    variant = TextField()
    what = TextField()  # a state; or opened, clicked, ordered
    reason = TextField()
    people = IntegerField(default=0)

    class Meta:
        table_name = "campaign_figure"
        primary_key = CompositeKey("run_id", "variant", "what", "reason")


TABLES = (CampaignRow, CampaignVersion, CampaignRun, CampaignRecipient, CampaignFigure)

INDEXES = (
    "CREATE INDEX IF NOT EXISTS campaign_open ON campaign_run (due_ms) WHERE ended_ms IS NULL",
    "CREATE INDEX IF NOT EXISTS campaign_counting ON campaign_run (goal, counts_until_ms)",
    "CREATE INDEX IF NOT EXISTS campaign_waiting ON campaign_recipient (run_id, due_ms, contact_id)"
    " WHERE state = 'waiting'",
    "CREATE INDEX IF NOT EXISTS campaign_claimed ON campaign_recipient (owner) WHERE state = 'claimed'",
    "CREATE UNIQUE INDEX IF NOT EXISTS sending_campaign ON sending (run_id, occurrence, step) WHERE run_id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS subscription_people ON subscription (list_id, contact_id)",
)

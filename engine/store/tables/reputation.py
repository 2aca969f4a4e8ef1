"""The tables of how our mail is taken: figures by day, and alarms."""

from peewee import BigIntegerField, CompositeKey, IntegerField, Model, TextField


class ReputationDay(Model):
    """How often something happened (deliverability.reputation.figures) on a day to mail of one kind."""

    day = IntegerField()  # days since 1970, UTC
    provider = TextField()  # of the receiving host; "other" where it is none of the known
    source = TextField()  # by which it left; "default" where there is but one
    domain = TextField()  # of From
    stream = IntegerField()
    what = TextField()
    count = BigIntegerField()
    reply = TextField()  # the last that this was counted for, addresses left out; "" where there is none
    rule = TextField()  # by which that was judged
    message_id = IntegerField(null=True)  # whose reply it was

    class Meta:
        table_name = "reputation_day"
        primary_key = CompositeKey("day", "provider", "source", "domain", "stream", "what")


class ReputationAlarm(Model):
    """A figure that reached its threshold. A row for each level that one came to."""

    rule = TextField()  # deliverability.reputation.index: complaints, hard bounces ...
    provider = TextField()  # "*" is all of them, as below
    source = TextField()
    domain = TextField()
    stream = TextField()
    level = IntegerField()  # 1 warn, 2 alarm
    count = BigIntegerField()
    total = BigIntegerField()  # of so many
    figure_ppm = BigIntegerField()  # a share, in parts of a million
    threshold_ppm = BigIntegerField()
    reply = TextField()
    judged_by = TextField()
    began_ms = BigIntegerField()
    ended_ms = BigIntegerField(null=True)
    message_id = IntegerField(null=True)

    class Meta:
        table_name = "reputation_alarm"


TABLES = (ReputationDay, ReputationAlarm)

INDEXES = (
    "CREATE UNIQUE INDEX IF NOT EXISTS reputation_alarm_open ON reputation_alarm (rule, provider, source, domain, stream)"
    " WHERE ended_ms IS NULL",
)

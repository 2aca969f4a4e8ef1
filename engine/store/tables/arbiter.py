"""The arbiter's tables: what takes a place under the caps, and what is held."""

from peewee import BigIntegerField, IntegerField, Model, TextField


class Mailed(Model):
    """A mail that somebody was sent within the longest window: what caps and distance count."""

    contact_id = IntegerField()
    message_id = IntegerField(null=True)
    at_ms = BigIntegerField()
    stream = IntegerField()
    kind = TextField()  # flow, campaign, shop
    name = TextField()  # the flow's or the campaign's
    list_id = IntegerField()

    class Meta:
        table_name = "mailed"
        indexes = ((("contact_id", "at_ms"), False),)


class HeldMail(Model):
    """A mail that the arbiter held, and what became of it."""

    kind = TextField()  # flow, campaign
    ref = IntegerField()  # the enrolment, or the campaign's recipient
    step = TextField()
    occurrence = IntegerField()
    contact_id = IntegerField()
    name = TextField()
    list_id = IntegerField()
    priority = IntegerField()
    since_ms = BigIntegerField()
    until_ms = BigIntegerField()
    best_before_ms = BigIntegerField()
    reason = TextField()  # of engine.sending.refusals.Refusal
    why = TextField()
    times = IntegerField()  # how often it was held
    ended_ms = BigIntegerField(null=True)
    ended_how = TextField(null=True)  # sent, or the word of Refusal

    class Meta:
        table_name = "held_mail"
        indexes = ((("kind", "ref", "step", "occurrence"), True),)


TABLES = (Mailed, HeldMail)

INDEXES = (
    "CREATE INDEX IF NOT EXISTS held_mail_of ON held_mail (contact_id) WHERE ended_ms IS NULL",
    "CREATE INDEX IF NOT EXISTS held_mail_old ON held_mail (best_before_ms)",
)

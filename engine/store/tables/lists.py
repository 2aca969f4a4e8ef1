"""The tables of lists: who stands where on which, who was asked, how many there are."""

from peewee import SQL, BigIntegerField, CompositeKey, IntegerField, Model, TextField


class MailingList(Model):
    name = TextField(unique=True)
    title = TextField()
    confirmation = TextField(default="double")  # double or single opt-in
    purpose = TextField(default="")  # the words a person agrees to, shown at the door and kept as evidence
    created_ms = BigIntegerField()
    settings = TextField(default="{}", constraints=[SQL("DEFAULT '{}'")])  # JSON: engine.audience.list_settings

    class Meta:
        table_name = "list"


class Subscription(Model):
    contact_id = IntegerField()
    list_id = IntegerField()
    state = TextField()  # unconfirmed, confirmed, unsubscribed
    source = TextField(default="")
    asked_ms = BigIntegerField()
    confirmed_ms = BigIntegerField(null=True)
    ended_ms = BigIntegerField(null=True)
    due_ms = BigIntegerField(null=True)  # of one that is not confirmed: when to remind, or when it is over
    expires_ms = BigIntegerField(null=True)
    reminded_ms = BigIntegerField(null=True)
    why = TextField(
        default="", constraints=[SQL("DEFAULT ''")]
    )  # it ended: left, not confirmed in time, taken off by ...; or it waits to be asked

    class Meta:
        table_name = "subscription"
        primary_key = CompositeKey("contact_id", "list_id")


class AskingRow(Model):
    """A confirmation mail that somebody's network caused, for as long as it is counted."""

    network = TextField()
    at_ms = BigIntegerField(index=True)

    class Meta:
        table_name = "asking"
        indexes = ((("network", "at_ms"), False),)


class ListFigure(Model):
    """How many subscriptions of a list stand where: kept by whoever moves one (engine.audience.figures)."""

    list_id = IntegerField()
    state = TextField()
    people = IntegerField(default=0)

    class Meta:
        table_name = "list_figure"
        primary_key = CompositeKey("list_id", "state")


class ListHour(Model):
    """How many people something happened to on a list in an hour (engine.audience.figures): what its pipeline shows."""

    list_id = IntegerField()
    hour_ms = BigIntegerField()  # the hour's beginning
    what = TextField()  # asked, confirmed, expired, left, imported
    people = IntegerField(default=0)

    class Meta:
        table_name = "list_hour"
        primary_key = CompositeKey("list_id", "hour_ms", "what")


TABLES = (AskingRow, ListFigure, ListHour)

INDEXES = (
    "CREATE INDEX IF NOT EXISTS list_hour_old ON list_hour (hour_ms)",
    "CREATE INDEX IF NOT EXISTS subscription_ask ON subscription (list_id, contact_id) WHERE why = 'to be asked'",
    "CREATE INDEX IF NOT EXISTS subscription_stand ON subscription (list_id, state, contact_id)",
)

"""The table of what came of mails that were judged (engine.sending.judgements)."""

from peewee import BigIntegerField, CompositeKey, IntegerField, Model, TextField


class Judgement(Model):
    """So many mails of one kind in one hour."""

    kind = TextField()  # flow, campaign
    name = TextField()  # the flow's or the campaign's
    part = TextField()  # the step, or the variant
    list_id = IntegerField()
    what = TextField()  # held, refused, left out
    reason = TextField()
    hour_ms = BigIntegerField(index=True)  # the hour's beginning
    mails = IntegerField()

    class Meta:
        table_name = "judgement"
        primary_key = CompositeKey("kind", "name", "part", "list_id", "what", "reason", "hour_ms")


TABLES = (Judgement,)

"""The table of addresses that bounce for now, while their bounces are counted."""

from peewee import BigIntegerField, CompositeKey, IntegerField, Model, TextField


class RepeatedBounce(Model):
    """How often mail to an address bounced with one class since some last arrived there."""

    key = TextField()  # an Address.key
    klass = TextField()  # deliverability.bounces.classify.BounceClass
    count = IntegerField()  # of deliveries
    first_ms = BigIntegerField()
    last_ms = BigIntegerField()
    said_later = IntegerField()  # 1 where one of them was taken, and reported afterwards
    arrived = IntegerField(null=True)  # the delivery that was taken since, and may yet bounce
    arrived_ms = BigIntegerField(null=True)

    class Meta:
        table_name = "repeated_bounce"
        primary_key = CompositeKey("key", "klass")


TABLES = (RepeatedBounce,)
INDEXES = ("CREATE INDEX IF NOT EXISTS repeated_bounce_time ON repeated_bounce (last_ms)",)

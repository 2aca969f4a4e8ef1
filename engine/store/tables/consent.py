"""The tables of consent and refusal: the ledger, and who is not written to."""

from peewee import BigIntegerField, CompositeKey, IntegerField, Model, TextField


class ConsentEntry(Model):
    """The chain of the consent ledger: append-only, nothing personal in it (engine.audience.ledger)."""

    seq = IntegerField(primary_key=True)  # from 1, without a gap
    at_ms = BigIntegerField()
    act = TextField()  # asked, confirmed, withdrawn
    commitment = TextField()  # hex
    previous = TextField()
    hash = TextField()

    class Meta:
        table_name = "consent_entry"


class ConsentFact(Model):
    """What an entry committed to: what was shown to whom, and how they answered. Goes when a person is erased."""

    seq = IntegerField(primary_key=True)
    contact_id = IntegerField(index=True)
    list_id = IntegerField()  # 0: all marketing mail
    act = TextField()
    message_id = IntegerField(null=True, index=True)  # the confirmation mail
    at_ms = BigIntegerField()
    salt = TextField()  # hex
    facts = TextField()  # the JSON that was committed to, octet by octet

    class Meta:
        table_name = "consent_fact"


class Suppression(Model):
    key = TextField()  # Address.key; of somebody who was erased, a salted hash of it
    reason = TextField()  # hard bounce, complaint, unsubscribe, manual, erased
    list_id = IntegerField(default=0)  # 0: whatever the list
    scope = TextField()  # all, or marketing
    evidence = TextField(default="")  # the reply, the report, the operator's words
    source = TextField(default="")  # who brought it: relay, report, web, mail, import, an operator's name
    delivery_id = IntegerField(null=True)
    at_ms = BigIntegerField()
    expires_ms = BigIntegerField(null=True)

    class Meta:
        table_name = "suppression"
        primary_key = CompositeKey("key", "reason", "list_id")


class Refusal(Model):
    """A submission's recipient that was refused because it is suppressed: recorded and visible."""

    forward_path = TextField()
    reason = TextField()
    credential = TextField()
    at_ms = BigIntegerField()

    class Meta:
        table_name = "refusal"

"""The tables of the public web: forms, surveys, preferences, recommendations, tokens."""

from peewee import BigIntegerField, CompositeKey, IntegerField, Model, TextField


class FormRow(Model):
    """What a list's form asks for beside address and name."""

    list_id = IntegerField(primary_key=True)
    fields = TextField(default="[]")  # JSON: names of declared fields, in order

    class Meta:
        table_name = "form"


class FormWording(Model):
    """What a snippet said when it was made: the evidence for everybody who signs up by it."""

    version = TextField(primary_key=True)  # SHA-256 of the wording, cut
    list_id = IntegerField()
    locale = TextField()
    wording = TextField()
    at_ms = BigIntegerField()

    class Meta:
        table_name = "form_wording"


class FormAnswer(Model):
    """What was typed into a form; it is believed when the address is confirmed."""

    contact_id = IntegerField()
    list_id = IntegerField()
    fields = TextField()  # JSON
    at_ms = BigIntegerField()

    class Meta:
        table_name = "form_answer"
        primary_key = CompositeKey("contact_id", "list_id")


class Preference(Model):
    """What a person asked of us beside their subscriptions."""

    contact_id = IntegerField(primary_key=True)
    pace = TextField(default="")  # at most so many marketing mails in so many days: 1/7; "": as they come

    class Meta:
        table_name = "preference"


class Survey(Model):
    """A question that mails ask."""

    name = TextField(primary_key=True)
    code = BigIntegerField(unique=True)  # stands for the name in tokens
    kind = TextField()  # scale, stars, choice
    question = TextField(default="")  # where no catalogue has one
    choices = TextField(default="[]")  # JSON
    field = TextField(default="")  # the declared field that keeps the last answer
    created_ms = BigIntegerField()

    class Meta:
        table_name = "survey"


class Referral(Model):
    """Who recommended us to whom: once for each friend."""

    friend_id = IntegerField(primary_key=True)
    referrer_id = IntegerField(index=True)
    list_id = IntegerField()
    at_ms = BigIntegerField()
    counted_ms = BigIntegerField(null=True)  # when the friend confirmed

    class Meta:
        table_name = "referral"


class ApiToken(Model):
    """Who may use the HTTP interface, and for what."""

    name = TextField(primary_key=True)
    hash = TextField(unique=True)  # SHA-256 of 160 random bits
    scopes = TextField()  # events, contacts; comma-separated
    rate = IntegerField()  # requests a minute
    created_ms = BigIntegerField()

    class Meta:
        table_name = "api_token"


class ApiAnswer(Model):
    """What a request with an Idempotency-Key was answered."""

    token = TextField()
    key = TextField()
    request = TextField()  # SHA-256 of what was asked
    answer = TextField()
    code = IntegerField()
    at_ms = BigIntegerField(index=True)

    class Meta:
        table_name = "api_answer"
        primary_key = CompositeKey("token", "key")

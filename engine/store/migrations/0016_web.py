"""The public web: forms and what was typed there, preferences, surveys, recommendations, tokens of the API."""

from peewee import BigIntegerField, CompositeKey, IntegerField, Model, TextField


class Form(Model):
    list_id = IntegerField(primary_key=True)
    fields = TextField(default="[]")

    class Meta:
        table_name = "form"


class FormWording(Model):
    version = TextField(primary_key=True)
    list_id = IntegerField()
    locale = TextField()
    wording = TextField()
    at_ms = BigIntegerField()

    class Meta:
        table_name = "form_wording"


class FormAnswer(Model):
    contact_id = IntegerField()
    list_id = IntegerField()
    fields = TextField()
    at_ms = BigIntegerField()

    class Meta:
        table_name = "form_answer"
        primary_key = CompositeKey("contact_id", "list_id")


class Preference(Model):
    contact_id = IntegerField(primary_key=True)
    pace = TextField(default="")

    class Meta:
        table_name = "preference"


class Survey(Model):
    name = TextField(primary_key=True)
    code = BigIntegerField(unique=True)
    kind = TextField()
    question = TextField(default="")
    choices = TextField(default="[]")
    field = TextField(default="")
    created_ms = BigIntegerField()

    class Meta:
        table_name = "survey"


class Referral(Model):
    friend_id = IntegerField(primary_key=True)
    referrer_id = IntegerField(index=True)
    list_id = IntegerField()
    at_ms = BigIntegerField()
    counted_ms = BigIntegerField(null=True)

    class Meta:
        table_name = "referral"


class ApiToken(Model):
    name = TextField(primary_key=True)
    hash = TextField(unique=True)
    scopes = TextField()
    rate = IntegerField()
    created_ms = BigIntegerField()

    class Meta:
        table_name = "api_token"


class ApiAnswer(Model):
    token = TextField()
    key = TextField()
    request = TextField()
    answer = TextField()
    code = IntegerField()
    at_ms = BigIntegerField(index=True)

    class Meta:
        table_name = "api_answer"
        primary_key = CompositeKey("token", "key")


TABLES = (Form, FormWording, FormAnswer, Preference, Survey, Referral, ApiToken, ApiAnswer)


def up(migrator, db):
    with db.bind_ctx(TABLES):
        db.create_tables(TABLES)

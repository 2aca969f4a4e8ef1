"""MTA-STS policies, sites whose TLS does not work, and how the TLS of each day's sessions came out."""

from peewee import BigIntegerField, CompositeKey, IntegerField, Model, TextField


class StsPolicy(Model):
    domain = TextField(primary_key=True)
    policy_id = TextField()
    policy = TextField()
    fetched_ms = BigIntegerField()
    expires_ms = BigIntegerField(index=True)
    used_ms = BigIntegerField()

    class Meta:
        table_name = "sts_policy"


class TlsTrouble(Model):
    site = TextField(primary_key=True)
    until_ms = BigIntegerField()
    why = TextField()

    class Meta:
        table_name = "tls_trouble"


class TlsResult(Model):
    day = IntegerField()
    domain = TextField()
    kind = TextField()
    policy_id = TextField()
    result = TextField()
    host = TextField()
    address = TextField()
    source = TextField()
    sessions = IntegerField()
    policy = TextField()
    detail = TextField()

    class Meta:
        table_name = "tls_result"
        primary_key = CompositeKey("day", "domain", "kind", "policy_id", "result", "host", "address", "source")


TABLES = (StsPolicy, TlsTrouble, TlsResult)


def up(migrator, db):
    with db.bind_ctx(TABLES):
        db.create_tables(TABLES)

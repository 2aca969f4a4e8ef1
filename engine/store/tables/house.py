"""The tables of the installation itself: facts about it, events, keys, credentials, what came back."""

from peewee import SQL, BigIntegerField, BlobField, CompositeKey, IntegerField, Model, TextField


class Meta(Model):
    """Facts about the installation: the lab's clock offset, generations that tell processes to read again."""

    key = TextField(primary_key=True)
    value = TextField()

    class Meta:
        table_name = "meta"


class EventRow(Model):
    name = TextField()
    contact_id = IntegerField(null=True)
    key = TextField(default="")
    data = TextField(default="{}")
    source = TextField()  # header, markup, extractor, address, command, http, relay, engine
    idempotency_key = TextField(null=True, unique=True)
    message_id = IntegerField(null=True)  # the mail it was read out of
    at_ms = BigIntegerField()
    matched = IntegerField(default=0)  # 1 once every flow has looked at it
    chain = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])  # how many runs led to it: engine.running.chains

    class Meta:
        table_name = "event"
        indexes = ((("contact_id", "name", "at_ms"), False),)


class Inbound(Model):
    """A mail from outside, kept with what was concluded from it."""

    reverse_path = TextField()
    forward_path = TextField()
    content = BlobField()
    verdict = TextField(default="")
    delivery_id = IntegerField(null=True)
    at_ms = BigIntegerField()

    class Meta:
        table_name = "inbound"


class DkimKey(Model):
    domain = TextField()
    selector = TextField()
    algorithm = TextField()  # rsa-sha256, ed25519-sha256
    file = TextField()  # below the keys' folder
    state = TextField(default="active")  # engine.keys.KeyState
    created_ms = BigIntegerField()
    since_ms = BigIntegerField(default=0, constraints=[SQL("DEFAULT 0")])  # when its state began
    ttl_s = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])  # of its record, as name servers said last

    class Meta:
        table_name = "dkim_key"
        primary_key = CompositeKey("domain", "selector")


class Credential(Model):
    """Who may submit mail with a password, and what it may send."""

    name = TextField(primary_key=True)
    hash = TextField()  # argon2id, with its salt and parameters
    domains = TextField(default="")  # for From: and the reverse-path, comma-separated; "" is any
    stream = IntegerField(null=True)  # NULL: what the mail says
    rate = IntegerField(default=0)  # deliveries a minute; 0 is no limit
    max_size = IntegerField(default=0)  # octets; 0 is the door's own limit
    dsn = IntegerField(default=1)  # whether failures are reported to the reverse-path
    spent_until_ms = BigIntegerField(default=0)  # when the rate's allowance will be whole again
    created_ms = BigIntegerField()

    class Meta:
        table_name = "credential"


class Spooled(Model):
    """A file of the spool whose message was taken on; until the file is gone for good, so that it is taken on once."""

    key = TextField(primary_key=True)  # the file's name
    message_id = IntegerField()
    at_ms = BigIntegerField()

    class Meta:
        table_name = "spooled"


class Writer(Model):
    """A thread that commits on PostgreSQL, and the number of its last group: what became of a commit whose answer was
    lost is read here."""

    token = TextField(primary_key=True)
    commits = BigIntegerField()
    at_ms = BigIntegerField()

    class Meta:
        table_name = "writer"

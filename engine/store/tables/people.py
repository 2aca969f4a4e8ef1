"""The tables of people: contacts, those who were, their fields and tags."""

from peewee import SQL, BigIntegerField, CompositeKey, IntegerField, Model, TextField

from engine.store.tables.ids import IdOnce


class Contact(Model):
    id = IdOnce()
    key = TextField(unique=True)  # Address.key: what two spellings of one mailbox share
    address = TextField()
    name = TextField(default="")
    locale = TextField(default="")  # BCP 47; "" takes the installation's
    zone = TextField(default="")  # IANA; "" takes the installation's
    fields = TextField(default="{}")  # JSON: values of declared fields (engine.audience.fields)
    created_ms = BigIntegerField()
    external_id = TextField(null=True)  # what the shop calls this person
    birthday = TextField(default="", constraints=[SQL("DEFAULT ''")])  # 1990-03-31, or --03-31 without the year
    source = TextField(default="", constraints=[SQL("DEFAULT ''")])  # how the address came to us
    orders = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    spent = BigIntegerField(default=0, constraints=[SQL("DEFAULT 0")])  # hundredths, whatever the currency
    first_order_ms = BigIntegerField(null=True)
    last_order_ms = BigIntegerField(null=True)
    opened_ms = BigIntegerField(null=True)  # what a person did last: engine.audience.engagement
    clicked_ms = BigIntegerField(null=True)
    replied_ms = BigIntegerField(null=True)
    visited_ms = BigIntegerField(null=True)
    engaged_ms = BigIntegerField(null=True)  # any of these, or an order
    opens = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    clicks = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    replies = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    visits = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])

    class Meta:
        table_name = "contact"


class FormerContact(Model):
    """A contact that is no more: its id stays taken, since links with it are out (engine.audience.former)."""

    contact_id = IntegerField(primary_key=True)
    into_id = IntegerField(null=True, index=True)  # what it was merged into; NULL: erased
    address = TextField(default="")  # "" of who was erased

    class Meta:
        table_name = "former_contact"


class FieldRow(Model):
    """A declared custom field of contacts."""

    name = TextField(primary_key=True)
    kind = TextField()  # text, number, date, yes-no, choice
    title = TextField(default="")
    choices = TextField(default="[]")  # JSON
    created_ms = BigIntegerField()

    class Meta:
        table_name = "field"


class Tag(Model):
    contact_id = IntegerField()
    tag = TextField()
    at_ms = BigIntegerField()

    class Meta:
        table_name = "tag"
        primary_key = CompositeKey("contact_id", "tag")

"""Parcels: how far each is, so that a status counts once."""

from peewee import BigIntegerField, IntegerField, Model, TextField


class Parcel(Model):
    key = TextField(primary_key=True)
    contact_id = IntegerField(null=True, index=True)
    state = TextField(default="")
    out_ms = BigIntegerField(null=True)
    changed_ms = BigIntegerField()

    class Meta:
        table_name = "parcel"


def up(migrator, db):
    with db.bind_ctx([Parcel]):
        db.create_tables([Parcel])

"""Segments: their members, who came and went, and when somebody is looked at again."""

from peewee import BigIntegerField, CompositeKey, IntegerField, Model, TextField


class SegmentRow(Model):
    name = TextField(unique=True)
    title = TextField()
    expression = TextField()
    members = IntegerField(default=0)
    created_ms = BigIntegerField()
    changed_ms = BigIntegerField()
    wanted_ms = BigIntegerField()
    looked_ms = BigIntegerField(null=True)
    built_ms = BigIntegerField(null=True)
    removed = IntegerField(default=0)

    class Meta:
        table_name = "segment"


class SegmentMember(Model):
    segment_id = IntegerField()
    contact_id = IntegerField(index=True)
    since_ms = BigIntegerField()

    class Meta:
        table_name = "segment_member"
        primary_key = CompositeKey("segment_id", "contact_id")


class SegmentChange(Model):
    segment_id = IntegerField()
    contact_id = IntegerField(index=True)
    entered = IntegerField()
    cause = TextField()
    at_ms = BigIntegerField()

    class Meta:
        table_name = "segment_change"
        indexes = ((("segment_id", "at_ms"), False),)


class SegmentDue(Model):
    segment_id = IntegerField()
    contact_id = IntegerField(index=True)
    due_ms = BigIntegerField(index=True)

    class Meta:
        table_name = "segment_due"
        primary_key = CompositeKey("segment_id", "contact_id")


TABLES = (SegmentRow, SegmentMember, SegmentChange, SegmentDue)


def up(migrator, db):
    with db.bind_ctx(TABLES):
        db.create_tables(TABLES)
    db.execute_sql("CREATE INDEX IF NOT EXISTS tag_contacts ON tag (tag, contact_id)")

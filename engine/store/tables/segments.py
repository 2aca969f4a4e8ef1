"""The tables of segments: what is asked, whom it holds for, who came and went."""

from peewee import BigIntegerField, CompositeKey, IntegerField, Model, TextField

from engine.store.tables.ids import IdOnce


class SegmentRow(Model):
    """A stored question: whoever its expression holds for is a member (engine.segments)."""

    id = IdOnce()
    name = TextField(unique=True)
    title = TextField()
    expression = TextField()
    members = IntegerField(default=0)  # kept by whoever moves somebody
    created_ms = BigIntegerField()
    changed_ms = BigIntegerField()  # when its expression was last changed
    wanted_ms = BigIntegerField()  # since when a look at everybody is wanted
    looked_ms = BigIntegerField(null=True)  # when the last whole look with this expression began
    built_ms = BigIntegerField(null=True)  # since when its history is kept
    removed = IntegerField(default=0)  # its rows are being cleared away

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
    """Who came and went: the history that two days are compared by."""

    segment_id = IntegerField()
    contact_id = IntegerField(index=True)
    entered = IntegerField()
    cause = TextField()  # an event's name, time, look, defined
    at_ms = BigIntegerField()

    class Meta:
        table_name = "segment_change"
        indexes = ((("segment_id", "at_ms"), False),)


class SegmentDue(Model):
    """When a contact is looked at again because time alone may change where it stands."""

    segment_id = IntegerField()
    contact_id = IntegerField(index=True)
    due_ms = BigIntegerField(index=True)

    class Meta:
        table_name = "segment_due"
        primary_key = CompositeKey("segment_id", "contact_id")

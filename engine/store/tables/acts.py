"""The table of acts: what operators did, and how it is undone (engine.acts)."""

from peewee import BigIntegerField, IntegerField, Model, TextField

from engine.store.tables.ids import IdOnce


class ActRow(Model):
    """One act of an operator, by the control socket or by a command beside the daemon."""

    id = IdOnce()
    at_ms = BigIntegerField(index=True)  # when it was begun
    ended_ms = BigIntegerField(null=True)  # when it was done; NULL: under way, or the daemon died meanwhile
    user = TextField(column_name="peer")  # the user of the system who asked: the kernel vouches for it
    operator = TextField()  # in whose name, as the request said
    path = TextField()  # the command of the socket, or "posthouse ..." of one beside the daemon
    about = TextField(index=True)  # whom or what it was done to; "" where that was left out
    told = TextField()  # JSON: the request, without secrets and long texts
    done = TextField()  # what was done, in words
    inverse = TextField()  # JSON: the command that undoes it, path and body; "": there is none
    final = TextField()  # why there is none
    undo_until_ms = BigIntegerField(null=True)  # until when it can be undone; NULL: for as long as it is known
    undoes = IntegerField(null=True)  # the act that this one undid
    undone_by = IntegerField(null=True)  # the act that undid this one, or is about to

    class Meta:
        table_name = "act"
        indexes = ((("user", "id"), False),)


TABLES = (ActRow,)

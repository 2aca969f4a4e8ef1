"""How rows are numbered."""

from typing import Any

from peewee import SQL, AutoField, NodeList


class IdOnce(AutoField):
    """An id that is never given again, for rows that can be deleted: SQLite gives the highest again without AUTOINCREMENT,
    PostgreSQL's sequences never do."""

    def ddl(self, ctx: Any) -> Any:
        made = super().ddl(ctx)
        is_sqlite = ctx.state.field_types["AUTO"] == "INTEGER"
        return NodeList((made, SQL("AUTOINCREMENT"))) if is_sqlite else made

"""The little that SQLite and PostgreSQL say in different words: what a JSON column holds, days, order of texts.

Every method gives SQL over the SQL that it is given; each `?` in what reads a key is for the key's `path`: a key is a
value, never a part of the text. `is_sure` says that nothing else than what is asked for can be under the key.
"""

from typing import Final, Protocol


class Dialect(Protocol):
    """One database's words."""

    collate: str  # after a text that is compared by its order: by code point
    size: str  # a SELECT of how many octets the database takes

    def number(self, column: str, *, is_sure: bool = False) -> str:
        """The number under a key of a JSON object in `column`; NULL for anything else."""

    def text(self, column: str, *, is_sure: bool = False) -> str:
        """The text under a key."""

    def truth(self, column: str, *, is_sure: bool = False) -> str:
        """1 or 0 for true and false."""

    def path(self, key: str) -> str:
        """What is bound for a key of letters, digits, - and _."""

    def day(self, text: str) -> str:
        """Days since 1970 of a date in ISO 8601."""

    def floor(self, value: str) -> str:
        """The whole number below a binary fraction."""

    def lines(self, column: str) -> str:
        """A FROM item `line` with a row for each record of the list `lines` of a JSON object."""

    def line_text(self) -> str:
        """The text under a key of such a row."""

    def plan(self, sql: str) -> str:
        """The statement that tells how this one would be answered."""


class Sqlite:
    collate = ""
    size = "SELECT c.page_count * s.page_size FROM pragma_page_count() AS c, pragma_page_size() AS s"

    def number(self, column: str, *, is_sure: bool = False) -> str:
        if is_sure:
            return f"json_extract({column}, ?)"
        return f"CASE WHEN json_type({column}, ?) IN ('integer', 'real') THEN json_extract({column}, ?) END"

    def text(self, column: str, *, is_sure: bool = False) -> str:
        if is_sure:
            return f"json_extract({column}, ?)"
        return f"CASE WHEN json_type({column}, ?) = 'text' THEN json_extract({column}, ?) END"

    def truth(self, column: str, *, is_sure: bool = False) -> str:
        if is_sure:
            return f"json_extract({column}, ?)"
        return f"CASE json_type({column}, ?) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END"

    def path(self, key: str) -> str:
        return f'$."{key}"'

    def day(self, text: str) -> str:
        return f"CAST(julianday({text}) - 2440587.5 AS INTEGER)"

    def floor(self, value: str) -> str:
        return f"(CAST({value} AS INTEGER) - ({value} < CAST({value} AS INTEGER)))"

    def lines(self, column: str) -> str:
        is_list = f"json_type({column}, '$.lines') = 'array'"
        return f"json_each(CASE WHEN {is_list} THEN json_extract({column}, '$.lines') ELSE '[]' END) line"

    def line_text(self) -> str:
        value = "CASE WHEN line.type = 'object' THEN line.value ELSE '{}' END"
        return f"CASE WHEN json_type({value}, ?) = 'text' THEN json_extract({value}, ?) END"

    def plan(self, sql: str) -> str:
        return f"EXPLAIN QUERY PLAN {sql}"


class Postgres:
    collate = ' COLLATE "C"'
    size = "SELECT pg_database_size(current_database())"

    def number(self, column: str, *, is_sure: bool = False) -> str:
        json = f"CAST({column} AS jsonb)"
        return (
            f"CASE WHEN jsonb_typeof({json} -> CAST(? AS TEXT)) = 'number'"
            f" THEN CAST({json} ->> CAST(? AS TEXT) AS DOUBLE PRECISION) END"
        )

    def text(self, column: str, *, is_sure: bool = False) -> str:
        json = f"CAST({column} AS jsonb)"
        return f"CASE WHEN jsonb_typeof({json} -> CAST(? AS TEXT)) = 'string' THEN {json} ->> CAST(? AS TEXT) END"

    def truth(self, column: str, *, is_sure: bool = False) -> str:
        found = f"CAST({column} AS jsonb) -> CAST(? AS TEXT)"
        return f"CASE {found} WHEN CAST('true' AS jsonb) THEN 1 WHEN CAST('false' AS jsonb) THEN 0 END"

    def path(self, key: str) -> str:
        return key

    def day(self, text: str) -> str:
        return f"(CAST({text} AS DATE) - DATE '1970-01-01')"

    def floor(self, value: str) -> str:
        return f"floor({value})"

    def lines(self, column: str) -> str:
        found = f"CAST({column} AS jsonb) -> 'lines'"
        return (
            f"jsonb_array_elements(CASE WHEN jsonb_typeof({found}) = 'array' THEN {found} ELSE '[]' END) AS line(value)"
        )

    def line_text(self) -> str:
        return (
            "CASE WHEN jsonb_typeof(line.value -> CAST(? AS TEXT)) = 'string' THEN line.value ->> CAST(? AS TEXT) END"
        )

    def plan(self, sql: str) -> str:
        return f"EXPLAIN {sql}"


DIALECTS: Final[dict[str, Dialect]] = {"sqlite": Sqlite(), "postgresql": Postgres()}

"""The tables as their models describe them: what it takes to read or write all of their rows, whatever they are about."""

from collections.abc import Iterable
from dataclasses import dataclass

from peewee import BlobField, Model

from engine.store import tables
from mta.queue import tables as queue_tables


@dataclass(frozen=True, slots=True)
class Shape:
    """A table: its columns in order, its key, and the columns that hold octets."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    octets: tuple[str, ...] = ()

    @property
    def has_ids(self) -> bool:
        """Whether the database gives its ids."""
        return self.key == ("id",)


def shapes_of(models: Iterable[type[Model]]) -> list[Shape]:
    """The tables of these models, by name."""
    return sorted(map(_shape, models), key=lambda each: each.name)


def all_shapes() -> list[Shape]:
    """Every table of the schema, the relay's and the engine's, by name."""
    return shapes_of((*queue_tables.TABLES, *tables.TABLES))


def _shape(model: type[Model]) -> Shape:
    meta = model._meta
    columns = tuple(each.column_name for each in meta.sorted_fields)
    key = tuple(each.column_name for each in meta.get_primary_keys())  # type: ignore[no-untyped-call]
    octets = tuple(each.column_name for each in meta.sorted_fields if isinstance(each, BlobField))
    return Shape(meta.table_name, columns, key, octets)

"""More about contacts: the shop's id, birthday, source, counters of orders; declared fields."""

import json
from decimal import Decimal, InvalidOperation

from peewee import BigIntegerField, Model, TextField


class Field(Model):
    name = TextField(primary_key=True)
    kind = TextField()
    title = TextField(default="")
    choices = TextField(default="[]")
    created_ms = BigIntegerField()

    class Meta:
        table_name = "field"


def up(migrator, db):
    types = db.get_sql_context().state.field_types
    small, big = types.get("INT", "INTEGER"), types.get("BIGINT", "INTEGER")
    with db.bind_ctx([Field]):
        db.create_tables([Field])
    for column in (
        '"external_id" TEXT',
        "\"birthday\" TEXT NOT NULL DEFAULT ''",
        "\"source\" TEXT NOT NULL DEFAULT ''",
        f'"orders" {small} NOT NULL DEFAULT 0',
        f'"spent" {big} NOT NULL DEFAULT 0',
        f'"first_order_ms" {big}',
        f'"last_order_ms" {big}',
    ):
        db.execute_sql(f'ALTER TABLE "contact" ADD COLUMN {column}')
    db.execute_sql(
        "CREATE UNIQUE INDEX IF NOT EXISTS contact_external ON contact (external_id) WHERE external_id IS NOT NULL"
    )
    mark = db.param
    counted = {}
    rows = db.execute_sql(
        "SELECT contact_id, data, at_ms FROM event WHERE name = 'order.placed' AND contact_id IS NOT NULL ORDER BY at_ms"
    )
    for contact_id, data, at_ms in rows.fetchall():
        count, spent, first, _ = counted.get(contact_id, (0, 0, at_ms, at_ms))
        counted[contact_id] = (count + 1, spent + _hundredths(json.loads(data)), first, at_ms)
    for contact_id, figures in counted.items():
        db.execute_sql(
            f"UPDATE contact SET orders = {mark}, spent = {mark}, first_order_ms = {mark}, last_order_ms = {mark}"
            f" WHERE id = {mark}",
            (*figures, contact_id),
        )


def _hundredths(data):
    try:
        amount = Decimal(str(data.get("total"))) if isinstance(data, dict) else Decimal(0)
    except InvalidOperation:
        return 0
    return round(amount * 100) if amount.is_finite() and abs(amount) < Decimal(10) ** 15 else 0

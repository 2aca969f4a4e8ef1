"""Products, and what is ordered together."""

from peewee import BigIntegerField, CompositeKey, IntegerField, Model, TextField


class ProductRow(Model):
    sku = TextField(primary_key=True)
    name = TextField(default="")
    price = BigIntegerField(null=True)
    currency = TextField(default="")
    stock = IntegerField(null=True)
    low = IntegerField(default=5)
    url = TextField(default="")
    image = TextField(default="")
    kin = TextField(default="", index=True)
    changed_ms = BigIntegerField()

    class Meta:
        table_name = "product"


class ProductSale(Model):
    sku = TextField(primary_key=True)
    orders = IntegerField(default=0)

    class Meta:
        table_name = "product_sale"


class ProductPair(Model):
    one = TextField()
    other = TextField()
    together = IntegerField(default=0)
    standing = TextField(default="")

    class Meta:
        table_name = "product_pair"
        primary_key = CompositeKey("one", "other")


TABLES = (ProductRow, ProductSale, ProductPair)


def up(migrator, db):
    with db.bind_ctx(TABLES):
        db.create_tables(TABLES)
    db.execute_sql("CREATE INDEX IF NOT EXISTS pair_one ON product_pair (one, together)")
    db.execute_sql("CREATE INDEX IF NOT EXISTS pair_other ON product_pair (other, together)")
    db.execute_sql("CREATE INDEX IF NOT EXISTS pair_told ON product_pair (one, other) WHERE standing <> ''")
    db.execute_sql("CREATE INDEX IF NOT EXISTS pair_told_of ON product_pair (other) WHERE standing <> ''")

"""The catalogue's tables: coupons, parcels, products and their pairs."""

from peewee import SQL, BigIntegerField, CompositeKey, IntegerField, Model, TextField


class CouponPool(Model):
    """Where a flow's coupons come from: codes that were loaded, or a pattern by which they are made."""

    name = TextField(primary_key=True)
    pattern = TextField(default="")  # "" for a pool of loaded codes
    secret = TextField(default="")  # hex; what codes by a pattern are made with
    expires = TextField(default="")  # how long a code is good for once it was given: engine.flow.civil.Span
    low = IntegerField(default=0)  # warn when fewer are left
    once = IntegerField(default=0)  # 1: a person gets one code of this pool, ever
    told = TextField(default="")  # what was last said of it: low, empty, or nothing
    created_ms = BigIntegerField()

    class Meta:
        table_name = "coupon_pool"


class Coupon(Model):
    """One code, and what became of it."""

    pool = TextField()
    code = TextField()
    lookup = TextField(unique=True)  # how codes are compared: engine.catalogue.codes.lookup
    state = TextField(default="free")  # engine.catalogue.pools.CouponState
    until_ms = BigIntegerField(null=True)  # when the shop stops taking it, whoever has it
    contact_id = IntegerField(null=True)  # to whom it was given
    key = TextField(default="", constraints=[SQL("DEFAULT ''")])  # for which run
    given_ms = BigIntegerField(null=True)
    expires_ms = BigIntegerField(null=True)
    redeemed_ms = BigIntegerField(null=True)
    order_number = TextField(default="", constraints=[SQL("DEFAULT ''")])

    class Meta:
        table_name = "coupon"


class Parcel(Model):
    """How far a parcel is, as far as anybody told us."""

    key = TextField(primary_key=True)  # engine.catalogue.parcels.key_of
    contact_id = IntegerField(null=True, index=True)
    state = TextField(default="")  # the last word of parcel.*; "" while only its number is known
    out_ms = BigIntegerField(null=True)  # when it last went out for delivery
    changed_ms = BigIntegerField()

    class Meta:
        table_name = "parcel"


class ProductRow(Model):
    """What a shop sells."""

    sku = TextField(primary_key=True)
    name = TextField(default="")
    price = BigIntegerField(null=True)  # hundredths
    currency = TextField(default="")
    stock = IntegerField(null=True)  # NULL: nobody counts
    low = IntegerField(default=5)
    url = TextField(default="")
    image = TextField(default="")
    kin = TextField(default="", index=True)  # the group that it goes with
    changed_ms = BigIntegerField()

    class Meta:
        table_name = "product"


class ProductSale(Model):
    """How many orders a product was in: engine.catalogue.pairs."""

    sku = TextField(primary_key=True)
    orders = IntegerField(default=0)

    class Meta:
        table_name = "product_sale"


class ProductPair(Model):
    """Two products, the lesser SKU first: how many orders had both, and what people say of it."""

    one = TextField()
    other = TextField()
    together = IntegerField(default=0)
    standing = TextField(default="")  # engine.catalogue.pairs.Standing

    class Meta:
        table_name = "product_pair"
        primary_key = CompositeKey("one", "other")


TABLES = (CouponPool, Coupon, Parcel, ProductRow, ProductSale, ProductPair)

INDEXES = (
    "CREATE INDEX IF NOT EXISTS coupon_free ON coupon (pool, id) WHERE state = 'free'",
    "CREATE INDEX IF NOT EXISTS coupon_until ON coupon (until_ms) WHERE state = 'free' AND until_ms IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS coupon_reserved ON coupon (id) WHERE state = 'reserved'",
    "CREATE INDEX IF NOT EXISTS coupon_given ON coupon (contact_id, pool) WHERE contact_id IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS pair_one ON product_pair (one, together)",
    "CREATE INDEX IF NOT EXISTS pair_other ON product_pair (other, together)",
    "CREATE INDEX IF NOT EXISTS pair_told ON product_pair (one, other) WHERE standing <> ''",
    "CREATE INDEX IF NOT EXISTS pair_told_of ON product_pair (other) WHERE standing <> ''",
)

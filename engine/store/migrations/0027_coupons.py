"""Coupons: pools of codes, and to whom each code was given."""

from peewee import SQL, BigIntegerField, IntegerField, Model, TextField


class CouponPool(Model):
    name = TextField(primary_key=True)
    pattern = TextField(default="")
    secret = TextField(default="")
    expires = TextField(default="")
    low = IntegerField(default=0)
    once = IntegerField(default=0)
    told = TextField(default="")
    created_ms = BigIntegerField()

    class Meta:
        table_name = "coupon_pool"


class Coupon(Model):
    pool = TextField()
    code = TextField()
    lookup = TextField(unique=True)
    state = TextField(default="free")
    until_ms = BigIntegerField(null=True)
    contact_id = IntegerField(null=True)
    key = TextField(default="", constraints=[SQL("DEFAULT ''")])
    given_ms = BigIntegerField(null=True)
    expires_ms = BigIntegerField(null=True)
    redeemed_ms = BigIntegerField(null=True)
    order_number = TextField(default="", constraints=[SQL("DEFAULT ''")])

    class Meta:
        table_name = "coupon"


TABLES = (CouponPool, Coupon)


def up(migrator, db):
    with db.bind_ctx(TABLES):
        db.create_tables(TABLES)
    db.execute_sql("CREATE INDEX IF NOT EXISTS coupon_free ON coupon (pool, id) WHERE state = 'free'")
    db.execute_sql(
        "CREATE INDEX IF NOT EXISTS coupon_until ON coupon (until_ms) WHERE state = 'free' AND until_ms IS NOT NULL"
    )
    db.execute_sql("CREATE INDEX IF NOT EXISTS coupon_given ON coupon (contact_id, pool) WHERE contact_id IS NOT NULL")

"""An index of coupons that are set aside for runs that told nobody of them yet."""


def up(migrator, db):
    db.execute_sql("CREATE INDEX IF NOT EXISTS coupon_reserved ON coupon (id) WHERE state = 'reserved'")

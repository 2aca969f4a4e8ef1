"""How many of what, in words: "1 delivery", "12,431 deliveries". Pure; for the daemon's answers and for what shows them."""


def counted(count: int, one: str, many: str = "") -> str:
    """`one` and `many` may bring their verb along: "key signs", "keys sign". Without `many` an s makes it."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def deliveries(count: int) -> str:
    return counted(count, "delivery", "deliveries")


def people(count: int) -> str:
    return counted(count, "person", "people")

"""What the body of a command says, read into values; a Refusal for what makes no sense."""

from typing import Any

from deliverability.address import Address, AddressError
from deliverability.text import clean
from engine.audience.contacts import find_contact
from engine.control.refusal import Refusal
from mta.ports import Tx

BY_MAX = 60


def text(body: dict[str, Any], key: str, default: str | None = None) -> str:
    value = body.get(key, default)
    if not isinstance(value, str):
        raise Refusal(f"{key} is missing, or no text")
    return value


def reason(body: dict[str, Any]) -> str:
    """Why: it is kept with what is done."""
    why = clean(text(body, "why", "")).strip()
    if not why:
        raise Refusal("a reason is needed", "say why with --why")
    return why[:300]


def by(body: dict[str, Any]) -> str:
    """Who."""
    return clean(text(body, "by", "")).strip()[:BY_MAX] or "somebody"


def address(body: dict[str, Any], key: str = "address") -> Address:
    return parsed(text(body, key), key)


def contacts(tx: Tx, body: dict[str, Any]) -> list[int]:
    """Of `address`, or of `contacts` (their numbers); none where the body names neither. A Refusal for who is unknown."""
    if body.get("address"):
        whom = address(body)
        found = find_contact(tx, whom)
        if found is None:
            raise Refusal(f"nobody is known as {whom}", "nothing was changed", 404)
        return [found]
    return list(dict.fromkeys(body.get("contacts", ())))


def parsed(value: str, key: str) -> Address:
    try:
        return Address.parse(value)
    except AddressError as err:
        raise Refusal(f"{key}: {err}") from None

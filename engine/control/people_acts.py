"""What an operator does to people over the control socket: writes them down, changes, tags, merges and forgets them."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from deliverability.address import Address
from engine.acts import keeping
from engine.audience import dossier, fields, suppression
from engine.audience.contacts import (
    Change,
    ContactError,
    UnknownContact,
    change,
    contact_facts,
    ensure_contact,
    find_contact,
    tidy_tag,
)
from engine.audience.fields import Field, FieldError, Kind
from engine.audience.ledger import SALT_OCTETS
from engine.control import said
from engine.control.protocol.acts import Done
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.counts import counted, people
from engine.house import House
from engine.reputation import forgetting
from engine.store.many import in_list
from mta.ports import Tx
from mta.queue import erasing
from mta.queue.operating import By

TOLD: Final = ("name", "locale", "zone", "birthday", "external_id")
PEOPLE_MOST: Final = 500
CHUNK: Final = 20  # people, or deliveries, in one commit


async def add(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Write somebody down. It is no consent."""
    address, now = said.address(body), house.clock.now()
    if not said.text(body, "source", "").strip():
        raise Refusal("source says how the address came to you", "such as inquiry, call, fair")
    told = _change(body, source=said.text(body, "source"))

    def work(tx: Tx) -> tuple[int, bool] | None:
        if find_contact(tx, address) is not None:
            return None
        contact_id = ensure_contact(tx, address, now=now)
        change(tx, contact_id, told, now)
        return contact_id, suppression.was_erased(tx, address.key)

    made = await _written(house, work)
    if made is None:
        raise Refusal(f"{address} is known already", f"`posthouse contact set {address}` changes what is kept", 409)
    return Done(f"{address} is written down" + (f"; {suppression.BACK}" if made[1] else ""), {"contact": made[0]})


async def set_values(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Change what is kept about somebody. An empty value takes it away."""
    address, now, told = said.address(body), house.clock.now(), _change(body)

    def work(tx: Tx) -> dict[str, Any]:
        contact_id = _known(tx, address)
        before = contact_facts(tx, contact_id)
        change(tx, contact_id, told, now)
        return before

    before = await _written(house, work)
    back: dict[str, Any] = {name: before[name] for name in TOLD if name in body}
    if told.fields:
        back["fields"] = {name: _typed(before["fields"].get(name)) for name in told.fields}
    had = set(before["tags"])
    back |= {"tags": sorted(told.untags & had)} if told.untags & had else {}
    back |= {"untags": sorted(told.tags - had)} if told.tags - had else {}
    undo = {"path": "people/set", "body": {"address": str(address), **back}}
    return Done(f"{address} is changed", {"undo": undo})


async def tag(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Pin a tag to several people, or take it from them."""
    ids, now = await house.store.read(lambda tx: said.contacts(tx, body)), house.clock.now()
    if not ids or len(ids) > PEOPLE_MOST:
        raise Refusal(f"name an address, or from 1 to {PEOPLE_MOST} contacts")
    word, takes = _tidy(said.text(body, "tag")), bool(body.get("take"))
    told = Change(untags=frozenset({word})) if takes else Change(tags=frozenset({word}))

    def work(tx: Tx, part: Sequence[int]) -> list[int]:
        wanted = [each for each in _there(tx, part) if (word in contact_facts(tx, each)["tags"]) == takes]
        for each in wanted:
            change(tx, each, told, now)
        return wanted

    done: list[int] = []
    for start in range(0, len(ids), CHUNK):
        part = ids[start : start + CHUNK]
        done += await _written(house, lambda tx, part=part: work(tx, part))  # type: ignore[misc]
    undo = {"path": "people/tag", "body": {"contacts": done, "tag": word, "take": not takes}}
    whom = people(len(done))
    words = f"the tag {word} was taken from {whom}" if takes else f"{whom} got the tag {word}"
    return Done(words, {"done": len(done)} | ({"undo": undo} if done else {}))


async def merge(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Make two contacts one. It can't be undone."""
    address, into, now, by = said.address(body), said.address(body, "into"), house.clock.now(), said.by(body)
    if address.key == into.key:
        raise Refusal("both are the same contact")

    def work(tx: Tx) -> None:
        source, target = _known(tx, address), _known(tx, into)
        if not body.get("dry_run"):
            dossier.merge(tx, source, target, by=by, now=now)

    await _written(house, work)
    if body.get("dry_run"):
        return Done(
            f"{address} would become part of {into}: events, orders, tags, fields. Consent does not pass over:"
            " it was given for one mailbox"
        )
    return Done(f"{address} is part of {into} now", {"into": str(into)})


async def erase(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Forget a person for good (GDPR article 17); the receipt says what went, and names nobody."""
    address, now, by = said.address(body), house.clock.now(), said.by(body)
    found = await house.store.read(lambda tx: find_contact(tx, address))
    theirs = [address] if found is None else await house.store.read(lambda tx: dossier.mailboxes(tx, found))
    deliveries = await _deliveries(house, [str(each) for each in theirs])
    if found is None and not deliveries:
        raise Refusal(f"nothing is kept about {address}", "", 404)
    counts = {"deliveries": len(deliveries)} | (
        {} if found is None else await house.store.read(lambda tx: _counts(tx, found))
    )
    went = ", ".join(_counted(count, name) for name, count in counts.items() if count)
    if body.get("dry_run"):
        names = ", ".join(str(each) for each in theirs)
        return Done(
            f"would be forgotten for good: {names} ({went}). A salted hash of the address stays", {"counts": counts}
        )
    salt = house.chance.octets(SALT_OCTETS)
    if found is not None:
        await house.store.write(lambda tx: dossier.erase(tx, found, address.key, salt=salt, now=now))
    else:
        await house.store.write(lambda tx: keeping.forget(tx, [address.key]))
    blanked = 0
    for start in range(0, len(deliveries), CHUNK):
        part = deliveries[start : start + CHUNK]
        await house.store.write(lambda tx, part=part: forgetting.forget(tx, part))  # type: ignore[misc]
        blanked += await house.store.write(lambda tx, part=part: erasing.blank(tx, part, By(by, "erased"), now))  # type: ignore[misc]
    left = len(deliveries) - blanked
    number = hashlib.sha256(salt).hexdigest()[:12]
    receipt = f"receipt {number}, {now:%Y-%m-%d %H:%M:%S} UTC, by {by}, at {house.config.hostname}: forgotten {went}"
    under_way = counted(left, "delivery is on its way", "deliveries are on their way")
    words = f"; {under_way} this moment: do it again in a minute" if left else ""
    return Done(f"forgotten: {receipt}{words}", {"receipt": receipt, "number": number, "counts": counts, "left": left})


async def declare(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Declare a field of contacts, or give one another title or more choices."""
    name, kind, now = said.text(body, "name"), said.text(body, "kind", "text"), house.clock.now()
    try:
        made = Field(name, Kind(kind), said.text(body, "title", ""), tuple(body.get("choices", ())))
    except ValueError:
        raise Refusal(f'"{kind[:30]}" is no kind of field', f"the kinds are {', '.join(Kind)}") from None
    await _written(house, lambda tx: fields.declare(tx, made, now))
    return Done(f"contacts have a field {name} ({kind})", {"name": name})


async def _written(house: House, work: Callable[[Tx], Any]) -> Any:
    try:
        return await house.store.write(work)
    except (ContactError, FieldError) as err:
        raise Refusal(str(err), "nothing was changed") from None
    except UnknownContact as err:
        raise Refusal(str(err), "nothing was changed", 404) from None


def _known(tx: Tx, address: Address) -> int:
    found = find_contact(tx, address)
    if found is None:
        raise UnknownContact(f"there is no contact {address}")
    return found


def _there(tx: Tx, ids: Sequence[int]) -> list[int]:
    """Those of these contacts that are still there: some may have been merged or forgotten since somebody chose them."""
    marks, known = in_list(ids)
    found = {number for (number,) in tx.query(f"SELECT id FROM contact WHERE id IN ({marks})", known)}
    return [each for each in ids if each in found]


def _change(body: Mapping[str, Any], source: str | None = None) -> Change:
    told = body.get("fields", {})
    return Change(
        **{name: body.get(name) for name in TOLD}, source=source, fields=dict(told),
        tags=frozenset(map(_tidy, body.get("tags", ()))), untags=frozenset(map(_tidy, body.get("untags", ()))),
    )  # fmt: skip


def _tidy(word: str) -> str:
    try:
        return tidy_tag(word)
    except ContactError as err:
        raise Refusal(str(err)) from None


def _typed(value: Any) -> str:
    """A field's value as somebody would type it."""
    return "" if value is None else "yes" if value is True else "no" if value is False else str(value)


async def _deliveries(house: House, names: Sequence[str]) -> list[int]:
    found: list[int] = []
    after = 0
    while True:
        after, ids = await house.store.read(lambda tx, after=after: erasing.find(tx, names, after))  # type: ignore[misc]
        found += ids
        if not after:
            return found


def _counted(count: int, name: str) -> str:
    """3 events; 1 entry of the ledger"""
    one = {"consent entries": "consent entry", "deliveries": "delivery"}.get(name, name.removesuffix("s"))
    return counted(count, one, name)


def _counts(tx: Tx, contact_id: int) -> dict[str, int]:
    """What hangs on a contact."""
    tables = {
        "subscriptions": "subscription", "consent entries": "consent_fact", "events": "event", "mails": "sending",
        "flow runs": "enrolment", "tags": "tag",
    }  # fmt: skip
    rows = {
        name: tx.one(f"SELECT count(*) FROM {table} WHERE contact_id = ?", (contact_id,))
        for name, table in tables.items()
    }
    return {"contacts": 1} | {name: int(row[0]) for name, row in rows.items() if row}


ACTS: Final[Mapping[str, Callable[[House, Office, dict[str, Any]], Awaitable[Done]]]] = {
    "people": add,
    "people/set": set_values,
    "people/tag": tag,
    "people/merge": merge,
    "people/erase": erase,
    "fields": declare,
}

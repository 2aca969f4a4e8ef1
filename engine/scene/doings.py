"""What an actor of a rehearsal does, or has done to them: they come with their past, things happen, and they leave.

What an application tells goes through the daemon's door. What only Posthouse sees for itself is written here as it writes it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from deliverability.address import Address
from engine.audience import dossier, membership
from engine.audience.contacts import Change, change, ensure_contact, note_event
from engine.audience.subscriptions import SubscriptionState
from engine.control.client import Control
from engine.flow.events import Event
from engine.flow.shares import in_holdout
from engine.flow.vocabulary import OWN, TOLD
from engine.history.shop import LIST
from engine.history.wares import wares
from engine.intake.recording import record
from engine.scene import past
from engine.scene.casting import HOST, Actor, language_of, name_of
from engine.simulation.script import Happens
from engine.store.groups import GroupStore
from mta.ports import Clock, Tx, from_ms, to_ms

_SALT: Final = b"made up for a rehearsal"
_CONFIRMED: Final = "list.confirmed"
_SENT: Final = (
    "SELECT s.template, m.message_id FROM sending s JOIN message m ON m.id = s.message_id"
    " WHERE s.contact_id = ? AND s.flow = ? ORDER BY s.message_id"
)


class Doings:
    """Does it. `ids` are the actors' contacts, by address; `sent` what their recipe's flow wrote to whoever has left: mail and
    Message-ID, in order."""

    def __init__(self, control: Control, store: GroupStore, clock: Clock, list_id: int) -> None:
        self._control, self._store, self._clock, self._list_id = control, store, clock, list_id
        self.ids: dict[str, int] = {}
        self.sent: dict[str, list[tuple[str, str]]] = {}

    def come(self, actor: Actor) -> None:
        """A contact as the test has it; flows look at nothing that is past."""

        def work(tx: Tx) -> int:
            seen = past.last_event(tx)
            contact_id = self._introduce(tx, actor)
            past.look_past(tx, seen)
            return contact_id

        self.ids[actor.address] = self._store.write_now(work)

    def happen(self, actor: Actor, name: str, data: Mapping[str, Any]) -> None:
        """An event of theirs; with no name, they are let in by hand."""
        if not name:
            self._control.post("/v1/flows/start", {"flow": actor.recipe, "address": actor.address, "data": dict(data)})
        elif name.partition(".")[0] in OWN and name not in TOLD:
            self._store.write_now(lambda tx: self._see(tx, actor, name, data))
        else:
            self._control.post("/v1/events", {"name": name, "address": actor.address, "data": dict(data)})

    def leave(self, actor: Actor) -> None:
        """Their part is over: what was written to them is remembered, and they are forgotten, with all runs of theirs."""
        contact_id, key = self.ids[actor.address], Address.parse(actor.address).key

        def work(tx: Tx) -> list[tuple[str, str]]:
            rows = tx.query(_SENT, (contact_id, actor.recipe))
            dossier.erase(tx, contact_id, key, salt=_SALT, now=self._clock.now())
            return [(mail, name) for mail, name in rows]

        self.sent[actor.address] = self._store.write_now(work)

    def _introduce(self, tx: Tx, actor: Actor) -> int:
        person, now = actor.person, self._clock.now()
        known = from_ms(min(person.created_ms or to_ms(now), to_ms(now)))
        address = Address.parse(actor.address)
        _pass_by(tx, actor, known)
        contact_id = ensure_contact(
            tx, address, name=name_of(actor), locale=actor.locale, zone=person.zone_name, now=known
        )  # fmt: skip
        change(tx, contact_id, Change(birthday=person.birthday, tags=person.tags, fields=person.fields), now)
        if (state := person.lists.get(LIST)) is not None:
            past.ask(tx, LIST, address, locale=actor.locale, salt=_SALT, at=known)
            waits = state is SubscriptionState.UNCONFIRMED or any(_name(deed) == _CONFIRMED for _, deed in actor.deeds)
            if not waits:
                past.confirm(tx, contact_id, self._list_id, locale=actor.locale, salt=_SALT, at=known)
            if state is SubscriptionState.UNSUBSCRIBED:
                past.leave(tx, contact_id, self._list_id, locale=actor.locale, salt=_SALT, at=known)
        self._order_before(tx, actor)
        if person.segments:
            membership.ask_for_a_look(tx, now, person.segments)
        return contact_id

    def _order_before(self, tx: Tx, actor: Actor) -> None:
        """What they ordered before the test; who is in a segment of a test has bought, for that is what those ask."""
        person, now_ms = actor.person, to_ms(self._clock.now())
        count = max(person.orders, int(bool(person.segments)))
        for number in range(count):
            at_ms = (person.first_order_ms if number == 0 else person.last_order_ms) or now_ms
            ware, at = wares()[number], from_ms(min(at_ms, now_ms))
            line = {**ware.told(language_of(actor.locale)), "quantity": 1}
            data = {"number": f"before-{number}-{actor.address}", "total": person.spent / 100 / count, "lines": [line]}
            event = Event("order.placed", at, "made", data, address=Address.parse(actor.address))
            record(tx, event, now=at)

    def _see(self, tx: Tx, actor: Actor, name: str, data: Mapping[str, Any]) -> None:
        """What Posthouse sees for itself."""
        contact_id, now = self.ids[actor.address], self._clock.now()
        match name:
            case "list.confirmed":
                past.confirm(tx, contact_id, self._list_id, locale=actor.locale, salt=_SALT, at=now)
            case "list.left":
                past.leave(tx, contact_id, self._list_id, locale=actor.locale, salt=_SALT, at=now)
            case "contact.tagged":
                change(tx, contact_id, Change(tags=frozenset({str(data.get("tag", ""))})), now)
            case _:
                note_event(tx, name, contact_id, dict(data) | _of_mail(tx, contact_id, data), now)


def _pass_by(tx: Tx, actor: Actor, at: datetime) -> None:
    """Whom chance would hold out of the flow is a number: let somebody else have it."""
    row = tx.one("SELECT max(id) FROM contact")
    number = (row[0] if row else 0) or 0
    while in_holdout(actor.recipe, number + 1, actor.holdout):
        number = ensure_contact(tx, Address.parse(f"nobody.{number + 1}@{HOST}"), now=at)


def _of_mail(tx: Tx, contact_id: int, data: Mapping[str, Any]) -> dict[str, Any]:
    """Where the test names a step, the message that it wrote to them."""
    which = (contact_id, str(data.get("flow", "")), str(data.get("step", "")))
    sql = "SELECT max(message_id) FROM sending WHERE contact_id = ? AND flow = ? AND step = ?"
    row = tx.one(sql, which) if which[2] else None
    return {"message": row[0]} if row and row[0] else {}


def _name(deed: object) -> str:
    return deed.name if isinstance(deed, Happens) else ""

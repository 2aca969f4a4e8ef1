"""Writing down what happened before a daemon looks: askings and confirmations whose mails went out in their time, and events
that no flow is to look at.
"""

from dataclasses import dataclass, field
from datetime import datetime

from deliverability.address import Address
from engine.audience import subscriptions
from engine.audience.asking import AskingSettings
from engine.audience.consent import Answer, Shown
from engine.audience.subscriptions import Asking
from mta.ports import Tx

TITLE = "The Lab Shop's news"
PURPOSE = "I want the Lab Shop's news by mail."


def ask(tx: Tx, mailing_list: str, address: Address, *, locale: str, salt: bytes, at: datetime) -> None:
    """Somebody asked for a list then; the mail that they got is in no queue any more."""
    answer = Answer("", locale, "form", salt=salt)
    subscriptions.subscribe(tx, mailing_list, address, answer=answer, ask=_Asker(), now=at)


def confirm(tx: Tx, contact_id: int, list_id: int, *, locale: str, salt: bytes, at: datetime) -> None:
    """They pressed the button then."""
    if there := subscriptions.subscription(tx, contact_id, list_id):
        answer = Answer(PURPOSE, locale, "web", salt=salt)
        subscriptions.confirm(tx, contact_id, list_id, there.asked_ms, answer=answer, now=at)


def leave(tx: Tx, contact_id: int, list_id: int, *, locale: str, salt: bytes, at: datetime) -> None:
    """They left it then."""
    answer = Answer("", locale, "one-click", salt=salt)
    subscriptions.unsubscribe(tx, contact_id, list_id, answer=answer, now=at)


def last_event(tx: Tx) -> int:
    """The id of the newest event, 0 where there is none."""
    row = tx.one("SELECT max(id) FROM event")
    return (row[0] if row else 0) or 0


def look_past(tx: Tx, seen: int) -> None:
    """No flow is to look at what was written since `seen`."""
    tx.execute("UPDATE event SET matched = 1 WHERE id > ? AND matched = 0", (seen,))


@dataclass(slots=True)
class _Asker:
    limits: AskingSettings = field(default_factory=AskingSettings)

    def __call__(self, tx: Tx, asking: Asking) -> Shown:
        name = f"<made-{asking.contact['id']}-{asking.asked_ms}@shop.example>"
        return Shown(0, name, asking.mailing_list.title, asking.mailing_list.purpose)

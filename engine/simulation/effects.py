"""What the actions of a simulated flow change: the person, and the events that follow. Nothing leaves the house."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.audience.subscriptions import SubscriptionState
from engine.flow import actions
from engine.flow.decisions import Act
from engine.flow.effects import added
from engine.simulation.people import Person

CODE: Final = "SIMULATED"  # what a coupon gives
ANSWERED: Final = 200  # what a webhook answers


def given_by(action: actions.Action, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """What the run's data holds from then on: coupons are always there, webhooks always answer well."""
    match action:
        case actions.TakeCoupon(expires=expires, name=name):
            until = expires.after(now, zone).isoformat() if expires else None
            return {name: {"code": CODE, "expires": until}}
        case actions.CallWebhook(wait=True):
            return {"webhook": {"status": ANSWERED}}
    return {}


def enact(person: Person, act: Act) -> Iterator[tuple[str, dict[str, Any]]]:
    """Change the person as the action does; the events that this makes."""
    match act.action:
        case actions.Tag(tag=tag) if tag not in person.tags:
            person.tags |= {tag}
            yield "contact.tagged", {"tag": tag}
        case actions.Untag(tag=tag) if tag in person.tags:
            person.tags -= {tag}
            yield "contact.untagged", {"tag": tag}
        case actions.Join(mailing_list=name) if not person.is_on(name):
            yield "list.joined", {"list": name}
        case actions.Leave(mailing_list=name) if name in person.lists:
            person.lists = {**person.lists, name: SubscriptionState.UNSUBSCRIBED}
            yield "list.left", {"list": name}
        case actions.SetFields():
            fields = {**person.fields, **act.values}
            person.fields = {name: each for name, each in fields.items() if each is not None}
        case actions.AddTo():
            counted = {name: added(person.fields.get(name), each) for name, each in act.values.items()}
            person.fields = {**person.fields, **counted}
        case actions.Emit(event=event):
            yield event, dict(act.values)

"""What the actions of a simulated flow change: the person, and the events that follow. Nothing leaves the house."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.audience.subscriptions import SubscriptionState
from engine.catalogue.lasting import begun_anew, is_lost, last_moment, on_clock
from engine.flow import actions
from engine.flow.decisions import Act
from engine.flow.effects import added
from engine.running.effects import TELLS
from engine.simulation.people import Person

CODE: Final = "SIMULATED"  # what a coupon gives
ANSWERED: Final = 200  # what a webhook answers


def given_by(action: actions.Action, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """What the run's data holds from then on: coupons are always there, webhooks always answer well."""
    match action:
        case actions.TakeCoupon(expires=expires, name=name):
            until = on_clock(last_moment(expires, now, zone), zone) if expires else None
            return {name: {"code": CODE, "expires": until}}
        case actions.CallWebhook(wait=True):
            return {"webhook": {"status": ANSWERED}}
    return {}


def set_aside(action: actions.Action, now: datetime) -> dict[str, datetime]:
    """The code that it gives, by its name in the run's data, since when nobody was told of it: where it has an end."""
    match action:
        case actions.TakeCoupon(expires=expires, name=name) if expires:
            return {name: now}
    return {}


def tells(action: actions.Action) -> bool:
    """Whether it may carry what the run was given to somebody."""
    return isinstance(action, (*TELLS, actions.NotifyStaff))


def anew(aside: Mapping[str, datetime], given: Mapping[str, Any], now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """Those of the codes that nobody was told of whose time begins anew with the mail that goes out now."""
    fresh = {}
    for name, begun in aside.items():
        ends = given[name].get("expires")  # the name may stand for something else by now
        if ends and is_lost(begun, ended := datetime.fromisoformat(ends), now):
            fresh[name] = {**given[name], "expires": on_clock(begun_anew(begun, ended, now, zone), zone)}
    return fresh


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

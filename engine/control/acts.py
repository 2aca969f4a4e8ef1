"""What an operator may do over the control socket: one function a command. Each changes something, or refuses in
clear words.

A command that makes mail or moves people does it in one store commit, then wakes the carriers.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from deliverability.address import Address, AddressError
from deliverability.settings import format_duration, parse_duration
from engine import fence
from engine.audience.contacts import OddAddress
from engine.catalogue.parcels import PREFIX
from engine.control import (
    books,
    campaign_keeping,
    campaign_mails,
    campaign_plans,
    campaign_wording,
    campaigns,
    classifying,
    domains,
    flow_drafts,
    flow_people,
    flow_plans,
    flows,
    imports,
    list_acts,
    mail_keeping,
    people_acts,
    queueing,
    segments,
    shaping,
    suppressing,
)
from engine.control.journal import Act, note, undo_by
from engine.control.late import late
from engine.control.observing import alerts
from engine.control.protocol.acts import Done
from engine.control.refusal import Refusal
from engine.control.trying import send_test
from engine.control.work import Office
from engine.flow.events import EventError, make_event
from engine.flow.orders import ADDS_NOTHING, adds_nothing
from engine.house import House
from engine.intake.recording import record


def _text(body: dict[str, Any], key: str, default: str | None = None) -> str:
    value = body.get(key, default)
    if not isinstance(value, str):
        raise Refusal(f"{key} is missing, or no text")
    return value


def _address(body: dict[str, Any]) -> Address:
    try:
        return Address.parse(_text(body, "address"))
    except AddressError as err:
        raise Refusal(f"address: {err}") from None


# -- events


async def post_event(house: House, office: Office, body: dict[str, Any]) -> Done:
    address = _address(body) if body.get("address") else None
    data = body.get("data", {})
    if not isinstance(data, dict):
        raise Refusal("data is a JSON object")
    now = house.clock.now()
    try:
        event = make_event(
            _text(body, "name"), data, at=now, source=_text(body, "source", "command"), key=_text(body, "key", ""),
            address=address, contact_name=_text(body, "contact_name", ""), locale=_text(body, "locale", ""),
            idempotency_key=_text(body, "idempotency_key", "") or None,
        )  # fmt: skip
    except EventError as err:
        raise Refusal(str(err)) from None
    try:
        event_id = await house.store.write(lambda tx: record(tx, event, now=now))
    except OddAddress as err:
        raise Refusal(f"address: {err}", "nothing was changed") from None
    office.tell(wake=[])
    if event_id is None:
        why = "its parcel is as far, or further on" if event.name.startswith(PREFIX) else "the same idempotency key"
        return Done(f"{event.name} was known already ({why})", {"repeat": True})
    if adds_nothing(event.name, event.data):
        return Done(f"{event.name} taken in; {ADDS_NOTHING}", {"id": event_id, "warning": ADDS_NOTHING})
    return Done(f"{event.name} taken in", {"id": event_id})


# -- shaping


async def suspend(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Let nothing go to a site or a domain for a while."""
    try:
        done = await shaping.suspend(house, office.conductor, body)
    except shaping.Wrong as err:
        raise Refusal(str(err)) from None
    await office.heeded()
    return done


async def slow(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Give a site no more than so many attempts a minute for a while."""
    try:
        return await shaping.slow(house, office.conductor, body)
    except shaping.Wrong as err:
        raise Refusal(str(err)) from None


async def resume(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Let it go on before its time."""
    try:
        done = await shaping.resume(house, office.conductor, body)
    except shaping.Wrong as err:
        raise Refusal(str(err)) from None
    if done is None:
        raise Refusal(f"{body.get('scope')} {body.get('name')} is not suspended", "", 404)
    return done


# -- the daemon


async def reload(house: House, office: Office, body: dict[str, Any]) -> Done:
    await office.reload()
    return Done("reloaded (the log names what was not)")


async def lift_fence(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Let a database that was restored or copied send again."""
    by, why = _text(body, "by"), _text(body, "why")
    if not why.strip():
        raise Refusal("a reason is needed", "say why with --why")
    if not await house.store.write(fence.lift):
        raise Refusal("no fence stands: mail goes as ever", "", 409)
    office.lift()
    return Done("the fence is lifted: mail that waits goes, flows and campaigns go on", {"by": by, "why": why})


async def reload_keys(house: House, office: Office, body: dict[str, Any]) -> Done:
    await domains.tell_keys(office)
    return Done("the carriers sign with the keys as they are now")


async def advance(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Move the lab's clock forward and re-arm every timer."""
    if not house.config.lab.enabled:
        raise Refusal("this is no lab: its clock can't be moved", "set lab.enabled in a configuration of its own", 403)
    try:
        by = parse_duration(body.get("by", f"{int(body.get('seconds', 0))}s"))
    except (ValueError, TypeError) as err:
        raise Refusal(f"by: {err}") from None
    if by <= timedelta(0):
        raise Refusal("time only goes forward")
    offset = office.clock.offset + by
    row = ("clock_offset_ms", str(offset // timedelta(milliseconds=1)))
    await house.store.write(
        lambda tx: tx.execute(
            "INSERT INTO meta (key, value) VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", row
        )
    )
    await office.move_clock(offset)
    return Done(f"the clock went {format_duration(by)} forward", {"offset_s": int(offset.total_seconds())})


_OWN: Final[Mapping[str, Act]] = {
    **list_acts.ACTS,
    **people_acts.ACTS,
    **imports.ACTS,
    "suppression/add": suppressing.add,
    "suppression/lift": suppressing.lift,
    "suppression/restore": suppressing.restore,
    "bounces/classify": classifying.classify,
    "bounces/unclassify": classifying.unclassify,
    "events": post_event,
    "flows": flows.apply,
    "flows/plan": flow_plans.plan,
    "flows/draw": flow_plans.draw,
    "flows/check": flow_drafts.check,
    "flows/return": flows.give_back,
    "flows/draft": flow_drafts.save,
    "flows/draft/drop": flow_drafts.drop,
    "flows/trial": flow_people.try_out,
    "flows/trial/cancel": flow_people.cancel,
    "flows/late": late,
    "flows/start": flows.start,
    "segments": segments.store,
    "segments/remove": segments.remove,
    "segments/check": segments.check_only,
    "segments/count": segments.count_once,
    "campaigns/check": campaigns.check,
    "campaigns/plan": campaign_plans.plan,
    "campaigns/new": campaign_keeping.new,
    "campaigns/keep": campaign_keeping.keep,
    "campaigns/write": campaign_wording.write,
    "campaigns/drop": campaign_keeping.drop,
    "campaigns/unschedule": campaign_keeping.unschedule,
    "campaigns/move": campaign_keeping.move,
    "campaigns/test": campaign_mails.send_test,
    "campaigns/start": campaigns.start,
    "campaigns/schedule": campaigns.schedule,
    "campaigns/pause": campaigns.pause,
    "campaigns/resume": campaigns.resume,
    "campaigns/stop": campaigns.stop,
    "campaigns/recall": campaigns.recall,
    "campaigns/retry": campaigns.retry,
    "campaigns/resend": campaigns.resend,
    "mail/test": send_test,
    "mail/save": mail_keeping.save,
    "mail/drop": mail_keeping.drop,
    "queue/cancel": queueing.cancel,
    "queue/restore": queueing.restore,
    "queue/retry": queueing.retry,
    "queue/hold": queueing.hold,
    "queue/release": queueing.release,
    "queue/redirect": queueing.redirect,
    "flows/state": flows.set_state,
    "shaping/suspend": suspend,
    "shaping/slow": slow,
    "shaping/resume": resume,
    "reload": reload,
    "keys": reload_keys,
    "note": note,
    "audit": books.go_over,
    "domains/check": domains.check,
    "domains/rotate": domains.rotate,
    "domains/switch": domains.switch,
    "domains/drop": domains.drop,
    "alerts/acknowledge": alerts.acknowledge,
    "alerts/unacknowledge": alerts.unacknowledge,
    "fence/lift": lift_fence,
    "lab/advance": advance,
}

ACTS: Final[Mapping[str, Act]] = {**_OWN, "acts/undo": undo_by(_OWN)}

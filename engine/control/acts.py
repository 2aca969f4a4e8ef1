"""What an operator may do over the control socket: one function a command. Each changes something, or refuses in
clear words.

A command that makes mail or moves people does it in one store commit, then wakes the carriers.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any, Final

from deliverability.address import Address, AddressError
from deliverability.settings import format_duration, parse_duration
from engine import fence
from engine.audience import list_settings, lists, subscriptions
from engine.audience.consent import Answer
from engine.audience.contacts import OddAddress
from engine.audience.ledger import SALT_OCTETS
from engine.audience.lists import ListError
from engine.audience.suppression import Reason, Scope, lift, suppress
from engine.catalogue.parcels import PREFIX
from engine.control import campaign_plans, campaigns, flows, queueing, segments, shaping
from engine.control.late import late
from engine.control.protocol.acts import Done
from engine.control.refusal import Refusal
from engine.control.trying import send_test
from engine.control.work import Office
from engine.flow.events import EventError, make_event
from engine.house import House
from engine.intake.recording import record
from engine.sending.confirmations import Confirmations
from engine.sending.render import TemplateFault
from mta.ports import Tx

LIST_KEYS: Final = ("confirmation", "title", "purpose", *list_settings.keys())
Act = Callable[[House, Office, dict[str, Any]], Awaitable[Done]]


def version() -> str:
    """The installed version of Posthouse."""
    try:
        return installed_version("posthouse")
    except PackageNotFoundError:
        return "unreleased"


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


# -- lists and people


async def create_list(house: House, office: Office, body: dict[str, Any]) -> Done:
    name, now = _text(body, "name"), house.clock.now()

    def work(tx: Tx) -> lists.MailingList:
        return lists.create(
            tx, name, title=_text(body, "title", ""), purpose=_text(body, "purpose", ""),
            confirmation=_text(body, "confirmation", "double"), now=now,
        )  # fmt: skip

    try:
        made = await house.store.write(work)
    except ListError as err:
        raise Refusal(str(err)) from None
    return Done(f"list {made.name} made, {made.confirmation} opt-in", {"id": made.id, "name": made.name})


async def set_list(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Change what is set of a list, by key; "" goes back to the default."""
    name, told = _text(body, "name"), body.get("set", {})
    if not isinstance(told, dict) or not all(isinstance(each, str) for each in told.values()) or not told:
        raise Refusal("set is a JSON object of texts", f"there are: {', '.join(LIST_KEYS)}")
    missing = [
        each for key in ("template", "reminder") if (each := told.get(key)) and each not in house.template_names()
    ]
    if missing:
        raise Refusal(f"there is no mail {missing[0][:60]}", "`posthouse mail check` lists the faults of yours")
    try:
        made = await house.store.write(lambda tx: lists.change(tx, name, told))
    except ListError as err:
        raise Refusal(str(err), "nothing was changed") from None
    return Done(f"list {made.name} is changed: {', '.join(sorted(told))}", {"id": made.id, "name": made.name})


async def subscribe(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Somebody asks for a list: a double opt-in list writes to them and waits for the answer."""
    address, now = _address(body), house.clock.now()
    ask = Confirmations(house.composer, house.config.queue, house.chance.octets(16), now)
    answer = Answer(
        _text(body, "wording", ""),
        _text(body, "locale", ""),
        _text(body, "source", "command"),
        salt=house.chance.octets(SALT_OCTETS),
    )

    def work(tx: Tx) -> subscriptions.Asked:
        return subscriptions.subscribe(
            tx, _text(body, "list"), address, answer=answer, ask=ask, name=_text(body, "name", ""),
            zone=_text(body, "zone", ""), now=now,
        )  # fmt: skip

    try:
        asked = await house.store.write(work)
    except ListError as err:
        raise Refusal(str(err), "`posthouse list create NAME` makes one") from None
    except OddAddress as err:
        raise Refusal(f"address: {err}", "nothing was changed") from None
    except TemplateFault as err:
        raise Refusal(
            f"the confirmation mail can't be written: {err}", "mend the template; nothing was changed"
        ) from None
    if asked.refused:
        raise Refusal(f"{address} is not asked: {asked.refused}", "", 409)
    office.tell(wake=[address.domain])
    if asked.already:
        return Done(f"{address} has confirmed this list already", {"contact": asked.contact_id, "already": True})
    if asked.message_id is None:
        return Done(f"{address} is on the list (single opt-in)", {"contact": asked.contact_id})
    return Done(
        f"{address} was asked by mail and waits for confirmation",
        {"contact": asked.contact_id, "message": asked.message_id},
    )


async def lift_suppression(house: House, office: Office, body: dict[str, Any]) -> Done:
    address, by, why = _address(body), _text(body, "by"), _text(body, "why")
    if not why.strip():
        raise Refusal("a reason is needed", "say why with --why")
    now = house.clock.now()
    lifted = await house.store.write(lambda tx: lift(tx, address.key, by=by, why=why, now=now))
    if not lifted:
        raise Refusal(f"{address} is not suppressed", "", 404)
    return Done(f"{address} may be written to again (was: {', '.join(lifted)})", {"reasons": lifted})


async def add_suppression(house: House, office: Office, body: dict[str, Any]) -> Done:
    """An operator stops mail to an address: of all lists or one, both streams or marketing, for a time or for good."""
    address, by, why = _address(body), _text(body, "by"), _text(body, "why")
    if not why.strip():
        raise Refusal("a reason is needed", "say why with --why")
    now = house.clock.now()
    name = _text(body, "list", "")
    period = _text(body, "for", "")
    try:
        until = now + parse_duration(period) if period else None
    except ValueError as err:
        raise Refusal(str(err)) from None

    def work(tx: Tx) -> bool:
        mailing_list = lists.get(tx, name) if name else None
        if name and mailing_list is None:
            raise Refusal(f"there is no list {name[:70]}", "", 404)
        return suppress(
            tx, address.key, Reason.MANUAL, scope=Scope.MARKETING if body.get("marketing") or name else Scope.ALL,
            evidence=why, source=by, list_id=mailing_list.id if mailing_list else 0, until=until, now=now,
        )  # fmt: skip

    added = await house.store.write(work)
    end = f" until {until:%Y-%m-%d %H:%M} UTC" if until else ""
    what = f"the list {name}" if name else "marketing mail" if body.get("marketing") else "mail"
    return Done(f"no {what} goes to {address}{end}" + ("" if added else " (it was so already)"), {"added": added})


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
    return Done(f"{event.name} taken in", {"id": event_id})


# -- shaping


async def suspend(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Let nothing go to a site or a domain for a while."""
    try:
        return await shaping.suspend(house, office.conductor, body)
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
    office.tell(keys=True)
    office.key_keeper.ring()
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


ACTS: Final[Mapping[str, Act]] = {
    "lists": create_list,
    "lists/set": set_list,
    "lists/subscribe": subscribe,
    "suppression/add": add_suppression,
    "suppression/lift": lift_suppression,
    "events": post_event,
    "flows": flows.apply,
    "flows/plan": flows.plan,
    "flows/late": late,
    "flows/start": flows.start,
    "segments": segments.store,
    "segments/remove": segments.remove,
    "segments/check": segments.check_only,
    "segments/count": segments.count_once,
    "campaigns/check": campaigns.check,
    "campaigns/plan": campaign_plans.plan,
    "campaigns/start": campaigns.start,
    "campaigns/schedule": campaigns.schedule,
    "campaigns/pause": campaigns.pause,
    "campaigns/resume": campaigns.resume,
    "campaigns/stop": campaigns.stop,
    "campaigns/recall": campaigns.recall,
    "campaigns/retry": campaigns.retry,
    "campaigns/resend": campaigns.resend,
    "mail/test": send_test,
    "queue/cancel": queueing.cancel,
    "queue/retry": queueing.retry,
    "queue/hold": queueing.hold,
    "queue/release": queueing.release,
    "queue/redirect": queueing.redirect,
    "flows/state": flows.set_state,
    "shaping/suspend": suspend,
    "shaping/resume": resume,
    "reload": reload,
    "keys": reload_keys,
    "fence/lift": lift_fence,
    "lab/advance": advance,
}

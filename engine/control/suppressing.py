"""Commands on suppression over the control socket: stop mail to an address, let it go again, and back."""

from typing import Any

from deliverability.address import Address, AddressError
from deliverability.settings import parse_duration
from engine.audience import lists, suppression
from engine.audience.suppression import Reason, Scope
from engine.control.asked import Asked
from engine.control.protocol.acts import Done
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.house import House
from mta.ports import Tx


async def add(house: House, office: Office, body: dict[str, Any]) -> Done:
    """An operator stops mail to an address: of all lists or one, both streams or marketing, for a time or for good."""
    address, by, why = _said(body)
    now, name, period = house.clock.now(), Asked(body).text("list"), Asked(body).text("for")
    try:
        until = now + parse_duration(period) if period else None
    except ValueError as err:
        raise Refusal(str(err)) from None
    scope = Scope.MARKETING if body.get("marketing") or name else Scope.ALL

    def work(tx: Tx) -> tuple[bool, int]:
        list_id = _list_id(tx, name)
        added = suppression.suppress(
            tx, address.key, Reason.MANUAL, scope=scope, evidence=why, source=by, list_id=list_id, until=until, now=now
        )
        return added, list_id

    added, list_id = await house.store.write(work)
    end = f" until {until:%Y-%m-%d %H:%M} UTC" if until else ""
    what = f"the list {name}" if name else "marketing mail" if body.get("marketing") else "mail"
    only = {"reason": str(Reason.MANUAL), "list_id": list_id}
    back = {"undo": {"path": "suppression/lift", "body": {"address": str(address), "only": only}}}
    return Done(
        f"no {what} goes to {address}{end}" + ("" if added else " (it was so already)"),
        {"added": added, **(back if added else {"final": "it was so already"})},
    )


async def lift(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Mail goes to an address again, whatever stopped it; with `only`, what one reason did, and one list where it is named."""
    address, by, why = _said(body)
    only, now = _only(body), house.clock.now()
    rows = await house.store.write(lambda tx: suppression.lift(tx, address.key, by=by, why=why, now=now, only=only))
    if not rows:
        raise Refusal(f"{address} is not suppressed" + (f" ({only[0]})" if only else ""), "", 404)
    reasons = [str(row["reason"]) for row in rows]
    undo = {"path": "suppression/restore", "body": {"address": str(address), "rows": rows}}
    return Done(f"{address} may be written to again (was: {', '.join(reasons)})", {"reasons": reasons, "undo": undo})


async def restore(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Suppress an address again as it was before a lift: with the reasons, the evidence and the times of then."""
    address, _, _ = _said(body)
    try:
        count = await house.store.write(lambda tx: suppression.put_back(tx, address.key, body.get("rows", ())))
    except (ValueError, TypeError) as err:
        raise Refusal(f"rows: {err}", "nothing was changed") from None
    if not count:
        raise Refusal(f"{address} is suppressed so already", "", 409)
    return Done(f"{address} is suppressed again, as it was", {"rows": count, "final": "lift it again instead"})


def _said(body: dict[str, Any]) -> tuple[Address, str, str]:
    """(address, in whose name, why)."""
    asked = Asked(body)
    try:
        address = Address.parse(asked.text("address"))
    except AddressError as err:
        raise Refusal(f"address: {err}") from None
    if not asked.text("by"):
        raise Refusal("by is missing, or no text")
    if not asked.text("why"):
        raise Refusal("a reason is needed", "say why with --why")
    return address, asked.text("by"), asked.text("why")


def _only(body: dict[str, Any]) -> tuple[Reason, int | None] | None:
    said = body.get("only")
    if said is None:
        return None
    try:
        return Reason(said["reason"]), int(said["list_id"]) if "list_id" in said else None
    except (KeyError, ValueError, TypeError):
        raise Refusal("only is {reason, list_id}", f"reasons: {', '.join(Reason)}") from None


def _list_id(tx: Tx, name: str) -> int:
    if not name:
        return suppression.ALL_LISTS
    found = lists.get(tx, name)
    if found is None:
        raise Refusal(f"there is no list {name[:70]}", "", 404)
    return found.id

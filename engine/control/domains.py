"""What an operator does with the keys of sending domains, over the control socket: look, make, sign with, forget."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

from deliverability.address import AddressError, parse_domain
from deliverability.doctor.model import NotKnown
from deliverability.signing.keys import KeyTrouble
from engine import keys
from engine.control.asked import Asked
from engine.control.protocol.acts import Done
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.counts import counted
from engine.domains import changing, making
from engine.domains.changing import CannotChange
from engine.domains.looking import Seen, look_all
from engine.house import House
from engine.keys import KeptKey, KeyState
from mta.ports import Tx


async def check(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Ask every name server, and have the doctor look at everything, now."""
    name = Asked(body).text("domain")
    if name:
        await _rows(house, named(name))
        await office.key_keeper.look_now(named(name))
    try:
        report = await office.doctor.examine()
    except NotKnown as err:
        raise Refusal(str(err), "`posthouse domain add shop.example` makes keys", 409) from None
    counts = Counter(str(each.verdict) for each in report.findings)
    words = ", ".join(f"{counts[each]} {each}" for each in ("fail", "warn", "unknown", "pass") if counts[each])
    return Done(f"{counted(len(report.findings), 'rule was', 'rules were')} judged: {words}", dict(counts))


async def rotate(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Make a domain's next keys, or its first; where new ones are under way already, go on with those."""
    domain, now = named(Asked(body).text("domain")), house.clock.now()
    rows = await house.store.read(lambda tx: keys.kept(tx, domain))
    if under_way := [each.selector for each in rows if each.is_fresh]:
        words = f"{domain} has new keys already: publish the records of {' and '.join(under_way)}"
        return Done(words, {"selectors": under_way, "final": "it was so already"})
    try:
        made = await asyncio.to_thread(making.pair, house.config, domain, now, "", rows)
        files = await asyncio.to_thread(making.write_files, house.config, made)
    except (making.Taken, KeyTrouble, OSError) as err:
        raise Refusal(f"new keys of {domain} can't be kept: {err}", "nothing was changed", 409) from None

    def work(tx: Tx) -> KeyState | None:
        is_late = any(each.is_fresh for each in keys.kept(tx, domain, lock=True))
        return None if is_late else keys.add(tx, list(zip(made, files, strict=True)), now)

    state = await house.store.write(work)
    if state is None:
        await asyncio.to_thread(making.delete, house.config, files)
        raise Refusal(f"somebody made new keys of {domain} just now", "look again; nothing was changed", 409)
    selectors = [each.selector for each in made]
    await tell_keys(office)
    words = f"{domain} has new keys, {' and '.join(selectors)}: publish their records"
    if state is KeyState.ACTIVE:
        return Done(f"{words}; they sign at once", {"selectors": selectors, "final": "the keys sign: rotate them"})
    back = {"path": "domains/drop", "body": {"domain": domain, "selectors": selectors}}
    return Done(f"{words}; what signs now goes on signing", {"selectors": selectors, "undo": back})


async def switch(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Sign with a domain's new keys, or those that are named; refused while a name server does not show them."""
    domain = named(Asked(body).text("domain"))
    rows = await _rows(house, domain)
    config, selectors = house.config, body.get("selectors") or ()
    before = [each.selector for each in rows if each.is_signing]
    try:
        wanted = changing.chosen(rows, selectors)
        seen = await _looked(house, domain, wanted)
        now = house.clock.now()
        changing.require_shown(config, seen, now, may_haste=bool(body.get("now")))
        names = [each.selector for each in wanted]
        await house.store.write(lambda tx: keys.switch(tx, domain, names, now))
    except CannotChange as err:
        raise Refusal(str(err), err.remedy, 400 if err.is_senseless else 409) from None
    except keys.CannotSwitch as err:
        raise Refusal(str(err), "nothing was changed", 409) from None
    await tell_keys(office)
    words = f"{domain} is signed with {' and '.join(names)} from now on"
    if not set(before) - set(names):
        return Done(words, {"selectors": names, "final": "nothing else signed before"})
    back = {"path": "domains/switch", "body": {"domain": domain, "selectors": before, "now": True}}
    return Done(f"{words}; leave the records of {' and '.join(before)} published", {"selectors": names, "undo": back})


async def _looked(house: House, domain: str, wanted: Sequence[KeptKey]) -> list[Seen]:
    """What every name server shows of these keys now, which is written down."""
    seen = await look_all(house.config, wanted)
    now = house.clock.now()

    def work(tx: Tx) -> dict[str, KeptKey]:
        for each in seen:
            keys.see(tx, each.key, each.shown, each.ttl, now)
        return {each.selector: each for each in keys.kept(tx, domain)}

    known = await house.store.write(work)
    return [each.of(known.get(each.key.selector, each.key)) for each in seen]


async def drop(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Forget keys that never signed, or that are gone."""
    domain, selectors = named(Asked(body).text("domain")), body.get("selectors") or ()
    by_name = {each.selector: each for each in await _rows(house, domain)}
    if not selectors or not by_name.keys() >= set(selectors):
        raise Refusal(f"selectors are keys of {domain}", f"it has {', '.join(by_name)}")
    try:
        for name in selectors:
            changing.require_useless(house.config, by_name[name])
    except CannotChange as err:
        raise Refusal(str(err), err.remedy, 409) from None
    its = [by_name[name] for name in selectors]

    def work(tx: Tx) -> None:
        if not all(keys.drop(tx, each) for each in its):
            raise Refusal("one of them was put to use meanwhile", f"`posthouse domain check {domain}` shows them", 409)

    await house.store.write(work)
    await asyncio.to_thread(making.delete, house.config, [each.file for each in its])
    await tell_keys(office)
    gone = "is forgotten: its record" if len(selectors) == 1 else "are forgotten: their records"
    words = f"{' and '.join(selectors)} of {domain} {gone} can be removed"
    return Done(words, {"selectors": list(selectors), "final": "the private half was deleted"})


async def tell_keys(office: Office) -> None:
    """Everybody has read the keys again: the next mail is signed so. The keeper looks at them now."""
    office.tell(keys=True)
    office.key_keeper.ring()
    await office.heeded()


def named(text: str) -> str:
    """A domain as DNS has it. Refusal."""
    try:
        return parse_domain(text.rstrip("."))
    except AddressError as err:
        raise Refusal(f"domain: {err}") from None


async def _rows(house: House, domain: str) -> list[KeptKey]:
    rows = await house.store.read(lambda tx: keys.kept(tx, domain))
    if not rows:
        raise Refusal(f"there are no keys for {domain}", f"`posthouse domain add {domain}` makes them", 404)
    return rows

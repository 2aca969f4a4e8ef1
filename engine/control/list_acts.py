"""What an operator does to lists and to who is on them, over the control socket.

Several people at once go in chunks, each in one commit; what was done can be undone where nobody but an operator said it.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from engine.audience import entered, list_settings, lists, removing, rosters, subscriptions
from engine.audience.consent import Answer
from engine.audience.contacts import OddAddress
from engine.audience.ledger import SALT_OCTETS
from engine.audience.lists import ListError, MailingList
from engine.audience.rosters import Wanted
from engine.control import said
from engine.control.lists import named
from engine.control.protocol.acts import Done
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.counts import people
from engine.house import House
from engine.sending.confirmations import Confirmations
from engine.sending.render import TemplateFault
from mta.ports import Tx

LIST_KEYS: Final = ("confirmation", "title", "purpose", *list_settings.keys())
PEOPLE_MOST: Final = 10_000  # in one command
UNDO_MOST: Final = 500  # of whom an inverse is remembered
CHUNK: Final = 10  # people in one commit
_TOO_MANY: Final = f"of more than {UNDO_MOST} people it is not kept who they were: name them, to do the opposite"


async def create(house: House, office: Office, body: dict[str, Any]) -> Done:
    name, now = said.text(body, "name"), house.clock.now()

    def work(tx: Tx) -> lists.MailingList:
        return lists.create(
            tx, name, title=said.text(body, "title", ""), purpose=said.text(body, "purpose", ""),
            confirmation=said.text(body, "confirmation", "double"), now=now,
        )  # fmt: skip

    try:
        made = await house.store.write(work)
    except ListError as err:
        raise Refusal(str(err)) from None
    undo = {"path": "lists/drop", "body": {"name": made.name}}
    return Done(f"list {made.name} made, {made.confirmation} opt-in", {"id": made.id, "name": made.name, "undo": undo})


async def drop(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Take away a list that nobody ever was on."""
    name = said.text(body, "name")
    if why := await house.store.write(lambda tx: removing.drop(tx, name)):
        raise Refusal(f"list {name[:70]} stays: {why}", "nothing was changed", 409)
    return Done(f"list {name} is gone", {"name": name})


async def change(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Change what is set of a list, by key; "" goes back to the default."""
    name, told = said.text(body, "name"), body.get("set", {})
    if not isinstance(told, dict) or not all(isinstance(each, str) for each in told.values()) or not told:
        raise Refusal("set is a JSON object of texts", f"there are: {', '.join(LIST_KEYS)}")
    missing = [
        each for key in ("template", "reminder") if (each := told.get(key)) and each not in house.template_names()
    ]
    if missing:
        raise Refusal(f"there is no mail {missing[0][:60]}", "`posthouse mail check` lists the faults of yours")

    def work(tx: Tx) -> tuple[MailingList, dict[str, str]]:
        before = lists.get(tx, name)
        made = lists.change(tx, name, told)
        return made, {key: _value(before, key) for key in told} if before else {}

    try:
        made, before = await house.store.write(work)
    except ListError as err:
        raise Refusal(str(err), "nothing was changed") from None
    undo = {"path": "lists/set", "body": {"name": name, "set": before}}
    return Done(
        f"list {made.name} is changed: {', '.join(sorted(told))}", {"id": made.id, "name": made.name, "undo": undo}
    )


def _value(found: MailingList, key: str) -> str:
    """What `lists/set` would be told to come back to it."""
    own = {"title": found.title, "purpose": found.purpose, "confirmation": found.confirmation}
    usual = list_settings.shown(list_settings.ListSettings()).get(key)
    value = own.get(key) or list_settings.shown(found.settings).get(key, "")
    return "" if key not in own and value == usual else value


async def subscribe(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Somebody asks for a list: a double opt-in list writes to them and waits for the answer."""
    address, now = said.address(body), house.clock.now()
    ask = Confirmations(house.composer, house.config.queue, house.chance.octets(16), now)
    answer = Answer(
        said.text(body, "wording", ""),
        said.text(body, "locale", ""),
        said.text(body, "source", "command"),
        salt=house.chance.octets(SALT_OCTETS),
    )

    def work(tx: Tx) -> subscriptions.Asked:
        return subscriptions.subscribe(
            tx, said.text(body, "list"), address, answer=answer, ask=ask, name=said.text(body, "name", ""),
            zone=said.text(body, "zone", ""), now=now,
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
    facts: dict[str, Any] = {"contact": asked.contact_id}
    if asked.already:
        return Done(f"{address} has confirmed this list already", {**facts, "already": True})
    facts["undo"] = {
        "path": "lists/remove",
        "body": {"list": said.text(body, "list"), "address": str(address), "why": "entered by mistake"},
    }
    if asked.message_id is None:
        return Done(f"{address} is on the list (single opt-in)", facts)
    return Done(f"{address} was asked by mail and waits for confirmation", {**facts, "message": asked.message_id})


async def remove(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Take people off a list. They said nothing, so it can be undone."""
    by, why = said.by(body), said.reason(body)

    def one(tx: Tx, contact_id: int, of: MailingList) -> str:
        salt = house.chance.octets(SALT_OCTETS)
        return "" if removing.remove(tx, contact_id, of, by, why, salt, house.clock.now()) else "they are not on it"

    return await _each(house, body, one, "taken off {}", undo="lists/restore")


async def restore(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Put people back whom an operator took off; nobody who left by themselves."""
    by = said.by(body)

    def one(tx: Tx, contact_id: int, of: MailingList) -> str:
        return removing.restore(tx, contact_id, of, by, house.chance.octets(SALT_OCTETS), house.clock.now())

    return await _each(house, body, one, "put back on {}", undo="lists/remove", why="put back by mistake")


async def ask_again(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Have people asked once more who have not answered. The mails are written within seconds, some at a time."""

    def one(tx: Tx, contact_id: int, of: MailingList) -> str:
        return entered.again(tx, contact_id, of.id, house.clock.now())

    return await _each(house, body, one, "asked for {} once more, by mail", undo="")


One = Callable[[Tx, int, MailingList], str]
"""Does it to one contact; "" when it is done, else why not, in words."""


async def _each(house: House, body: dict[str, Any], one: One, words: str, *, undo: str, why: str = "") -> Done:
    """Do it to those that the body names, or to all that it wants; what came of it, and how to undo it."""
    name = said.text(body, "list")
    of, ids = await _whom(house, name, body)
    done: list[int] = []
    refused: Counter[str] = Counter()
    is_dry = bool(body.get("dry_run"))
    for start in range(0, len(ids), CHUNK):
        part = ids[start : start + CHUNK]
        try:
            outcome = await house.store.write(lambda tx, part=part: _try_all(tx, part, of, one, is_dry))  # type: ignore[misc]
        except _Dry as dry:
            outcome = dry.outcome
        done += [contact_id for contact_id, reason in outcome if not reason]
        refused.update(reason for _, reason in outcome if reason)
    if len(ids) == 1 and refused:
        raise Refusal(f"nothing was changed: {next(iter(refused))}", "", 409)
    facts: dict[str, Any] = {"would" if is_dry else "done": len(done), "refused": dict(refused), "list": name}
    if undo and done and not is_dry:
        back = {"path": undo, "body": {"list": name, "contacts": done} | ({"why": why} if why else {})}
        facts |= {"undo": back} if len(done) <= UNDO_MOST else {"final": _TOO_MANY}
    not_done = "".join(f"; {count:,} not: {reason}" for reason, count in refused.most_common(3))
    verb = "would be" if is_dry else "were" if len(done) != 1 else "was"
    return Done(f"{people(len(done))} {verb} {words.format(name)}{not_done}", facts)


class _Dry(Exception):
    """Undoes a transaction that was only tried."""

    def __init__(self, outcome: list[tuple[int, str]]) -> None:
        super().__init__()
        self.outcome = outcome


def _try_all(tx: Tx, ids: Sequence[int], of: MailingList, one: One, is_dry: bool) -> list[tuple[int, str]]:
    outcome = [(contact_id, one(tx, contact_id, of)) for contact_id in ids]
    if is_dry:
        raise _Dry(outcome)
    return outcome


async def _whom(house: House, name: str, body: dict[str, Any]) -> tuple[MailingList, list[int]]:
    """The contacts that are meant: `address`, `contacts` (their numbers), or with `all` those of `state` and `q`."""
    of, ids = await house.store.read(lambda tx: (named(tx, name), said.contacts(tx, body)))
    if ids:
        return of, ids
    if not body.get("all"):
        raise Refusal("whom?", "name an address, contacts, or all (of a state, with a text)")
    state = said.text(body, "state", "")
    if state and state not in rosters.STATES:
        raise Refusal(f"state is not {state[:40]!r}", f"there are: {', '.join(rosters.STATES)}")
    wanted = Wanted(state, said.text(body, "q", "")[:200], limit=1_000)
    while True:
        part, after = await house.store.read(lambda tx, wanted=wanted: rosters.ids_on_list(tx, of.id, wanted))  # type: ignore[misc]
        ids += part
        if len(ids) > PEOPLE_MOST:
            raise Refusal(f"these are more than {PEOPLE_MOST:,} people", "narrow them down by a text or a state", 409)
        if not after:
            return of, ids
        wanted = replace(wanted, after=after)


ACTS: Final[Mapping[str, Callable[[House, Office, dict[str, Any]], Awaitable[Done]]]] = {
    "lists": create,
    "lists/drop": drop,
    "lists/set": change,
    "lists/subscribe": subscribe,
    "lists/remove": remove,
    "lists/restore": restore,
    "lists/ask-again": ask_again,
}

"""The one place where commands of the control socket are written down: before they are done, and completed after.

A command says in its answer how it is undone, as `undo` among its facts: {"path": ..., "body": {...}}, with `until_ms`
where that is possible for a time only; or as `final` why it can't be. The answer then says by `act` which act it was.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Final

from engine import houselog
from engine.acts import keeping, reading, telling
from engine.acts.keeping import CantUndo, Inverse
from engine.acts.reading import Wanted
from engine.control.asked import Asked
from engine.control.protocol.acts import Done
from engine.control.protocol.journal import ActRow, Acts
from engine.control.refusal import Refusal
from engine.control.shapes import BODIES, check_body
from engine.control.work import Office
from engine.house import House
from mta.ports import StoreTrouble, from_ms, to_ms

NOTE_MAX: Final = 1000  # characters
Act = Callable[[House, Office, dict[str, Any]], Awaitable[Done]]

ASKING: Final = frozenset(
    {
        "segments/check",
        "segments/count",
        "flows/plan",
        "flows/draw",
        "flows/check",
        "flows/draft",
        "flows/trial",
        "flows/trial/cancel",
        "campaigns/check",
        "campaigns/plan",
        "imports",
        "imports/part",
        "imports/try",
        "domains/check",
        "audit",
    }
)
"""Commands that change nothing that runs: questions that have a body, and what is being written."""

FINAL: Final[Mapping[str, str]] = {
    "lists/drop": "make it again by its name",
    "lists/ask-again": "who was asked has the mail; they may say no, or be taken off",
    "people": "who is written down can be changed, or forgotten",
    "people/merge": "what was one contact's is the other's",
    "people/erase": "nothing is left of it",
    "fields": "a field stays; its title and choices can be changed",
    "imports/start": "whom it brought can be taken off a list",
    "imports/cancel": "`posthouse import start` lets it go on",
    "imports/drop": "the file is gone",
    "imports/release": "the import is not watched any more",
    "imports/finish": "the ledger has its entry",
    "events": "flows have seen the event",
    "mail/test": "the mail has left",
    "flows/start": "who is in a flow stays in it until its end",
    "flows/late": "mails that were sent can't be taken back",
    "queue/retry": "mail that may go has gone",
    "queue/cancel": "what was cancelled without a grace has ended",
    "queue/restore": "cancel it again instead",
    "bounces/unclassify": "classify such a reply again instead",
    "campaigns/test": "the mail has left",
    "campaigns/retry": "mail that may go has gone",
    "campaigns/resend": "`posthouse campaign recall` takes back what has not left",
    "reload": "the configuration is what its file says: change it, and reload",
    "keys": "nothing changed but that files were read again",
    "fence/lift": "mail that may go has gone",
    "lab/advance": "time only goes forward",
}
"""Why a command can't be undone, where its answer says no more about it."""


@dataclass(frozen=True, slots=True)
class Doing:
    """Who asks for what is done now, and which act that is; 0 where it is not written down."""

    user: str
    number: int


DOING: Final[ContextVar[Doing]] = ContextVar("doing")


async def perform(house: House, office: Office, path: str, act: Act, body: dict[str, Any], user: str) -> Done:
    """Do what `user` asks for, and keep it in the journal."""
    if path in ASKING or body.get("dry_run") or (path == "flows/late" and not body.get("answer")):
        DOING.set(Doing(user, 0))
        return await act(house, office, body)
    number = await _begin(house, path, body, user)
    DOING.set(Doing(user, number))
    try:
        done = await act(house, office, body)
    except Refusal:  # after a trouble of the database nobody knows how much was done, and the act says so
        await _quietly(house, lambda tx: keeping.take_out(tx, number))
        raise
    await _complete(house, number, path, done)
    return replace(done, facts={**done.facts, "act": number}) if number else done


async def _begin(house: House, path: str, body: dict[str, Any], user: str) -> int:
    """Write down what is about to be done. A database that is away stops no command that can do without it."""
    operator = body.get("by") if path != "lab/advance" else None
    now = house.clock.now()
    number = await _quietly(
        house,
        lambda tx: keeping.begin(
            tx, path, user=user, operator=operator if isinstance(operator, str) else "", about=telling.about(body),
            told=telling.told(body), now=now,
        ),
    )  # fmt: skip
    return number or 0


async def _complete(house: House, number: int, path: str, done: Done) -> None:
    undo, now = done.facts.get("undo"), house.clock.now()
    inverse = Inverse(undo["path"], undo["body"]) if undo else None
    until_ms = undo.get("until_ms") if undo else None
    final = "" if inverse else str(done.facts.get("final") or FINAL.get(path, ""))
    await _quietly(
        house,
        lambda tx: keeping.complete(
            tx, number, done.text, now, inverse=inverse, final=final, until=from_ms(until_ms) if until_ms else None
        ),
    )


async def _quietly(house: House, work: Callable[[Any], Any]) -> Any:
    try:
        return await house.store.write(work)
    except StoreTrouble as err:
        houselog.not_journalled(err)
        return None


async def note(house: House, office: Office, body: dict[str, Any]) -> Done:
    """An operator writes something into the journal, for whoever looks at it later."""
    if not (text := Asked(body).text("text")):
        raise Refusal("a note has some words")
    return Done(text[:NOTE_MAX], {"final": "a note stays: write another"})


def undo_by(acts: Mapping[str, Act]) -> Act:
    """The command that undoes an act, by one of these."""

    async def undo(house: House, office: Office, body: dict[str, Any]) -> Done:
        """Undo one act, once: the one that is named, or the newest of who asks; it says what that was."""
        doing, wanted, now = DOING.get(), body.get("act"), house.clock.now()
        if not doing.number:
            raise Refusal("the journal can't be written now, and nothing is undone beside it", "try again", 503)
        try:
            found = await house.store.write(
                lambda tx: (
                    keeping.claim(tx, wanted, doing.number, now)
                    if wanted
                    else keeping.claim_newest(tx, doing.user, doing.number, now)
                )
            )
        except CantUndo as err:
            raise Refusal(str(err), err.remedy, 409) from None
        try:
            done = await _do(acts, house, office, found, body)
        except BaseException:
            await _quietly(house, lambda tx: keeping.release(tx, found, doing.number))
            raise
        words = f"act {found.number} is undone: {done.text}. It was {keeping.what(found.path, found.done)}"
        return Done(words, {**done.facts, "undid": found.number})

    return undo


async def _do(acts: Mapping[str, Act], house: House, office: Office, found: keeping.Act, said: dict[str, Any]) -> Done:
    """Do the opposite of an act, in the name of who undoes it."""
    path, inverse = found.inverse.path, dict(found.inverse.body)
    if path not in acts:
        raise Refusal(f"act {found.number} was undone by {path}, which this program does not know", "", 409)
    shape, why = BODIES[path], said.get("why") or f"act {found.number} is undone"
    inverse |= {
        name: value for name, value in (("by", said.get("by") or DOING.get().user), ("why", why)) if name in shape
    }
    try:
        check_body(path, inverse)
        return await acts[path](house, office, inverse)
    except Refusal as err:
        raise Refusal(f"act {found.number} can't be undone now: {err.error}", err.remedy, 409) from None


async def acts_page(house: House, asked: Asked) -> Acts:
    """What was done, the newest first."""
    wanted = Wanted(asked.text("who"), asked.text("what"), asked.text("about"), asked.text("q"))
    limit, before = asked.number("limit", 100, least=1, most=500), asked.number("before", 0)
    now = house.clock.now()
    rows, after = await house.store.read(lambda tx: reading.page(tx, wanted, limit, before, now))
    return Acts(
        to_ms(now),
        tuple(
            ActRow(
                each.number, each.at_ms, each.user, each.operator, each.path, each.about, each.told, each.done,
                each.state, each.can_undo, each.final, each.until_ms, each.undoes, each.undone_by,
            )
            for each in rows
        ),
        after,
    )  # fmt: skip

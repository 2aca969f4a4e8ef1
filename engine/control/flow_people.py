"""Who stands where in a flow, and flows that are played over the past: what the terminal asks of single people."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from deliverability.settings import parse_duration
from engine.control.asked import Asked
from engine.control.flow_texts import checked, flow_named, word
from engine.control.protocol.acts import Done
from engine.control.protocol.flows import FlowPeople, FlowPerson, Trial
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.house import House
from engine.running.traffic import Cursor, Stander, standers
from engine.store.many import in_list
from mta.ports import Tx, to_ms

PAGE_MAX: Final = 500
LOOKED_AT: Final = 2000  # people in one question at most: a page may be short and have a next


async def people(house: House, name: str, asked: Asked) -> FlowPeople:
    """A page of who is under way, at one step or at any; with `q`, of those whose address, run or trouble has these words."""
    step, limit, words = asked.text("step"), asked.number("limit", 100, least=1, most=PAGE_MAX), asked.text("q")
    after, now_ms = _cursor(asked.text("after")), to_ms(house.clock.now())
    flow_id, _ = await house.store.read(lambda tx: flow_named(tx, name))
    found, after_it = await _find(house, flow_id, step, words.casefold(), after, limit)
    rows = await house.store.read(lambda tx: _rows(tx, found, now_ms))
    return FlowPeople(now_ms, name, step, rows, json.dumps(after_it, ensure_ascii=False) if after_it else "")


async def _find(
    house: House, flow_id: int, step: str, words: str, after: Cursor, limit: int
) -> tuple[list[Stander], Cursor | None]:  # fmt: skip
    """Those at the step, and where the next page begins; None where nobody is left."""
    found: list[Stander] = []
    for _ in range(LOOKED_AT // PAGE_MAX):
        part = await house.store.read(partial(_next, flow_id, after))
        names = await house.store.read(partial(_addresses, part)) if words else {}
        for each in part:
            after = each.cursor
            said = f"{names.get(each.contact_id, '')} {each.run_key} {each.trouble}".casefold() if words else ""
            found += [each] if step in ("", each.step) and words in said else []
            if len(found) == limit:
                return found, after
        if len(part) < PAGE_MAX:
            return found, None
    return found, after


def _next(flow_id: int, after: Cursor, tx: Tx) -> list[Stander]:
    return standers(tx, flow_id, after, PAGE_MAX)


def _rows(tx: Tx, found: Sequence[Stander], now_ms: int) -> tuple[FlowPerson, ...]:
    if not found:
        return ()
    addresses = _addresses(found, tx)
    marks, ids = in_list(sorted({each.version_id for each in found}))
    versions = dict(tx.query(f"SELECT id, hash FROM flow_version WHERE id IN ({marks})", ids))
    return tuple(
        FlowPerson(
            addresses.get(each.contact_id, ""), each.step, each.before if each.before != each.step else "", each.since_ms,
            each.due_ms, each.enrolment_id, each.run_key, versions.get(each.version_id, "")[:12], each.trouble,
            each.is_stuck(now_ms),
        )
        for each in found
    )  # fmt: skip


def _addresses(found: Sequence[Stander], tx: Tx) -> dict[int, str]:
    marks, ids = in_list([each.contact_id for each in found])
    return dict(tx.query(f"SELECT id, address FROM contact WHERE id IN ({marks})", ids))


def _cursor(text: str) -> Cursor:
    if not text:
        return 0, ""
    try:
        contact, key = json.loads(text)
    except (ValueError, TypeError):
        contact, key = None, None
    if type(contact) is not int or not isinstance(key, str):
        raise Refusal("after is no cursor of ours", "say it as the page before answered it")
    return contact, key


# -- the past


async def try_out(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Begin to play a text over the past; its number says how to ask for it."""
    definition, since = await checked(house, body), word(body, "since", "90d")
    try:
        parse_duration(since)
    except (ValueError, OverflowError) as err:
        raise Refusal(f"since: {err}") from None
    asked = {
        "config": str(office.path.resolve()), "source": word(body, "source"), "file": word(body, "file", "flow.yaml"),
        "since": since, "seed": body.get("seed", 0),
    }  # fmt: skip
    trial = await office.flows.trials.start(asked, definition.name, definition.version, word(body, "by", ""))
    return Done(f"trial {trial.id}: {definition.name} is played over {since}", {"id": trial.id})


async def cancel(house: House, office: Office, body: dict[str, Any]) -> Done:
    """End a trial that is under way."""
    trial: Trial = await office.flows.trials.cancel(body.get("id", 0))
    return Done(f"trial {trial.id} of {trial.flow} is cancelled", {"id": trial.id})

"""What needs a person: every alert that stands, what it is about, and who has seen it.

An alert has no number: it is known by its words without their figures, so that "deferred everything for 14 min" is still
the same a minute later. What belongs to a name (mx1.example, 163.com, 192.0.2.1) is no figure. That somebody has seen it is
kept until it stands no more; when it comes again, it is news.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from engine.control import reputation
from engine.control.observing.facts import facts
from engine.control.observing.health import FAILING, judge
from engine.control.protocol.acts import Done
from engine.control.protocol.house import Alert, Overview
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.counts import counted
from engine.house import House
from mta.ports import Tx, from_ms, to_ms

_ADDRESS: Final = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b"
_FIGURES: Final = re.compile(rf"(?<![\w.-])(?!{_ADDRESS})[0-9][0-9.,:]*(?=(?:d|h|m|s|ms)?(?![\w-])(?!\.\w))")
_META: Final = "alerts_seen"
_LONGEST: Final = 160
_OLD_MS: Final = 30 * 86_400_000  # nobody keeps for longer who has seen what does not stand here
_OF_DOMAINS: Final = ("certificate", "keys", "doctor")


def standing(house: House, office: Office) -> tuple[Alert, ...]:
    """What the health says, and what the office knows besides. Nobody is said to have seen them yet: see `marked`."""
    rows = [*_of_health(house, office), *reputation.alerts(office.watcher)]
    rows += [Alert(*note, about="mode domains") for note in office.key_keeper.alerts]
    rows += _of_sites(office)
    return tuple(replace(each, key=key_of(each.text)) for each in rows)


def key_of(text: str) -> str:
    """What an alert is known by while its figures change."""
    return _FIGURES.sub("#", text)[:_LONGEST]


def _of_health(house: House, office: Office) -> list[Alert]:
    """Every reason of `posthouse health`, but for those whose parts stand here one by one."""
    known = facts(house, office, office.lookout.last)
    alone = replace(known, keys_wrong=(), suspended=(), alarms=())
    return [
        Alert(
            "!" if each.state == FAILING else "?", f"{each.reason}: {each.says}; {each.remedy}",
            about="mode domains" if each.reason in _OF_DOMAINS else "",
        )
        for each in judge(alone, 0).reasons
    ]  # fmt: skip


def _of_sites(office: Office) -> list[Alert]:
    """What is suspended or slowed."""
    conductor = office.conductor
    stopped = [
        Alert(
            "!", f"{each.scope} {each.name} waits until {from_ms(each.until_ms):%H:%M} UTC ({each.by}): {each.why}",
            about=f"{each.scope} {each.name}" if each.scope in ("site", "domain", "stream", "campaign") else "mode queue",
        )
        for each in conductor.suspensions.values()
    ]  # fmt: skip
    slowed = [
        Alert(
            "?",
            f"{each.site} gets {counted(each.per_minute, 'attempt')} a minute until {from_ms(each.until_ms):%H:%M} UTC"
            f" ({each.by}): {each.why}",
            about=f"site {each.site}",
        )
        for each in conductor.slowings.held.values()
    ]
    return [*stopped, *slowed]


# -- who has seen them


def marked(tx: Tx, overview: Overview) -> Overview:
    """The same, with the alerts that nobody has seen first, and the others with who did."""
    seen = _seen(tx)
    found = [
        replace(each, seen_by=str(seen[each.key][0]), seen_ms=int(seen[each.key][1])) if each.key in seen else each
        for each in overview.alerts
    ]
    return replace(overview, alerts=tuple(sorted(found, key=lambda each: bool(each.seen_by))))


async def acknowledge(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Say that somebody has seen an alert, by its words or its key."""
    key = key_of(body.get("alert", ""))
    by, now_ms = body.get("by") or "somebody", to_ms(house.clock.now())
    stands = {each.key: each for each in standing(house, office)}
    if key not in stands:
        raise Refusal("no such alert stands", "`posthouse alert list` tells of those that do", 404)

    def note(tx: Tx) -> None:
        known = _seen(tx, lock=True).items()
        seen = {each: row for each, row in known if each in stands or int(row[1]) > now_ms - _OLD_MS}
        _keep(tx, {**seen, key: [by, now_ms]})

    await house.store.write(note)
    undo = {"path": "alerts/unacknowledge", "body": {"alert": key}}
    return Done(f"seen by {by}: {stands[key].text}", {"alert": key, "undo": undo})


async def unacknowledge(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Let an alert be news again."""
    key = key_of(body.get("alert", ""))

    def forget(tx: Tx) -> bool:
        seen = _seen(tx, lock=True)
        was_there = seen.pop(key, None) is not None
        _keep(tx, seen)
        return was_there

    if not await house.store.write(forget):
        raise Refusal("nobody has said to have seen such an alert", "`posthouse alert list` tells of them", 404)
    return Done("it is news again", {"alert": key, "undo": {"path": "alerts/acknowledge", "body": {"alert": key}}})


async def forget_gone(house: House, alerts: Iterable[Alert], stood: set[str]) -> None:
    """Whatever stands no more is news when it comes again. `stood`: the keys of what was seen to stand before, which this
    brings up to date; what stands at another front office, or was not looked for yet since the start, is not gone. StoreTrouble.
    """
    keys = {each.key for each in alerts}
    if (gone := stood - keys) and not gone.isdisjoint(await house.store.read(_seen)):
        await house.store.write(
            lambda tx: _keep(tx, {each: row for each, row in _seen(tx, lock=True).items() if each not in gone})
        )
    stood.clear()
    stood |= keys


def _seen(tx: Tx, *, lock: bool = False) -> dict[str, list[Any]]:
    """Key -> who, and when in milliseconds."""
    row = tx.one("SELECT value FROM meta WHERE key = ?" + (tx.for_update() if lock else ""), (_META,))
    found = json.loads(row[0]) if row and row[0] else {}
    return found if isinstance(found, dict) else {}


def _keep(tx: Tx, seen: dict[str, list[Any]]) -> None:
    tx.execute(
        "INSERT INTO meta (key, value) VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (_META, json.dumps(seen, ensure_ascii=False)),
    )

"""How our mail is taken, over the control socket: figures, the index with its parts, alarms."""

import difflib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from deliverability.reputation.alarms import Level
from deliverability.reputation.figures import BOUNCED, DEFERRED, EXPIRED, Figures
from deliverability.reputation.index import Beside, Index, Share, index
from engine.control.asked import Asked
from engine.control.protocol.house import Alert
from engine.control.protocol.reputation import AlarmRow, KindRow, PartRow, ReputationAnswer, ReputationRow, SaidRow
from engine.control.refusal import Refusal
from engine.house import House
from engine.reputation import alarms, beside, listings, reading
from engine.reputation.alarms import Alarm, Watcher
from engine.reputation.reading import DIMENSIONS, About
from engine.reputation.sources import DAY_MS, day_of
from mta.ports import from_ms, to_ms
from mta.queue.delivery import Stream

DAYS: Final = 30
MOST_DAYS: Final = 3_660
SAID: Final = 12  # classes of refusals that are shown
ALARMS: Final = 50
LONGEST: Final = 200  # characters of an alarm on the first screen
_SAID_GLYPHS: Final = {Level.ALARM: "!", Level.WARN: "?"}


async def show(house: House, asked: Asked) -> ReputationAnswer:
    """The figures of all mail, or of a provider, a source, a From domain or a stream."""
    now, days = house.clock.now(), asked.number("days", DAYS, least=1, most=MOST_DAYS)
    first, settings = day_of(now) - days + 1, house.config.reputation
    about = _about(asked.text("about"), await house.store.read(lambda tx: reading.names(tx, first)))
    since = from_ms(first * DAY_MS)
    ours = beside.sending_addresses(house.config)
    dmarc = await house.store.read(lambda tx: beside.dmarc(tx, since, ours))
    by_day = await house.store.read(lambda tx: reading.by(tx, "day", about, first))
    total, others = reading.total(list(by_day.values())), await _beside(house, about, dmarc)
    groups: list[ReputationRow] = []
    for each in DIMENSIONS:
        found = await house.store.read(lambda tx, each=each: reading.by(tx, each, about, first))  # type: ignore[misc]
        for name, figures in found.items():
            its = await _beside(house, About(each, name), dmarc)
            groups.append(_row(each, name, figures, its, index(figures, its, settings)))
    said = await house.store.read(lambda tx: reading.said(tx, about, first, SAID))
    raised = await house.store.read(lambda tx: alarms.history(tx, since, ALARMS))
    raw = await house.store.read(lambda tx: reading.raw(tx, about, first)) if asked.number("rows", 0) else []
    whole = index(total, others, settings)
    return ReputationAnswer(
        to_ms(now), about.words, days, settings.least, whole.value, _parts(whole),
        _row("all", about.words, total, others, whole), tuple(groups),
        tuple(
            _row("day", _date(day), figures, Beside(), index(figures, Beside(), settings))
            for day in range(first, first + days)
            for figures in (by_day.get(str(day), Figures()),)
        ),
        tuple(SaidRow(*each) for each in said), tuple(map(_alarm, raised)),
        tuple(
            KindRow(_date(kind[0]), *kind[1:4], Stream(kind[4]).word, counts) for kind, counts in raw
        ),
    )  # fmt: skip


async def indexes(house: House) -> dict[str, int]:
    """The index of each From domain over DAYS; those of which too few mails say something are left out. StoreTrouble."""
    now, ours = house.clock.now(), beside.sending_addresses(house.config)
    first = day_of(now) - DAYS + 1
    dmarc = await house.store.read(lambda tx: beside.dmarc(tx, from_ms(first * DAY_MS), ours))
    found = await house.store.read(lambda tx: reading.by(tx, "domain", About(), first))
    whole = {
        name: index(figures, await _beside(house, About("domain", name), dmarc), house.config.reputation).value
        for name, figures in found.items()
    }
    return {name: value for name, value in whole.items() if value is not None}


def alerts(watcher: Watcher) -> tuple[Alert, ...]:
    """The alarms that stand, for the first screen."""
    return tuple(Alert(_SAID_GLYPHS[each.level], _cut(each.words)) for each in watcher.now_standing)


def _cut(words: str) -> str:
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 3]}..."


def _about(text: str, known: Mapping[str, tuple[str, ...]]) -> About:
    """What was asked about, by its name: "gmail", "shop.example", or "source default" where a name alone says too little."""
    if not text:
        return About()
    dimension, _, name = text.partition(" ")
    if dimension not in DIMENSIONS:
        dimension, name = "", text
    name = name.strip().lower() if dimension != "source" else name.strip()
    for each in (dimension,) if dimension else DIMENSIONS:
        if found := next((one for one in known[each] if one.lower() == name.lower()), None):
            return About(each, found)
    names = sorted({one for each in DIMENSIONS for one in known[each]})
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    there_are = f"there are: {', '.join(names[:20])}" if names else "no mail was tried in these days"
    raise Refusal(f"there are no figures of {text[:60]}", f"did you mean {near[0]}?" if near else there_are, 404)


async def _beside(house: House, about: About, dmarc: Mapping[str, Share]) -> Beside:
    """What others say of this mail. Reports know From domains, and neither providers nor streams."""
    domain = about.name if about.dimension == "domain" else ""
    listed = await house.store.read(lambda tx: listings.share(tx, domain))
    if domain:
        return Beside(dmarc.get(domain, Share(0, None)), listed)
    if about.dimension or not dmarc:
        return Beside(listed=listed)
    whole = Share(sum(each.count for each in dmarc.values()), sum(each.of or 0 for each in dmarc.values()))
    return Beside(whole, listed)


def _parts(found: Index) -> tuple[PartRow, ...]:
    return tuple(
        PartRow(
            each.name, each.count, each.of, each.count / each.of if each.of else None, each.limit, each.weight, each.lost,
            each.why,
        )
        for each in found.parts
    )  # fmt: skip


def _row(kind: str, name: str, figures: Figures, others: Beside, found: Index) -> ReputationRow:
    failed = others.dmarc.value
    return ReputationRow(
        kind, name, figures.tried, figures.sent, figures.accepted, sum(figures.classes(DEFERRED).values()),
        sum(figures.classes(BOUNCED).values()), figures.hard, figures.blocked, figures.counts[EXPIRED], figures.complaints,
        figures.unsubscribes, 1 - figures.in_clear / figures.accepted if figures.accepted else None,
        figures.median_seconds, None if failed is None else 1 - failed, found.value,
    )  # fmt: skip


def _alarm(each: Alarm) -> AlarmRow:
    return AlarmRow(
        each.subject.rule, each.subject.words, each.level.word, each.words, each.count, each.of, each.figure, each.threshold,
        each.reply, each.judged_by, each.message_id, to_ms(each.began), to_ms(each.ended) if each.ended else None,
    )  # fmt: skip


def _date(day: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).strftime("%Y-%m-%d")

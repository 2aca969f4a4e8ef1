"""What a campaign would do, before it is started: recipients and exclusions, time, variants, the worst mails, the way out.

The audience is read in short parts, so a plan for a million takes some time and holds nobody up.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from deliverability.doctor.providers import Met
from deliverability.settings import format_duration
from engine.audience.lists import get
from engine.campaigns import audience, lint
from engine.campaigns.choosing import UNDECIDED
from engine.campaigns.counting import Count, Tally
from engine.campaigns.heads import Heads, folded
from engine.campaigns.model import Campaign
from engine.campaigns.moments import begins, next_occasion
from engine.control.calendar import others, overlapping, together
from engine.control.campaign_sources import given
from engine.control.campaign_trials import Rendered, rendered
from engine.control.doctoring import broken_demands, words_of
from engine.control.forecasting import Forecast, Sending
from engine.control.protocol.acts import Done
from engine.control.work import Office
from engine.counts import counted
from engine.house import House
from mta.ports import Tx, from_ms, to_ms

SHOWN: Final = 12  # rows of zones, domains, mails
BESIDE: Final = timedelta(days=7)  # after its beginning: what is planned until then shares its way


async def plan(house: House, office: Office, body: dict[str, Any]) -> Done:
    """What a campaign file would do. Changes nothing."""
    found, now, zone = await given(house, body), house.clock.now(), ZoneInfo(house.config.mail.zone)
    campaign = found.campaign
    comes_again = bool(campaign.when.rrule) and not found.is_told
    civil = next_occasion(campaign.when, now, zone) if comes_again else found.civil
    at = max(now, begins(replace(campaign.when, at=civil), now, zone))
    count = Count(campaign, civil, at, zone, house.arbiter)
    of = await house.store.read(lambda tx: audience.groups(tx, campaign.audience))
    tally, after = Tally(), 0
    while (more := await house.store.read(partial(_part, count, of, after, tally, now))) is not None:
        after = more
    mails = await _worst(house, campaign, tally, now)
    facts = await house.store.read(lambda tx: _lint_facts(tx, house, campaign, mails, tally, now))
    way = await _way_out(house, office, campaign, civil, at, tally, now)
    lints = [*_demands(await broken_demands(house, office.doctor, facts.mails)), *lint.findings(facts)]
    text = "\n".join(_words(campaign, at, tally, mails, way, lints))
    return Done(text, _data(campaign, at, tally, mails, way, lints))


def _part(count: Count, of: audience.Groups, after: int, tally: Tally, now: datetime, tx: Tx) -> int | None:
    return count.part(tx, of, after, tally, now)


# -- mails as their readers would get them


async def _worst(house: House, campaign: Campaign, tally: Tally, now: datetime) -> list[Rendered]:
    """Each variant for the longest name, for whom least is known of, and for somebody of each language."""
    lists = dict(tally.example.values())
    asked = [("longest name", tally.longest[1]), ("least known", tally.barest[1])]
    asked += [(f"language {tag or '(none)'}", tally.example[tag][0]) for tag, _ in tally.locales.most_common(SHOWN)]
    found = []
    for who, contact_id in asked:
        if contact_id:
            list_id = lists.get(contact_id, next(iter(lists.values()), 0))
            found += await rendered(house, campaign, who, contact_id, list_id, now)
    return found


# -- how long it takes


@dataclass(frozen=True, slots=True)
class WayOut:
    """How it leaves beside all that is planned: the forecast, and with what else it shares the way."""

    forecast: Forecast
    overlaps: tuple[str, ...]


async def _way_out(
    house: House, office: Office, campaign: Campaign, civil: datetime | None, at: datetime, tally: Tally, now: datetime
) -> WayOut:  # fmt: skip
    zone, key = ZoneInfo(house.config.mail.zone), f"{campaign.name}/plan"
    mine = Sending(key, campaign, at, civil, Heads(now, folded(tally.heads)))
    beside = await others(house, office, campaign.name, at + BESIDE, now)
    found = await together(house, office, [mine, *beside], now, zone)
    names = [each.rpartition("/")[0] for each in overlapping(key, found)]
    return WayOut(found[key], tuple(dict.fromkeys(names)))


# -- what speaks against it


def _demands(broken: list[Met]) -> list[lint.Finding]:
    remedy = "`posthouse doctor` says what to publish; until then it starts only with --override"
    return [lint.Finding("bulk rules", f"it breaks {each}", remedy, must=True) for each in words_of(broken)]


def _lint_facts(
    tx: Tx, house: House, campaign: Campaign, mails: list[Rendered], tally: Tally, now: datetime
) -> lint.Facts:  # fmt: skip
    found = [each for name in campaign.audience.of.lists if (each := get(tx, name)) is not None]
    last = from_ms(tally.last_ms) if tally.last_ms else None
    name = campaign.mail.sender or house.composer.name
    return lint.Facts(
        [lint.OfList(each.name, each.confirmation, each.purpose) for each in found],
        [each.mail for each in mails if each.mail is not None], name, str(house.composer.address),
        "\n".join(house.composer.shop["postal_lines"]), house.config.web.base_url, last, now,
    )  # fmt: skip


# -- in words, and as data


def _words(
    campaign: Campaign, at: datetime, tally: Tally, mails: list[Rendered], way: WayOut, found: list[lint.Finding]
) -> Iterator[str]:  # fmt: skip
    yield f"campaign {campaign.name} version {campaign.short_version}, for {campaign.goal.event} within {campaign.goal.within}"
    later = f", first mail {format_duration(campaign.window)} later" if campaign.window else ""
    yield f"begins      {at:%Y-%m-%d %H:%M} UTC{later}"
    yield from _taking(way)
    yield f"recipients  {tally.goes:,} of {tally.people:,}"
    yield from (f"  excluded  {count:>9,}  {reason}" for reason, count in tally.excluded.most_common())
    yield from (f"  variant   {count:>9,}  {_variant(name)}" for name, count in sorted(tally.variants.items()) if name)
    if campaign.hours is not None:
        whose = (
            "on each reader's clock"
            if campaign.when.own_zone
            else f"on the clock of {campaign.when.zone or 'mail.zone'}"
        )
        yield f"hours       {campaign.hours}, {whose}; what does not fit goes on when they begin again"
    if campaign.every is not None:
        yield f"throttle    {timedelta(hours=1) / campaign.every:,.0f} an hour: {_span(tally.goes * campaign.every)} in all"
    if tally.crowded:
        about = "" if tally.judged == tally.crowded else f" (of {tally.judged:,} that were asked about)"
        yield f"collisions  {tally.crowded:,} were written to lately, or asked for fewer"
        yield from (f"  would wait {count:>8,}  {reason}{about}" for reason, count in tally.held.most_common())
    for zone, count in tally.zones.most_common(SHOWN):
        over = f", for {tally.passed[zone]:,} the hour is over: {campaign.when.if_passed}" if tally.passed[zone] else ""
        yield f"  zone      {count:>9,}  {zone}{over}"
    yield from _leaving(way)
    yield "mails"
    for render in mails:
        told = f"{render.who}, {render.language or '-'}" + (f", variant {render.variant}" if render.variant else "")
        yield f"  {told}: " + (
            f'"{render.mail.subject}", {len(render.mail.content) / 1024:.0f} KiB'
            if render.mail
            else f"! {render.fault}"
        )
    yield "lint        " + ("nothing found" if not found else counted(len(found), "finding"))
    yield from (f"  {each}" for each in found)


def _taking(way: WayOut) -> Iterator[str]:
    """When it will be over, and what speaks against it: before all the figures, or nobody reads as far."""
    ends = f"; ends {way.forecast.ends:%Y-%m-%d %H:%M} UTC" if way.forecast.ends else ""
    yield f"forecast    {way.forecast.takes}{ends}"
    yield from (f"  ! {each}" for each in way.forecast.warns)


def _leaving(way: WayOut) -> Iterator[str]:
    """The domains with most readers, and what leaves at the same time."""
    for each in way.forecast.sites[:SHOWN]:
        pace = f"{each.rate:,.1f}/s" if each.rate else "no limit known"
        end = f", ends {from_ms(each.ends_ms):%Y-%m-%d %H:%M} UTC" if each.ends_ms else ""
        yield f"  domain    {each.people:>9,}  {each.domain or 'all others'}: {pace}{end}"
    if way.overlaps:
        yield f"  beside    {', '.join(way.overlaps)}: they share the way, and both take longer"


def _variant(name: str) -> str:
    return "wait for the winner" if name == UNDECIDED else name


def _span(span: timedelta) -> str:
    minutes = span // timedelta(minutes=1)
    return (
        f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min" if minutes else "under a minute"
    )


def _data(
    campaign: Campaign, at: datetime, tally: Tally, mails: list[Rendered], way: WayOut, found: list[lint.Finding]
) -> dict[str, Any]:  # fmt: skip
    return {
        "campaign": campaign.name, "version": campaign.version, "begins_ms": to_ms(at), "people": tally.people,
        "recipients": tally.goes, "excluded": dict(tally.excluded), "held": dict(tally.held), "crowded": tally.crowded,
        "judged": tally.judged, "variants": {name: count for name, count in tally.variants.items() if name},
        "zones": dict(tally.zones), "passed": dict(tally.passed), "languages": dict(tally.locales),
        "takes": way.forecast.takes, "ends_ms": to_ms(way.forecast.ends) if way.forecast.ends else None,
        "overlaps": way.overlaps, "warns": way.forecast.warns, "domains": [asdict(each) for each in way.forecast.sites],
        "mails": [
            {
                "who": each.who, "variant": each.variant, "language": each.language, "fault": each.fault,
                "subject": each.mail.subject if each.mail else "", "octets": len(each.mail.content) if each.mail else 0,
            }
            for each in mails
        ],
        "lint": [asdict(each) for each in found],
    }  # fmt: skip

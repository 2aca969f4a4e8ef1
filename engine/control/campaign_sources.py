"""The campaign that a command is about: the file that it sends, or the one of this name that the daemon keeps; with another
time, where one is said. All of it must make sense here."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.campaigns import audience
from engine.campaigns.model import Campaign
from engine.campaigns.reading import check as check_text
from engine.campaigns.redating import with_when
from engine.campaigns.spoken import READER, Spoken, read_time
from engine.control.asked import Asked
from engine.control.refusal import Refusal
from engine.flow.civil import zone_of
from engine.house import House
from engine.sending.checking import check_mails

THERE_ARE: Final = "`posthouse campaign list` lists them"


@dataclass(frozen=True, slots=True)
class Given:
    """`civil`: the time that was said for it, else its own; None for none. `is_told`: whether one was said."""

    campaign: Campaign
    source: str
    civil: datetime | None
    is_told: bool = False


async def given(house: House, body: dict[str, Any]) -> Given:
    """What `source`, or `campaign`, and `at` of a body mean. Refusal with all that is wrong."""
    source = await _source(house, body)
    campaign = await checked(house, source, Asked(body).text("file") or "campaign.yaml")
    words = Asked(body).text("at")
    if not words:
        return Given(campaign, source, campaign.when.at)
    spoken = said_time(house, campaign, words)
    wanted = "" if spoken.zone == "here" else spoken.zone
    own = READER if campaign.when.own_zone else campaign.when.zone
    if not spoken.zone or wanted == own or spoken.civil is None:
        return Given(campaign, source, spoken.civil, is_told=True)
    if campaign.when.rrule:
        raise Refusal(f"{campaign.name} comes again by a rule", "say its zone in the file's when")
    source = with_when(source, spoken.civil, wanted)
    return Given(await checked(house, source, "campaign.yaml"), source, spoken.civil, is_told=True)


def said_time(house: House, campaign: Campaign, words: str) -> Spoken:
    """A time in words, on the campaign's clock. Refusal for what is none."""
    zone = ZoneInfo(house.config.mail.zone)
    try:
        return read_time(words, house.clock.now(), zone_of(campaign.when.zone, zone))
    except ValueError as err:
        raise Refusal(f"at: {err}") from None


async def checked(house: House, source: str, file: str) -> Campaign:
    """The campaign of a text, if all of it makes sense here."""
    found = check_text(source, file, house.template_names())
    if not isinstance(found, Campaign):
        raise Refusal("\n".join(map(str, found)), "nothing was changed", 422)
    if faults := check_mails(house.resources, sorted(found.templates)):
        raise Refusal("\n".join(map(str, faults)), "nothing was changed: mend the mails that the campaign sends", 422)
    missing = await house.store.read(
        lambda tx: audience.missing(tx, found.audience.of) + audience.missing(tx, found.audience.minus)
    )
    if missing:
        raise Refusal("\n".join(missing), "`posthouse list show` and `posthouse segment list` show what there is", 422)
    return found


async def kept_source(house: House, name: str) -> str:
    """The text of a campaign as the daemon has it. Refusal."""
    row = await house.store.read(
        lambda tx: tx.one(
            "SELECT v.source FROM campaign c JOIN campaign_version v ON v.id = c.version_id WHERE c.name = ?", (name,)
        )
    )
    if row is None:
        raise Refusal(f"there is no campaign {name[:70]}", THERE_ARE, 404)
    return str(row[0])


async def _source(house: House, body: dict[str, Any]) -> str:
    source = body.get("source")
    if isinstance(source, str):
        return source
    if name := Asked(body).text("campaign"):
        return await kept_source(house, name)
    raise Refusal("source is missing: the text of a campaign file; or campaign, the name of one that is kept")

"""Trying a campaign's mails on its readers before it starts: nobody's mail is written by it, and nothing changes."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeAlias

from engine.audience.contacts import facts_of
from engine.audience.lists import MailingList, by_id
from engine.campaigns import audience
from engine.campaigns.audience import Person
from engine.campaigns.model import Campaign
from engine.campaigns.writing import asks_for_products, compose
from engine.catalogue.offers import offers
from engine.control.refusal import Refusal
from engine.house import House
from engine.sending.compose import Composed
from engine.sending.render import TemplateFault
from mta.ports import Tx

TRIED: Final = 16  # readers
PARTS: Final = 20  # of the audience, looked through for them

Products: TypeAlias = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail as one reader would get it, or what is wrong with it."""

    who: str
    variant: str
    language: str
    mail: Composed | None
    fault: str = ""


async def refuse_unwritable(house: House, campaign: Campaign, now: datetime) -> list[Composed]:
    """Refusal where the mail, or a variant of it, can be written for none of the first TRIED readers; else their mails."""
    tried = []
    for each in await house.store.read(partial(_first, campaign)):
        tried += await rendered(house, campaign, "", each.contact_id, each.list_id, now)
    for variant in sorted({each.variant for each in tried}):
        mine = [each for each in tried if each.variant == variant]
        if all(each.mail is None for each in mine):
            which = f"variant {variant}" if variant else "the mail"
            remedy = "nothing was changed; `posthouse campaign plan` shows the mails as their readers would get them"
            raise Refusal(
                f"{which} can't be written for any of the first {len(mine)} readers: {mine[0].fault}", remedy, 422
            )
    return [each.mail for each in tried if each.mail is not None]


def _first(campaign: Campaign, tx: Tx) -> list[Person]:
    of, after = audience.groups(tx, campaign.audience), 0
    found: list[Person] = []
    for _ in range(PARTS):
        part = audience.read_part(tx, of, after)
        if part is None or len(found) >= TRIED:
            break
        found += [each for each in part.people if not each.reason]
        after = part.cursor
    return found[:TRIED]


async def rendered(
    house: House, campaign: Campaign, who: str, contact_id: int, list_id: int, now: datetime
) -> list[Rendered]:  # fmt: skip
    """Each variant as this reader would get it; nothing for somebody who is gone."""
    asks = asks_for_products(house.composer, campaign)
    contact, of_list, offered = await house.store.read(partial(_reader, contact_id, list_id, asks))
    found = []
    for each in _renders(house, campaign, who, contact, of_list, offered, now) if contact is not None else ():
        found.append(each)
        await asyncio.sleep(0)
    return found


def _reader(
    contact_id: int, list_id: int, asks: bool, tx: Tx
) -> tuple[dict[str, Any] | None, MailingList | None, Products]:
    contact, of_list = facts_of(tx, [contact_id], list_id).get(contact_id), by_id(tx, list_id) if list_id else None
    return contact, of_list, offers(tx, contact_id, {}) if asks else []


def _renders(
    house: House, campaign: Campaign, who: str, contact: Mapping[str, Any], of_list: MailingList | None,
    offered: Products, now: datetime,
) -> Iterator[Rendered]:  # fmt: skip
    for variant in [each.name for each in campaign.variants] or [""]:
        try:
            mail = compose(
                house.composer, campaign, variant, contact, of_list, subject={}, octets=bytes(16), mark=None, now=now,
                offered=offered,
            )  # fmt: skip
        except TemplateFault as err:
            yield Rendered(who, variant, str(contact["locale"]), None, f"{err} (contact {contact['address']})")
        else:
            yield Rendered(who, variant, str(contact["locale"]), mail)

"""A campaign's mail before anybody gets it: as a reader sees it, and sent to an address of one's own."""

from typing import Any

from deliverability.address import Address, AddressError
from engine.audience.contacts import facts_of, find_contact
from engine.audience.lists import MailingList, get
from engine.campaigns.model import Campaign
from engine.campaigns.writing import compose
from engine.control.asked import Asked
from engine.control.campaign_sources import checked, kept_source
from engine.control.campaign_wording import framed, in_tongue, languages, written_in
from engine.control.protocol.acts import Done
from engine.control.protocol.calendar import CampaignMail, CampaignText
from engine.control.refusal import Refusal
from engine.control.work import Office
from engine.house import House
from engine.proofs.samples import Reader, goods, person
from engine.sending.compose import Composed
from engine.sending.render import TemplateFault
from mta.ports import Tx, to_ms
from mta.queue.delivery import Stream
from mta.queue.queue import NewMessage, Recipient, enqueue


async def text(house: House, name: str) -> CampaignText:
    """The file as it is kept."""
    source = await kept_source(house, name)
    row = await house.store.read(
        lambda tx: tx.one(
            "SELECT r.state FROM campaign_run r JOIN campaign c ON c.id = r.campaign_id WHERE c.name = ?"
            " ORDER BY r.id DESC LIMIT 1",
            (name,),
        )
    )
    campaign = await checked(house, source, f"{name}.yaml")
    return CampaignText(
        to_ms(house.clock.now()), name, source, campaign.version, row[0] if row else "",
        tuple(written_in(house, campaign)), tuple(each.name for each in campaign.variants),
    )  # fmt: skip


async def mail(house: House, name: str, asked: Asked) -> CampaignMail:
    """The mail in a language, or as somebody of this address would get it."""
    campaign = await checked(house, await kept_source(house, name), f"{name}.yaml")
    variant, locale = _variant(campaign, asked.text("variant")), asked.text("locale") or house.config.mail.locale
    address = asked.text("address")
    contact = await _reader(house, campaign, address) if address else _nobody(locale)
    tongue = in_tongue(campaign.variant(variant), str(contact["locale"]), house.config.mail.locale)
    is_frame = tongue.is_framed and not address
    shown: Composed | None = None
    fault = ""
    try:
        shown = await _composed(house, framed(campaign, locale) if is_frame else campaign, variant, contact)
    except TemplateFault as err:
        fault = str(err)
    return CampaignMail(
        to_ms(house.clock.now()), name, address or "a made reader", str(contact["locale"]), variant,
        campaign.variant(variant).template, shown.subject if shown else "", shown.header_from if shown else "",
        shown.text if shown else "", len(shown.content) if shown else 0, fault, tuple(languages(house, campaign)),
        tuple(each.name for each in campaign.variants), tuple(written_in(house, campaign)), tongue.missing,
        tongue.instead, is_frame, (tongue.words.subject, tongue.words.heading, tongue.words.text),
    )  # fmt: skip


async def send_test(house: House, office: Office, body: dict[str, Any]) -> Done:
    """Queue one mail of a campaign for an address of one's own: no contact's, counted nowhere; its links change nothing."""
    asked, now = Asked(body), house.clock.now()
    name = asked.text("campaign")
    campaign = await checked(house, await kept_source(house, name), f"{name}.yaml")
    variant, locale = _variant(campaign, asked.text("variant")), asked.text("locale") or house.config.mail.locale
    try:
        to = Address.parse(asked.text("address"))
        made = await _composed(house, campaign, variant, {**_nobody(locale), "address": str(to)})
    except AddressError as err:
        raise Refusal(f"address: {err}") from None
    except TemplateFault as err:
        raise Refusal(str(err), "`posthouse campaign preview` shows it; nothing was sent", 422) from None
    message = NewMessage(
        reverse_path=str(house.composer.address), recipients=(Recipient(to),), content=made.content,
        stream=Stream.TRANSACTIONAL, origin="test", needs_utf8=made.needs_utf8, has_8bit=made.needs_utf8,
        subject=made.subject, header_from=made.header_from, message_id=made.message_id,
    )  # fmt: skip
    queued = await house.store.write(lambda tx: enqueue(tx, message, now, house.config.queue))
    office.tell(wake=[to.domain])
    which = f"{locale}, variant {variant}" if variant else locale
    return Done(f"a test of {name} ({which}) goes to {to}", {"message": queued.message_id})


async def _composed(house: House, campaign: Campaign, variant: str, contact: dict[str, Any]) -> Composed:
    of_list = await house.store.read(lambda tx: _list_of(tx, campaign))
    offered = goods(str(contact["locale"]))
    return compose(
        house.composer, campaign, variant, contact, of_list, subject={}, octets=house.chance.octets(16), mark=None,
        now=house.clock.now(), offered=offered,
    )  # fmt: skip


def _list_of(tx: Tx, campaign: Campaign) -> MailingList | None:
    return get(tx, campaign.audience.of.lists[0]) if campaign.audience.of.lists else None


def _nobody(locale: str) -> dict[str, Any]:
    """A made reader, who is nobody's contact."""
    return {**person(locale, Reader.USUAL), "id": 0, "locale": locale}


async def _reader(house: House, campaign: Campaign, address: str) -> dict[str, Any]:
    try:
        parsed = Address.parse(address)
    except AddressError as err:
        raise Refusal(f"address: {err}") from None

    def look(tx: Tx) -> dict[str, Any] | None:
        contact_id, of_list = find_contact(tx, parsed), _list_of(tx, campaign)
        return facts_of(tx, [contact_id], of_list.id if of_list else 0).get(contact_id) if contact_id else None

    found = await house.store.read(look)
    if found is None:
        raise Refusal(f"nobody is known as {address[:100]}", "`posthouse contact show` looks for people", 404)
    return found


def _variant(campaign: Campaign, wanted: str) -> str:
    names = [each.name for each in campaign.variants]
    if wanted and wanted not in names:
        there = f"there are: {', '.join(names)}" if names else "it has none"
        raise Refusal(f"there is no variant {wanted[:40]}", there)
    return wanted or next(iter(names), "")

"""Why, and why not, over the control socket."""

from dataclasses import replace
from datetime import datetime

from deliverability.address import Address, AddressError
from engine.conductor import Conductor
from engine.control import waits
from engine.control.asked import Asked
from engine.control.protocol.reasons import OriginRow, PassedRow, ReasonRow, WhyNotAnswer
from engine.control.protocol.shaping import WhyMessage
from engine.control.refusal import Refusal
from engine.house import House
from engine.reasons.origin import Origin, origin_of
from engine.reasons.why_not import NoFlow, WhyNot
from engine.reasons.words import Reason
from engine.running.book import FlowBook
from engine.sending.arbiter import Kind
from mta.ports import Tx, to_ms


async def why_not(house: House, name: str, asked: Asked) -> WhyNotAnswer:
    """Why an address did not get a flow's mail, or a campaign's."""
    now = house.clock.now()
    try:
        address = Address.parse(asked.text("address"))
    except AddressError as err:
        raise Refusal(f"address: {err}") from None
    wants_campaign = asked.one_of("kind", ("", str(Kind.FLOW), str(Kind.CAMPAIGN))) == Kind.CAMPAIGN
    question = WhyNot(FlowBook(), house.arbiter, house.arbiter.zone)

    def look(tx: Tx) -> tuple[Kind, tuple[Reason, ...]]:
        kind = Kind.CAMPAIGN if wants_campaign else question.kind_of(tx, name)
        if kind is Kind.CAMPAIGN:
            return kind, question.campaign_reasons(tx, address, name, now)
        return kind, question.reasons(tx, address, name, now)

    try:
        kind, found = await house.store.read(look)
    except NoFlow as err:
        raise Refusal(
            f"{err}{err.hint}", "`posthouse flow list` and `posthouse campaign list` name them", 404
        ) from None
    return WhyNotAnswer(to_ms(now), str(address), name, str(kind), tuple(map(_reason, found)))


async def why_message(house: House, conductor: Conductor, message_id: int) -> WhyMessage | None:
    """Where a message comes from, and what each of its deliveries waits for; None where there is no such message."""
    origin = await house.store.read(lambda tx: origin_of(tx, message_id))
    if origin is None:
        return None
    waiting = await waits.of_message(house, conductor, message_id)
    return replace(waiting or WhyMessage(to_ms(house.clock.now()), message_id), origin=_origin(origin))


def _reason(found: Reason) -> ReasonRow:
    return ReasonRow(found.word, found.text, _ms(found.at), _ms(found.until), dict(found.values))


def _origin(found: Origin) -> OriginRow:
    event, yes = found.event, found.consent
    return OriginRow(
        found.kind, found.by, found.stream.word, to_ms(found.at), found.version, found.step, found.template,
        found.run_key, _ms(found.entered), event.name if event else "", event.key if event else "",
        event.source if event else "", _ms(event.at) if event else None,
        tuple(PassedRow(to_ms(each.at), each.step, each.kind, each.result, each.values) for each in found.passed),
        f"{yes.mailing_list}, {yes.source or 'source unknown'}, {yes.at:%Y-%m-%d}" if yes else "",
        yes.entry or None if yes else None, found.arbiter,
    )  # fmt: skip


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)

"""People's answers to our mail: an event for flows and reports, and the answer itself for a person at the shop.

Which mail it is about is told by the token in the address. A machine's answer is nothing: neither a bounce nor a reply.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from deliverability.address import Address
from deliverability.bounces.conclude import Kind
from deliverability.rawmail import first_value, split_message
from engine.house import House
from engine.sending.answering import Asked, message_of
from engine.sending.forwarding import MARK, forwarded
from mta.inbound.transaction import Transaction
from mta.ports import Tx, to_ms
from mta.queue import expiring, queue
from mta.queue.queue import Settled

ANSWER: Final = "answer: "
A_DAY: Final = timedelta(days=1)
MOST_A_DAY: Final = 20  # of one mail's answers that are passed on: more are somebody's loop
AUTOMATIC: Final = "automatic reply: nothing follows"


def answered(
    house: House, tx: Tx, asked: Asked, transaction: Transaction, report: Mapping[str, Any] | None, now: datetime
) -> tuple[Settled | None, str]:
    """What came to the address of a mail's answers: (the delivery it is about, what was concluded, in words)."""
    message_id = message_of(tx, asked)
    settled = expiring.of_message(tx, message_id) if message_id is not None else None
    if settled is None:
        return None, "for a person: an answer to a mail that nothing is known of any more"
    if report is None or report["kind"] == Kind.AUTO_REPLY:
        return settled, AUTOMATIC
    if report["recipients"] or report["feedback"]:
        return settled, "for a person: a report where answers come in"  # it did not come to the reverse-path
    return settled, take_answer(house, tx, settled, transaction, report, now)


def take_answer(
    house: House, tx: Tx, each: Settled, transaction: Transaction, report: Mapping[str, Any], now: datetime
) -> str:
    """Somebody wrote to an address of one delivery of ours, and it is no report. What was concluded, in words."""
    letter = report["letter"]
    if letter is None:
        return "no report"
    why = letter["machine"] or ("" if transaction.reverse_path else "null reverse-path")
    if why:
        return f"no report; a machine's ({why}): nothing follows" if not transaction.reverse_path else AUTOMATIC
    if first_value(split_message(transaction.content)[0], MARK) is not None:
        return "answer that we passed on ourselves: nothing follows"
    times, is_known = _before(tx, each, transaction.content, now)
    if is_known:
        return "answer that came already"
    if not house.note_answer(tx, each, letter["subject"]):
        return "for a person: an answer to mail that an application handed over"
    what = f"{ANSWER}to delivery {each.delivery_id}"
    if not house.config.mail.answers_to:
        return f"{what}, kept here: mail.answers_to names nobody"
    if times >= MOST_A_DAY:
        return f"{what}, kept here: {times} were passed on within a day"
    to = Address.parse(house.config.mail.answers_to)
    mail = forwarded(
        letter, transaction.content, us=house.composer.address, to=to, about=f"delivery {each.delivery_id}",
        octets=house.chance.octets(16), now=now,
    )  # fmt: skip
    queued = queue.enqueue(tx, mail, now, house.config.queue)
    return f"{what}, passed on to {to} as message {queued.message_id}"


def _before(tx: Tx, each: Settled, content: bytes, now: datetime) -> tuple[int, bool]:
    """(how many answers to this delivery came within a day, whether this one did)."""
    rows = tx.query(
        "SELECT content FROM inbound WHERE delivery_id = ? AND verdict LIKE ? AND at_ms > ? ORDER BY id DESC LIMIT ?",
        (each.delivery_id, f"{ANSWER}%", to_ms(now - A_DAY), MOST_A_DAY),
    )
    return len(rows), any(bytes(row[0]) == content for row in rows)
